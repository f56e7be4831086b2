package docker

import (
	"context"
	"errors"
	"math"
	"sync"
	"time"

	cerrdefs "github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/container"

	"github.com/lugsail/lugsail/platform"
)

// Keep makes the engine start the replica again by itself, also after a restart
// of the daemon or the machine.
func (e *Engine) Keep(ctx context.Context, id string) error {
	return e.setRestart(ctx, id, container.RestartPolicyAlways)
}

// Unkeep takes Keep back.
func (e *Engine) Unkeep(ctx context.Context, id string) error {
	return e.setRestart(ctx, id, container.RestartPolicyDisabled)
}

func (e *Engine) setRestart(ctx context.Context, id string, policy container.RestartPolicyMode) error {
	info, err := e.inspect(ctx, id)
	if err != nil || info.HostConfig.RestartPolicy.Name == policy {
		return err
	}
	return e.update(ctx, id, "changing a container's restart policy",
		container.UpdateConfig{RestartPolicy: container.RestartPolicy{Name: policy}})
}

// Resize changes the limits of a replica while it runs. Memory cannot go below
// what is in use.
func (e *Engine) Resize(ctx context.Context, id string, p platform.Plan) error {
	if p.Memory <= 0 {
		return platform.Errorf(platform.Invalid, "plan_invalid", "The plan %q has no memory limit.", p.Name)
	}
	_, cpus, err := e.Capacity(ctx)
	if err != nil {
		return err
	}
	if _, err := e.inspect(ctx, id); err != nil {
		return err
	}
	return e.update(ctx, id, "changing a container's limits", container.UpdateConfig{Resources: resourcesOf(p, cpus)})
}

func (e *Engine) update(ctx context.Context, id, doing string, change container.UpdateConfig) error {
	err := do(ctx, e, e.limits.quick, doing, func(ctx context.Context) error {
		_, err := e.client.ContainerUpdate(ctx, id, change)
		return err
	})
	if isNotFound(err) {
		return replicaNotFound(id)
	}
	return err
}

// Stop ends a replica or a run: SIGTERM (or what its image says instead), after the grace
// SIGKILL, then its container is removed. One that is gone already is fine.
func (e *Engine) Stop(ctx context.Context, id string, grace time.Duration) error {
	_, err := e.End(ctx, id, grace)
	return err
}

// End is Stop, and tells whether the grace was over before it ended.
func (e *Engine) End(ctx context.Context, id string, grace time.Duration) (killed bool, err error) {
	info, err := e.inspect(ctx, id)
	if platform.IsKind(err, platform.NotFound) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	if info.HostConfig.RestartPolicy.IsAlways() { // else a restart of the daemon right now would bring it back
		if err := e.Unkeep(ctx, id); err != nil && !platform.IsKind(err, platform.NotFound) {
			return false, err
		}
	}
	if info.State.Running && grace > 0 {
		began := time.Now()
		if err := e.terminate(ctx, id, grace); err != nil && !isNotFound(err) {
			return false, err
		}
		killed = time.Since(began) >= grace && e.wasKilled(ctx, id)
	}
	return killed, e.remove(ctx, id)
}

// wasKilled reports whether a container that was stopped ended by SIGKILL.
func (e *Engine) wasKilled(ctx context.Context, id string) bool {
	info, err := e.inspect(ctx, id)
	return err == nil && !info.State.Running && info.State.ExitCode == 137
}

func (e *Engine) terminate(ctx context.Context, id string, grace time.Duration) error {
	seconds := int(math.Ceil(grace.Seconds()))
	return do(ctx, e, grace+e.limits.stop, "stopping a container", func(ctx context.Context) error {
		return e.client.ContainerStop(ctx, id, container.StopOptions{Timeout: &seconds})
	})
}

// remove kills what still runs and removes the container with its anonymous
// volumes, and returns when it is gone.
func (e *Engine) remove(ctx context.Context, id string) error {
	err := do(ctx, e, e.limits.stop, "removing a container", func(ctx context.Context) error {
		return e.client.ContainerRemove(ctx, id, container.RemoveOptions{Force: true, RemoveVolumes: true})
	})
	if cerrdefs.IsConflict(err) { // somebody else is removing it
		err = e.waitGone(ctx, id)
	}
	if err != nil && !isNotFound(err) {
		return err
	}
	e.pids.forget(id)
	e.kills.forget(id)
	return nil
}

func (e *Engine) waitGone(ctx context.Context, id string) error {
	return do(ctx, e, e.limits.stop, "waiting for a container's removal", func(ctx context.Context) error {
		done, errs := e.client.ContainerWait(ctx, id, container.WaitConditionRemoved)
		select {
		case <-done:
			return nil
		case err := <-errs:
			return err
		}
	})
}

// RemoveApp removes all replicas and runs of an app at once and its network.
func (e *Engine) RemoveApp(ctx context.Context, appID string) error {
	if appID == "" {
		return errors.New("removing an app: no id given") // it would mean all apps
	}
	list, err := e.list(ctx, appID)
	if err != nil {
		return err
	}
	errs := make([]error, len(list))
	var wg sync.WaitGroup
	for i, c := range list {
		wg.Go(func() { errs[i] = e.Stop(ctx, c.ID, 0) })
	}
	wg.Wait()
	if err := errors.Join(append(errs, e.endRuns(ctx, appID))...); err != nil {
		return err
	}
	return e.removeNetwork(ctx, appID)
}

func (e *Engine) removeNetwork(ctx context.Context, appID string) error {
	lock := e.networks.lockOf(appID)
	lock.Lock()
	defer lock.Unlock()
	found, err := e.networksOf(ctx, appID)
	if err != nil {
		return err
	}
	for _, n := range found {
		if err := e.clearNetwork(ctx, n.ID, appID); err != nil {
			return err
		}
		err := do(ctx, e, e.limits.quick, "removing the app's network", func(ctx context.Context) error {
			return e.client.NetworkRemove(ctx, n.ID)
		})
		if err != nil && !isNotFound(err) {
			return err
		}
	}
	return nil
}
