package docker

import (
	"context"
	"fmt"
	"io"
	"strconv"
	"time"

	cerrdefs "github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/container"

	"github.com/lugsail/lugsail/platform"
)

// Logs gives the lines that a replica, or a run that is not attached, wrote to fn, oldest first: the last tail of
// them (all when tail is below 0), and with follow also those to come, until the
// replica has ended, ctx ends or fn returns an error. A line longer than 16 KiB is cut.
//
// A follower outlives what ends Docker's own stream: a replica that starts again,
// a restart of the daemon. It drops what old daemons (20.10) repeat when a file is
// rotated; what those skip when an app writes tens of megabytes at once is lost to
// the follower, not to the log.
func (e *Engine) Logs(ctx context.Context, id string, tail int, follow bool, fn func(platform.LogLine) error) error {
	info, err := e.inspect(ctx, id)
	if err != nil {
		return err
	}
	r := e.replicaOf(info)
	f := newFollower(r.Process+"."+strconv.Itoa(r.Index), r.Release, fn)
	if info.Config.Labels[labelRun] != "" {
		f.name, f.release = runName(info.Config.Labels), number(info.Config.Labels[labelRunRelease])
	}
	options := container.LogsOptions{ShowStdout: true, ShowStderr: true, Timestamps: true, Follow: follow, Tail: "all"}
	if tail >= 0 {
		options.Tail = strconv.Itoa(tail)
	}
	for {
		err := e.readLogs(ctx, id, options, f)
		if !options.Follow || !f.opened || f.refused != nil || ctx.Err() != nil {
			return err
		}
		ended, err := e.waitForMore(ctx, id, f)
		if platform.IsKind(err, platform.NotFound) {
			return nil
		}
		if err != nil {
			return err
		}
		options.Follow, options.Tail, options.Since = !ended, "all", f.resume()
	}
}

// readLogs reads one of Docker's streams to its end.
func (e *Engine) readLogs(ctx context.Context, id string, options container.LogsOptions, f *follower) error {
	stream, stop, err := open(ctx, e, "reading a replica's log", func(ctx context.Context) (io.ReadCloser, error) {
		return e.client.ContainerLogs(ctx, id, options)
	})
	if isNotFound(err) || cerrdefs.IsConflict(err) { // Docker's word for one that is being removed
		return replicaNotFound(id)
	}
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

// waitForMore is asked at the end of a stream. It waits while the daemon is away
// or the replica is about to start again, and says whether the replica has ended:
// then one more look gives what the stream has missed.
func (e *Engine) waitForMore(ctx context.Context, id string, f *follower) (ended bool, err error) {
	for {
		r, err := e.Replica(ctx, id)
		if err != nil && !platform.IsKind(err, platform.Unavailable) {
			return false, err
		}
		if err == nil && (r.State == platform.ReplicaExited || r.State == platform.ReplicaCreated) {
			return true, nil
		}
		if err := sleep(ctx, f.nextPause(e.limits.retry)); err != nil {
			return false, fmt.Errorf("reading a replica's log: %w", err)
		}
		if err == nil && r.State != platform.ReplicaRestarting {
			return false, nil
		}
	}
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
