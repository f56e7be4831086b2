package service

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"time"
)

// capLogs keeps each log below its cap: what is there moves into NAME.log.1, and the
// file begins anew. The parts write on, for they append.
func (s *Supervisor) capLogs(ctx context.Context) {
	tick := time.NewTicker(10 * time.Second)
	defer tick.Stop()
	for {
		files, err := filepath.Glob(filepath.Join(s.config.LogDir, "*.log"))
		if err != nil {
			slog.Error("logs cannot be listed", "error", err)
		}
		for _, f := range files {
			if err := capLog(f, s.config.MaxLog); err != nil {
				slog.Error("log cannot be shortened", "error", err)
			}
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

func capLog(path string, most int64) error {
	info, err := os.Stat(path)
	if err != nil || info.Size() <= most {
		return err
	}
	from, err := os.Open(path)
	if err != nil {
		return err
	}
	defer func() { _ = from.Close() }() // nothing was written
	to, err := os.OpenFile(path+".1", os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o640)
	if err != nil {
		return err
	}
	_, err = io.Copy(to, from)
	// Also when the copy failed: a full disk is the reason to shorten the log, not one to keep it.
	return errors.Join(err, to.Close(), os.Truncate(path, 0))
}

// Logs writes the last lines of a part's log, and with follow those that come after them, until ctx ends.
func Logs(ctx context.Context, c Config, part string, lines int, follow bool, out io.Writer) error {
	f, err := os.Open(c.log(part))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("reading the log: %w", err)
	}
	defer func() { _ = f.Close() }() // nothing was written
	if err := lastLines(f, lines, out); err != nil {
		return err
	}
	for follow {
		if err := shortened(f); err != nil {
			return err
		}
		if _, err := io.Copy(out, f); err != nil {
			return fmt.Errorf("reading the log: %w", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(200 * time.Millisecond):
		}
	}
	return nil
}

// shortened begins at the start again when the file is shorter than what was read of it.
func shortened(f *os.File) error {
	at, err := f.Seek(0, io.SeekCurrent)
	if err != nil {
		return fmt.Errorf("reading the log: %w", err)
	}
	info, err := f.Stat()
	if err != nil {
		return fmt.Errorf("reading the log: %w", err)
	}
	if info.Size() < at {
		_, err = f.Seek(0, io.SeekStart)
	}
	return err
}

// lastLines keeps a ring of n lines while it reads.
func lastLines(r io.Reader, n int, out io.Writer) error {
	var ring []string
	next := 0 // the oldest, once the ring is full
	in := bufio.NewReader(r)
	for {
		line, err := in.ReadString('\n')
		switch {
		case line == "" || n <= 0:
		case len(ring) < n:
			ring = append(ring, line)
		default:
			ring[next] = line
			next = (next + 1) % n
		}
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return fmt.Errorf("reading the log: %w", err)
		}
	}
	ring = append(ring[next:], ring[:next]...)
	for _, line := range ring {
		if _, err := io.WriteString(out, line); err != nil {
			return err
		}
	}
	return nil
}
