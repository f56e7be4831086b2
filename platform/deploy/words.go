package deploy

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/lugsail/lugsail/platform"
)

// What is kept of the output of each replica that is stopped; the rest goes with its container.
const (
	keptLines = 200
	keptBytes = 32 << 10
	keptLine  = 8 << 10 // of one line: the app's log cuts at 16 KiB, its marks and what hides secrets included
	hearTime  = 3 * time.Second
)

// ear hears a replica: what it had written when it was told to end, and, once more from there, all until it has ended.
type ear struct {
	replica       platform.Replica
	before, until lastWords
	done          chan struct{}
}

// lastWords are the newest lines of a replica within the limits.
type lastWords struct {
	lines []platform.LogLine
	bytes int
}

func (w *lastWords) add(l platform.LogLine) error {
	if len(l.Text) > keptLine {
		l.Text = l.Text[:keptLine]
	}
	w.lines, w.bytes = append(w.lines, l), w.bytes+len(l.Text)
	for len(w.lines) > keptLines || w.bytes > keptBytes {
		w.bytes -= len(w.lines[0].Text)
		w.lines = w.lines[1:]
	}
	return nil
}

// words are the newest that were heard: a replica may be gone before the second hearing has begun.
func (e *ear) words() []platform.LogLine {
	before, until := e.before.lines, e.until.lines
	if len(until) == 0 || len(before) > 0 && until[len(until)-1].At.Before(before[len(before)-1].At) {
		return before
	}
	return until
}

// listen hears replicas that are about to be stopped. keep ends that and, when they have gone, writes their last
// lines into the app's log, where people look for why it was, or what it did last.
func (c *Conductor) listen(ctx context.Context, replicas []platform.Replica) (keep func(gone bool)) {
	listening, cancel := context.WithCancel(ctx)
	ears := make([]*ear, len(replicas))
	var first sync.WaitGroup
	for i, r := range replicas {
		e := &ear{replica: r, done: make(chan struct{})}
		ears[i] = e
		first.Go(func() {
			within, stop := context.WithTimeout(listening, hearTime)
			defer stop()
			c.hear(within, e.replica, false, &e.before)
		})
	}
	first.Wait()
	for _, e := range ears {
		go func() {
			defer close(e.done)
			if e.replica.State == platform.ReplicaRunning {
				c.hear(listening, e.replica, true, &e.until)
			}
		}()
	}
	return func(gone bool) {
		if !gone {
			cancel()
		}
		late := time.AfterFunc(hearTime, cancel)
		for _, e := range ears {
			<-e.done // at the latest when listening ends
		}
		late.Stop()
		cancel()
		if !gone {
			return // they have their output still
		}
		for _, e := range ears {
			if err := c.keepWords(ctx, e.replica, e.words()); err != nil {
				slog.WarnContext(ctx, "last lines of a replica not kept", "replica", e.replica.ID, "error", err)
			}
		}
	}
}

func (c *Conductor) hear(ctx context.Context, r platform.Replica, follow bool, words *lastWords) {
	err := c.Replicas.Inspector.Logs(ctx, r.ID, keptLines, follow, words.add)
	if err != nil && !platform.IsKind(err, platform.NotFound) {
		slog.InfoContext(ctx, "last output of a replica not read", "replica", r.ID, "error", err)
	}
}

// keepWords writes them down without the secret values of the app and of the replica's own release. Where these
// cannot be read, nothing is written.
func (c *Conductor) keepWords(ctx context.Context, r platform.Replica, lines []platform.LogLine) (err error) {
	if len(lines) == 0 {
		return nil
	}
	hidden, err := c.Secrets(ctx, r.AppID)
	if err != nil {
		return fmt.Errorf("learning what the log must not show: %w", err)
	}
	release, err := c.Releases.Store.ReleaseByNumber(ctx, r.AppID, r.Release)
	if err != nil {
		return fmt.Errorf("reading release %d: %w", r.Release, err)
	}
	file, err := c.Journal.Writer(platform.AppLog(r.AppID))
	if err != nil {
		return fmt.Errorf("opening the app's log: %w", err)
	}
	log := c.Redact(file, slices.AppendSeq(hidden, maps.Values(release.ConfigVars)))
	defer func() { err = errors.Join(err, log.Close(), file.Close()) }()
	var text strings.Builder
	for _, l := range lines {
		text.WriteString(platform.KeptLine(l) + "\n")
	}
	if _, err := io.WriteString(log, text.String()); err != nil {
		return fmt.Errorf("writing the app's log: %w", err)
	}
	return nil
}
