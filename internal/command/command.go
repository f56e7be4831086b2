// Package command runs other programs. It is the only package that may: every
// program is started from a list of arguments, never through a shell, with an
// environment that is given and not inherited.
package command

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// Command is a program to run.
type Command struct {
	Name   string   // a program's name, looked up in PATH, or an absolute path
	Args   []string // without the program's own name
	Dir    string
	Env    []string // NAME=value; PATH is added when missing; nothing is inherited
	Stdin  io.Reader
	Stdout io.Writer     // nil: kept for the error text only
	Stderr io.Writer     // nil: kept for the error text only
	Grace  time.Duration // between SIGTERM and SIGKILL when the context ends; 0 means 5 seconds
	Attr   *syscall.SysProcAttr
	Files  []*os.File // inherited as 3, 4 …
}

// ExitError says that the program ran and ended with a status other than 0.
type ExitError struct {
	Name   string
	Code   int    // -1 when a signal ended it
	Output string // the last 4 KiB of what went to Stdout and Stderr where those were nil
}

// Error names the program, its status and the end of its output.
func (e *ExitError) Error() string {
	text := fmt.Sprintf("%s: exit status %d", e.Name, e.Code)
	if out := strings.TrimSpace(e.Output); out != "" {
		text += ": " + out
	}
	return text
}

// Run starts the program and waits for it. When ctx ends, the program gets SIGTERM, then SIGKILL.
func (c Command) Run(ctx context.Context) error {
	cmd, tail := c.build(ctx)
	err := cmd.Run()
	if ctx.Err() != nil {
		return fmt.Errorf("%s: %w", filepath.Base(c.Name), ctx.Err())
	}
	return c.explain(err, tail)
}

// Start starts the program and leaves waiting to the caller.
func (c Command) Start(ctx context.Context) (*exec.Cmd, error) {
	cmd, tail := c.build(ctx)
	if err := cmd.Start(); err != nil {
		return nil, c.explain(err, tail)
	}
	return cmd, nil
}

// Output runs the program and returns what it wrote to standard output.
func (c Command) Output(ctx context.Context) ([]byte, error) {
	var out bytes.Buffer
	c.Stdout = &out
	err := c.Run(ctx)
	return out.Bytes(), err
}

func (c Command) build(ctx context.Context) (*exec.Cmd, *tail) {
	cmd := exec.CommandContext(ctx, c.Name, c.Args...)
	rest := &tail{}
	cmd.Dir, cmd.Stdin, cmd.Stdout, cmd.Stderr = c.Dir, c.Stdin, c.Stdout, c.Stderr
	if cmd.Stdout == nil {
		cmd.Stdout = rest
	}
	if cmd.Stderr == nil {
		cmd.Stderr = rest
	}
	cmd.Env = withPath(c.Env)
	cmd.SysProcAttr = c.Attr
	cmd.ExtraFiles = c.Files
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = c.Grace
	if cmd.WaitDelay == 0 {
		cmd.WaitDelay = 5 * time.Second
	}
	return cmd, rest
}

func (c Command) explain(err error, rest *tail) error {
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return &ExitError{Name: filepath.Base(c.Name), Code: exit.ExitCode(), Output: rest.String()}
	}
	if err != nil {
		return fmt.Errorf("running %s: %w", filepath.Base(c.Name), err)
	}
	return nil
}

// Find reports where a program is, or "" when the machine does not have it.
func Find(name string) string {
	path, err := exec.LookPath(name)
	if err != nil {
		return ""
	}
	return path
}

func withPath(env []string) []string {
	for _, v := range env {
		if strings.HasPrefix(v, "PATH=") {
			return env
		}
	}
	return append([]string{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"}, env...)
}

// tail keeps the last 4 KiB written to it.
type tail struct{ b []byte }

func (t *tail) Write(p []byte) (int, error) {
	t.b = append(t.b, p...)
	if over := len(t.b) - 4096; over > 0 {
		t.b = append(t.b[:0], t.b[over:]...)
	}
	return len(p), nil
}

func (t *tail) String() string { return string(t.b) }
