package buildpack

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"os/signal"
	"regexp"
	"slices"
	"strings"
	"syscall"

	"github.com/lugsail/lugsail/internal/command"
)

// Program is a program to run in the build.
type Program struct {
	Name string
	Args []string
	Dir  string
	Env  []string               // on top of the build's own
	Tail *Tail                  // keeps the end of the output, when a failure shall be explained by it
	Mute bool                   // the output goes to Tail only
	Skip func(line string) bool // lines for which it says yes go to Tail only
}

// Run runs the program with its output in the build log. It ends with this process.
func (p Program) Run() error {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	if p.Tail == nil {
		p.Tail = &Tail{}
	}
	out := io.MultiWriter(os.Stdout, p.Tail)
	if p.Skip != nil {
		lines := &lineWriter{skip: p.Skip}
		defer lines.flush()
		out = io.MultiWriter(lines, p.Tail)
	}
	if p.Mute {
		out = p.Tail
	}
	c := command.Command{Name: p.Name, Args: p.Args, Dir: p.Dir, Env: overlay(os.Environ(), p.Env), Stdout: out, Stderr: out}
	return c.Run(ctx)
}

// lineWriter prints the lines that are not skipped, each when it is complete.
type lineWriter struct {
	skip func(string) bool
	line []byte
}

func (w *lineWriter) Write(p []byte) (int, error) {
	for part := range bytes.Lines(p) {
		w.line = append(w.line, part...)
		if bytes.HasSuffix(part, []byte("\n")) || len(w.line) > 64<<10 {
			w.flush()
		}
	}
	return len(p), nil
}

func (w *lineWriter) flush() {
	if text := strings.TrimRight(string(w.line), "\r\n"); len(w.line) > 0 && !w.skip(text) {
		_, _ = os.Stdout.WriteString(text + "\n") // a log that cannot be written must not stop a build
	}
	w.line = w.line[:0]
}

func overlay(base, more []string) []string {
	merged := slices.Clone(base)
	for _, v := range more {
		name, _, _ := strings.Cut(v, "=")
		merged = slices.DeleteFunc(merged, func(old string) bool { return strings.HasPrefix(old, name+"=") })
		merged = append(merged, v)
	}
	return merged
}

// Killed reports whether the kernel or Lugsail ended the program.
func Killed(err error) bool {
	var exit *command.ExitError
	return errors.As(err, &exit) && (exit.Code == -1 || exit.Code == 137)
}

// MemoryHint is what to do about a build that wants too much memory.
const MemoryHint = "Make the build smaller: fewer or lighter modules, or build on your machine and push the result."

// OutOfMemory is the failure of a program that was killed, or that gave up for want of memory.
func OutOfMemory(what string) error {
	return Failf("build_out_of_memory", MemoryHint, "The build needed more memory than it may have: %s", what)
}

// Tail keeps the last 64 KiB of an output.
type Tail struct{ kept []byte }

func (t *Tail) Write(p []byte) (int, error) {
	t.kept = append(t.kept, p...)
	if over := len(t.kept) - 64<<10; over > 0 {
		t.kept = append(t.kept[:0], t.kept[over:]...)
	}
	return len(p), nil
}

// colors are what programs put around words for terminals.
var colors = regexp.MustCompile("\x1b\\[[0-9;]*[A-Za-z]")

// Lines gives the kept lines, without empty ones and without colours.
func (t *Tail) Lines() []string {
	var lines []string
	for line := range strings.Lines(string(colors.ReplaceAll(t.kept, nil))) {
		if line = strings.TrimSpace(line); line != "" {
			lines = append(lines, line)
		}
	}
	return lines
}
