package docker

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"sync"
	"time"

	"github.com/docker/docker/api/types"
	"github.com/docker/docker/api/types/container"

	"github.com/lugsail/lugsail/platform"
)

// terminal is the connection to a command: in a container of its own, or in a replica.
type terminal struct {
	engine *Engine
	conn   types.HijackedResponse
	stop   context.CancelFunc
	tty    bool
	of     commanded
	once   sync.Once
}

// commanded is what the two kinds do differently.
type commanded interface {
	resize(ctx context.Context, o container.ResizeOptions) error
	signal(ctx context.Context, name string) error
	ended(ctx context.Context) (platform.RunEnd, bool, error)
	close(ctx context.Context, grace time.Duration) (killed bool, err error)
}

// Write gives the command input.
func (t *terminal) Write(p []byte) (int, error) { return t.conn.Conn.Write(p) }

// CloseInput tells the command that no more input comes.
func (t *terminal) CloseInput() error { return t.conn.CloseWrite() }

// Output gives what the command writes to take, until it has closed its output or take refuses.
func (t *terminal) Output(take func(stream string, data []byte) error) error {
	var err error
	if t.tty {
		err = t.raw(take)
	} else {
		err = demultiplex(t.conn.Reader, func(stream byte, data []byte) error {
			if stream == stderrStream {
				return take("stderr", data)
			}
			return take("stdout", data)
		})
	}
	if errors.Is(err, net.ErrClosed) {
		return nil // Close was called
	}
	return err
}

func (t *terminal) raw(take func(stream string, data []byte) error) error {
	buffer := make([]byte, 16<<10)
	for {
		n, err := t.conn.Reader.Read(buffer)
		if n > 0 {
			if err := take("stdout", buffer[:n]); err != nil {
				return err
			}
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// Resize tells the command's terminal its new size.
func (t *terminal) Resize(ctx context.Context, size platform.Size) error {
	if !t.tty {
		return nil
	}
	return do(ctx, t.engine, t.engine.limits.quick, "resizing a terminal", func(ctx context.Context) error {
		return t.of.resize(ctx, container.ResizeOptions{Width: uint(size.Columns), Height: uint(size.Rows)})
	})
}

// signals are those that a person may send.
var signals = []string{"INT", "TERM", "QUIT", "HUP"}

// Signal sends the command a signal.
func (t *terminal) Signal(ctx context.Context, name string) error {
	if !slices.Contains(signals, name) {
		return platform.Errorf(platform.Invalid, "signal_unknown", "%.10q is not a signal that can be sent.", name)
	}
	return do(ctx, t.engine, t.engine.limits.quick, "sending a signal", func(ctx context.Context) error { return t.of.signal(ctx, name) })
}

// End waits for the command's end.
func (t *terminal) End(ctx context.Context) (platform.RunEnd, error) {
	for pause := 10 * time.Millisecond; ; pause = min(2*pause, time.Second) {
		end, ended, err := t.of.ended(ctx)
		if err == nil && ended {
			return end, nil
		}
		if err != nil && !platform.IsKind(err, platform.Unavailable) {
			return end, err
		}
		if err := sleep(ctx, pause); err != nil {
			return end, fmt.Errorf("waiting for a command: %w", err)
		}
	}
}

// Close ends the command and removes what is left of it.
func (t *terminal) Close(ctx context.Context, grace time.Duration) (killed bool, err error) {
	defer t.hangUp()
	return t.of.close(ctx, grace)
}

func (t *terminal) hangUp() {
	t.once.Do(func() {
		t.conn.Close()
		t.stop()
	})
}
