package cnb

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"sync"
)

// tail keeps the last 8 KiB that were written.
type tail struct {
	mu   sync.Mutex
	kept []byte
}

func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.kept = append(t.kept, p...)
	if over := len(t.kept) - 8<<10; over > 0 {
		t.kept = append(t.kept[:0], t.kept[over:]...)
	}
	return len(p), nil
}

func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return strings.TrimSpace(string(t.kept))
}

// last is the last line that is not empty.
func (t *tail) last() string {
	text := t.String()
	if text == "" {
		return "it said nothing"
	}
	return strings.TrimSpace(text[strings.LastIndexByte(text, '\n')+1:])
}

// maxLine bounds a line of the build log.
const maxLine = 16 << 10

// buildLog passes on what buildpacks print and hides what the lifecycle says of its own work.
type buildLog struct {
	mu       sync.Mutex // pack may still write when it has returned from a build that was cancelled
	closed   bool
	out      io.Writer
	limit    int64 // bytes that may come yet, also those that are hidden or cut off
	exceeded func()
	building bool
	line     []byte
	hidden   *tail
	stored   func() // the lifecycle says that the image is in the registry
}

var marker = []byte("===> ")

// Write takes the lifecycle's output as it comes.
func (l *buildLog) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	written := len(p)
	if l.closed {
		return written, nil
	}
	if l.limit -= int64(len(p)); l.limit < 0 {
		l.closed = true
		l.exceeded()
		return written, nil
	}
	for len(p) > 0 {
		end := bytes.IndexByte(p, '\n')
		part := p
		if end >= 0 {
			part = p[:end]
		}
		if room := maxLine - len(l.line); room > 0 {
			l.line = append(l.line, part[:min(room, len(part))]...)
		}
		if end < 0 {
			break
		}
		l.emit()
		p = p[end+1:]
	}
	return written, nil
}

// close ends a line that has no end. What comes afterwards is lost.
func (l *buildLog) close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.line) > 0 && !l.closed {
		l.emit()
	}
	l.closed = true
}

func (l *buildLog) emit() {
	line := bytes.TrimRight(l.line, "\r")
	l.line = l.line[:0]
	switch {
	case bytes.HasPrefix(line, marker):
		l.building = string(bytes.TrimPrefix(line, marker)) == "BUILDING"
	case !l.building, noise(line):
		if !l.building && bytes.HasPrefix(line, []byte("*** Images (sha256:")) {
			l.stored()
		}
		_, _ = l.hidden.Write(append(line, '\n')) // memory
	default:
		_, _ = l.out.Write(append(line, '\n')) // a log that cannot be written must not stop a build
	}
}

// noise is what the lifecycle says between the lines of buildpacks.
func noise(line []byte) bool {
	for _, start := range []string{"ERROR: failed to build", "Timer: ", "Warning: ", "ERROR: failed to "} {
		if bytes.HasPrefix(line, []byte(start)) {
			return true
		}
	}
	return false
}

// packLogger gives pack somewhere to write. Its own words go where nobody reads them unless it fails.
type packLogger struct {
	out    *tail
	writer io.Writer // for the containers' output; nil means out
}

func (l *packLogger) say(text string)          { _, _ = fmt.Fprintln(l.out, strings.TrimSpace(text)) }
func (l *packLogger) Debug(string)             {}
func (l *packLogger) Debugf(string, ...any)    {}
func (l *packLogger) Info(m string)            { l.say(m) }
func (l *packLogger) Infof(f string, v ...any) { l.say(fmt.Sprintf(f, v...)) }
func (l *packLogger) Warn(m string)            { l.say(m) }
func (l *packLogger) Warnf(f string, v ...any) { l.say(fmt.Sprintf(f, v...)) }
func (l *packLogger) Error(m string)           { l.say(m) }
func (l *packLogger) Errorf(f string, v ...any) {
	l.say(fmt.Sprintf(f, v...))
}
func (l *packLogger) IsVerbose() bool { return false }

// Writer is where the containers' output goes.
func (l *packLogger) Writer() io.Writer {
	if l.writer == nil {
		return l.out
	}
	return l.writer
}
