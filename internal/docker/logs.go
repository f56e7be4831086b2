package docker

import (
	"context"
	"fmt"
	"io"
	"strconv"
	"time"

	"github.com/docker/docker/api/types/container"

	"github.com/lugsail/lugsail/platform"
)

// Logs gives the lines that a replica wrote to fn, oldest first: the last tail of
// them (all when tail is below 0), and with follow also those to come, until the
// replica has ended, ctx ends or fn returns an error. A line longer than 16 KiB is cut.
//
// A follower outlives what ends Docker's own stream: a file that was rotated too
// fast, a replica that starts again, a restart of the daemon.
func (e *Engine) Logs(ctx context.Context, id string, tail int, follow bool, fn func(platform.LogLine) error) error {
	info, err := e.inspect(ctx, id)
	if err != nil {
		return err
	}
	r := e.replicaOf(info)
	f := &follower{fn: fn, name: r.Process + "." + strconv.Itoa(r.Index), release: r.Release, pause: time.Second / 20}
	options := container.LogsOptions{ShowStdout: true, ShowStderr: true, Timestamps: true, Follow: follow, Tail: "all"}
	if tail >= 0 {
		options.Tail = strconv.Itoa(tail)
	}
	began := time.Now()
	for {
		err := e.readLogs(ctx, id, options, f)
		if !follow || !f.opened || f.refused != nil {
			return err
		}
		if again, err := e.waitForMore(ctx, id, err, f); !again || err != nil {
			return err
		}
		options.Tail, options.Since = "all", f.since(began)
		f.resume()
	}
}

// readLogs reads one of Docker's streams to its end.
func (e *Engine) readLogs(ctx context.Context, id string, options container.LogsOptions, f *follower) error {
	stream, stop, err := open(ctx, e, "reading a replica's log", func(ctx context.Context) (io.ReadCloser, error) {
		return e.client.ContainerLogs(ctx, id, options)
	})
	if err != nil {
		return err
	}
	defer stop()
	defer func() { _ = stream.Close() }() // only read
	f.opened = true
	err = demultiplex(stream, f.take)
	if f.refused != nil {
		return f.refused
	}
	if ctx.Err() != nil {
		return fmt.Errorf("reading a replica's log: %w", ctx.Err())
	}
	return explain(err, "reading a replica's log")
}

// waitForMore decides after the end of a stream whether another will come, and waits for it.
func (e *Engine) waitForMore(ctx context.Context, id string, ended error, f *follower) (bool, error) {
	for {
		r, err := e.Replica(ctx, id)
		switch {
		case ctx.Err() != nil:
			return false, fmt.Errorf("reading a replica's log: %w", ctx.Err())
		case platform.IsKind(err, platform.NotFound):
			return false, nil
		case err != nil && !platform.IsKind(err, platform.Unavailable):
			return false, err
		case err == nil && (r.State == platform.ReplicaExited || r.State == platform.ReplicaCreated):
			return f.finish(ended)
		}
		if err := sleep(ctx, f.nextPause(e.limits.retry)); err != nil {
			return false, fmt.Errorf("reading a replica's log: %w", err)
		}
		if err == nil && r.State != platform.ReplicaRestarting {
			return true, nil
		}
	}
}

// follower gives lines on, and knows where to go on in the next stream.
type follower struct {
	fn      func(platform.LogLine) error
	name    string
	release int
	opened  bool  // a stream was had
	refused error // what fn said
	pause   time.Duration

	lines  [2]assembler // stdout, stderr
	last   time.Time    // of the newest record taken
	atLast int          // records taken with that very time
	skip   int          // records of that time that the next stream repeats
	dry    bool         // the last stream broke and no other was read since
}

// take is given each record of the stream.
func (f *follower) take(stream byte, record []byte) error {
	at, text, ok := splitTime(record)
	if !ok {
		return fmt.Errorf("a record without a time")
	}
	if f.repeats(at) {
		return nil
	}
	f.pause = time.Second / 20
	name := "stdout"
	assembler := &f.lines[0]
	if stream == stderrStream {
		name, assembler = "stderr", &f.lines[1]
	}
	line, complete := assembler.add(text)
	if !complete {
		return nil
	}
	f.refused = f.fn(platform.LogLine{At: at, Replica: f.name, Release: f.release, Stream: name, Text: line})
	return f.refused
}

// repeats reports whether a record was taken from the stream before, and counts those that were not.
func (f *follower) repeats(at time.Time) bool {
	switch {
	case at.After(f.last):
		f.last, f.atLast, f.skip = at, 1, 0
		return false
	case f.skip == 0: // the two streams are not quite in order
		if at.Equal(f.last) {
			f.atLast++
		}
		return false
	case at.Equal(f.last):
		f.skip--
	}
	return true
}

// since is the time to ask the next stream from.
func (f *follower) since(began time.Time) string {
	from := f.last
	if from.IsZero() {
		from = began
	}
	return fmt.Sprintf("%d.%09d", from.Unix(), from.Nanosecond())
}

func (f *follower) resume() { f.skip = f.atLast }

// finish is asked at the end of a replica: what broke the last stream may have cost lines, so one more is read.
func (f *follower) finish(ended error) (again bool, err error) {
	if ended == nil || f.dry {
		return false, ended
	}
	f.dry = true
	return true, nil
}

func (f *follower) nextPause(most time.Duration) time.Duration {
	pause := f.pause
	f.pause = min(2*f.pause, most)
	return pause
}

func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}
