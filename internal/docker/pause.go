package docker

import (
	"context"
	"errors"

	"github.com/docker/docker/api/types/container"

	"github.com/lugsail/lugsail/platform"
)

// Pause lets a replica stand still: it keeps its memory and its connections, and does nothing until Resume. One that
// stands still already is fine; one that does not run answers Conflict, code replica_not_running.
func (e *Engine) Pause(ctx context.Context, id string) error {
	info, err := e.inspect(ctx, id)
	if err != nil || info.State.Paused {
		return err
	}
	if !info.State.Running || info.State.Restarting {
		return platform.Errorf(platform.Conflict, "replica_not_running", "The replica is not running just now.")
	}
	return do(ctx, e, e.limits.quick, "pausing a container", func(ctx context.Context) error { return e.client.ContainerPause(ctx, id) })
}

// Resume takes Pause back. A replica that does not stand still, or is gone, is fine.
func (e *Engine) Resume(ctx context.Context, id string) error {
	info, err := e.inspect(ctx, id)
	if platform.IsKind(err, platform.NotFound) || err == nil && !info.State.Paused {
		return nil
	}
	if err != nil {
		return err
	}
	return do(ctx, e, e.limits.quick, "resuming a container", func(ctx context.Context) error {
		return ignoreMissing(e.client.ContainerUnpause(ctx, id))
	})
}

// ResumeAll takes every Pause back, and tells how many there were.
func (e *Engine) ResumeAll(ctx context.Context) (int, error) {
	list, err := e.listOf(ctx, e.replicas(""))
	if err != nil {
		return 0, err
	}
	resumed := 0
	var errs []error
	for _, c := range list {
		if c.State == container.StatePaused {
			resumed++
			errs = append(errs, e.Resume(ctx, c.ID))
		}
	}
	return resumed, errors.Join(errs...)
}
