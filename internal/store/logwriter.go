package store

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"syscall"
)

const (
	logTime      = "2006-01-02T15:04:05.000Z"
	logTruncated = "The log has reached 20 MiB; the rest is left out, but for its last lines."

	logEnd  = 4 << 10 // of the last lines
	logFull = maxLogBytes - 4*logEnd
)

// logFile is the open end of a log, shared by its writers.
type logFile struct {
	writers int // guarded by Logs.mu

	mu      sync.Mutex
	f       *os.File
	size    int64
	endless bool
	full    bool
	end     []byte // once it is full: the last lines, where the reason of a failure stands
}

// openLogFile opens the file for appending. A crash may have left half a line: it is ended.
func openLogFile(path string, endless bool) (_ *logFile, err error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return nil, fmt.Errorf("opening the log: %w", logError(filepath.Dir(path), err))
	}
	defer func() {
		if err != nil {
			_ = f.Close() // already failing
		}
	}()
	info, err := f.Stat()
	if err != nil {
		return nil, fmt.Errorf("opening the log: %w", err)
	}
	file := &logFile{f: f, size: info.Size(), endless: endless, full: !endless && info.Size() >= logFull-maxLogLine}
	if file.size == 0 {
		return file, nil
	}
	last := make([]byte, 1)
	if _, err := f.ReadAt(last, file.size-1); err != nil {
		return nil, fmt.Errorf("reading the log's end: %w", err)
	}
	if last[0] == '\n' {
		return file, nil
	}
	return file, file.append([]byte("\n"))
}

func (f *logFile) append(b []byte) error {
	n, err := f.f.Write(b)
	f.size += int64(n)
	if err != nil {
		return fmt.Errorf("writing the log: %w", logError(filepath.Dir(f.f.Name()), err))
	}
	return nil
}

// logWriter is one writer's unfinished line.
type logWriter struct {
	logs   *Logs
	id     string
	file   *logFile
	rest   []byte
	closed bool
}

// Write keeps whole lines, each with its time, in one append, and wakes the followers.
func (w *logWriter) Write(p []byte) (int, error) {
	if w.closed {
		return 0, os.ErrClosed
	}
	w.rest = append(w.rest, p...)
	var out []byte
	for {
		line, rest, ok := nextLine(w.rest)
		if !ok {
			break
		}
		out, w.rest = w.stamp(out, line), rest
	}
	w.rest = append([]byte(nil), w.rest...)
	return len(p), w.keep(out)
}

// nextLine cuts a line off: up to the next line feed, or a piece of one that is too long.
func nextLine(b []byte) (line, rest []byte, ok bool) {
	if i := bytes.IndexByte(b, '\n'); i >= 0 && i <= maxLogLine {
		return b[:i], b[i+1:], true
	}
	if len(b) > maxLogLine {
		return b[:maxLogLine], b[maxLogLine:], true
	}
	return nil, b, false
}

func (w *logWriter) stamp(out, line []byte) []byte {
	out = w.logs.now().AppendFormat(out, logTime)
	out = append(out, ' ')
	out = append(out, bytes.TrimSuffix(line, []byte("\r"))...)
	return append(out, '\n')
}

func (w *logWriter) keep(out []byte) error {
	if len(out) == 0 {
		return nil
	}
	w.file.mu.Lock()
	defer w.file.mu.Unlock()
	if w.file.full {
		w.file.holdEnd(out)
		return nil
	}
	defer w.logs.waiter.wake(w.id)
	if w.file.endless {
		return w.keepAll(out)
	}
	if left := logFull - w.file.size; int64(len(out)) > left {
		fits := bytes.LastIndexByte(out[:max(left, 0)], '\n') + 1
		w.file.full = true
		w.file.holdEnd(out[fits:])
		out = w.stamp(out[:fits:fits], []byte(logTruncated))
	}
	return w.file.append(out)
}

// keepAll adds to a log without end, in a new file when the present one is long enough.
func (w *logWriter) keepAll(out []byte) error {
	var err error
	if w.file.size > 0 && w.file.size+int64(len(out)) > maxLogFile {
		err = w.logs.rotate(w.file)
	}
	return errors.Join(err, w.file.append(out))
}

// holdEnd keeps the last whole lines.
func (f *logFile) holdEnd(out []byte) {
	f.end = append(f.end, out...)
	if over := len(f.end) - logEnd; over > 0 {
		cut := over + bytes.IndexByte(f.end[over:], '\n') + 1
		f.end = append([]byte(nil), f.end[cut:]...)
	}
}

// writeEnd writes what holdEnd kept, as long as there is room.
func (f *logFile) writeEnd() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	end := f.end
	f.end = nil
	if len(end) == 0 || f.size+int64(len(end)) > maxLogBytes {
		return nil
	}
	return f.append(end)
}

// Close writes an unfinished line and wakes the followers.
func (w *logWriter) Close() error {
	if w.closed {
		return os.ErrClosed
	}
	w.closed = true
	var err error
	if len(w.rest) > 0 {
		err = w.keep(w.stamp(nil, w.rest))
	}
	err = errors.Join(err, w.file.writeEnd(), w.logs.release(w.id, w.file))
	w.logs.waiter.wake(w.id)
	return err
}

// logError says it plainly when the disk is full.
func logError(dir string, err error) error {
	if errors.Is(err, syscall.ENOSPC) {
		return diskFull(dir).Because(err)
	}
	return err
}
