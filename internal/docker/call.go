package docker

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	cerrdefs "github.com/containerd/errdefs"
	"github.com/docker/docker/client"

	"github.com/lugsail/lugsail/platform"
)

// call asks the daemon one thing, within a limit.
func call[T any](ctx context.Context, e *Engine, limit time.Duration, doing string, ask func(context.Context) (T, error)) (T, error) {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	if err := e.agree(ctx); err != nil {
		var none T
		return none, explain(err, doing)
	}
	answer, err := ask(ctx)
	return answer, explain(err, doing)
}

// do is call for what has no answer.
func do(ctx context.Context, e *Engine, limit time.Duration, doing string, ask func(context.Context) error) error {
	_, err := call(ctx, e, limit, doing, func(ctx context.Context) (struct{}, error) { return struct{}{}, ask(ctx) })
	return err
}

// open is call for streams: the limit holds for the opening only. The stream
// lives until close is called or ctx ends.
func open[T any](ctx context.Context, e *Engine, doing string, ask func(context.Context) (T, error)) (stream T, stop context.CancelFunc, err error) {
	ctx, cancel := context.WithCancelCause(ctx)
	stop = func() { cancel(nil) }
	late := time.AfterFunc(e.limits.quick, func() { cancel(context.DeadlineExceeded) })
	defer late.Stop()
	if err = e.agree(ctx); err == nil {
		stream, err = ask(ctx)
	}
	if err != nil && errors.Is(context.Cause(ctx), context.DeadlineExceeded) {
		err = context.DeadlineExceeded
	}
	if err != nil {
		stop()
	}
	return stream, stop, explain(err, doing)
}

// explain tells a daemon that does not answer, or has no room, from one that answers with another error.
func explain(err error, doing string) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, context.DeadlineExceeded), client.IsErrConnectionFailed(err):
		return platform.Errorf(platform.Unavailable, "docker_unavailable", "Docker is not answering.").
			WithHint("Running apps go on. Lugsail tries again by itself; if it stays so, restart Docker (where systemd runs: systemctl restart docker).").
			Because(fmt.Errorf("%s: %w", doing, err))
	case strings.Contains(err.Error(), "no space left on device"): // the daemon has no other word for it
		return platform.Errorf(platform.NoRoom, "disk_full", "The server's disk is full.").
			WithHint("Free some space on the disk that Docker uses and try again.").Because(fmt.Errorf("%s: %w", doing, err))
	}
	return fmt.Errorf("%s: %w", doing, err)
}

// afterwards is a context for clean-up that must happen though ctx has ended.
func afterwards(ctx context.Context, limit time.Duration) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(ctx), limit)
}

func isNotFound(err error) bool { return cerrdefs.IsNotFound(err) }

func replicaNotFound(id string) error {
	return platform.Errorf(platform.NotFound, "replica_not_found", "There is no replica %s any more.", short(id))
}

func short(id string) string { return id[:min(len(id), 12)] }
