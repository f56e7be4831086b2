package docker

import (
	"cmp"
	"context"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/docker/docker/api/types/container"

	"github.com/lugsail/lugsail/platform"
)

// inspections at once; more only queue inside the daemon.
const inspections = 8

// Replica looks at one replica. One that is gone, or is not ours, is NotFound.
// Its Port stays 0: only a look at its listeners tells.
func (e *Engine) Replica(ctx context.Context, id string) (platform.Replica, error) {
	info, err := e.inspect(ctx, id)
	if err != nil {
		return platform.Replica{}, err
	}
	return e.replicaOf(info), nil
}

// Replicas looks at all replicas of an app, or of this instance when appID is "",
// in whatever state, in the order of app, release, process type and index.
func (e *Engine) Replicas(ctx context.Context, appID string) ([]platform.Replica, error) {
	list, err := e.list(ctx, appID)
	if err != nil {
		return nil, err
	}
	found := make([]platform.Replica, len(list))
	errs := make([]error, len(list))
	slots := make(chan struct{}, inspections)
	var wg sync.WaitGroup
	for i, c := range list {
		wg.Go(func() {
			slots <- struct{}{}
			defer func() { <-slots }()
			found[i], errs[i] = e.Replica(ctx, c.ID)
		})
	}
	wg.Wait()
	replicas := make([]platform.Replica, 0, len(list))
	for i, err := range errs {
		switch {
		case err == nil:
			replicas = append(replicas, found[i])
		case !platform.IsKind(err, platform.NotFound): // removed since the list was made
			return nil, err
		}
	}
	slices.SortFunc(replicas, inOrder)
	return replicas, nil
}

func inOrder(a, b platform.Replica) int {
	return cmp.Or(cmp.Compare(a.AppID, b.AppID), cmp.Compare(a.Release, b.Release), cmp.Compare(a.Process, b.Process),
		cmp.Compare(a.Index, b.Index), a.CreatedAt.Compare(b.CreatedAt), cmp.Compare(a.ID, b.ID))
}

func (e *Engine) list(ctx context.Context, appID string) ([]container.Summary, error) {
	return call(ctx, e, e.limits.quick, "listing containers", func(ctx context.Context) ([]container.Summary, error) {
		return e.client.ContainerList(ctx, container.ListOptions{All: true, Filters: e.replicas(appID)})
	})
}

// inspect asks for a container and refuses those that are not ours.
func (e *Engine) inspect(ctx context.Context, id string) (container.InspectResponse, error) {
	info, err := call(ctx, e, e.limits.quick, "looking at a container", func(ctx context.Context) (container.InspectResponse, error) {
		return e.client.ContainerInspect(ctx, id)
	})
	if isNotFound(err) || err == nil && info.Config.Labels[labelInstance] != e.instance {
		e.pids.forget(id)
		return info, replicaNotFound(id)
	}
	return info, err
}

func (e *Engine) replicaOf(info container.InspectResponse) platform.Replica {
	labels, state := info.Config.Labels, info.State
	r := platform.Replica{
		ID:         info.ID,
		AppID:      labels[labelApp],
		App:        labels[labelAppName],
		Release:    number(labels[labelRelease]),
		Deployment: labels[labelDeployment],
		Process:    labels[labelProcess],
		Index:      number(labels[labelIndex]),
		Wanted:     number(labels[labelPort]),
		State:      stateOf(state),
		Kept:       info.HostConfig.RestartPolicy.IsAlways(),
		ExitCode:   state.ExitCode,
		Restarts:   info.RestartCount,
		CreatedAt:  moment(info.Created),
		StartedAt:  moment(state.StartedAt),
		EndedAt:    moment(state.FinishedAt),
	}
	if state.Running && !state.Restarting {
		r.Address = e.addressOf(info)
		r.ExitCode, r.EndedAt = 0, time.Time{} // those of the run before
	} else if r.EndedAt.Before(r.StartedAt) {
		r.EndedAt = r.StartedAt // the daemon notes the start late; what ends at once ends before it
	}
	r.OutOfMemory = e.outOfMemory(info, r)
	return r
}

func (e *Engine) addressOf(info container.InspectResponse) string {
	if info.NetworkSettings == nil {
		return ""
	}
	if n := info.NetworkSettings.Networks[e.networkName(info.Config.Labels[labelApp])]; n != nil {
		return n.IPAddress
	}
	return ""
}

func stateOf(s *container.State) platform.ReplicaState {
	switch {
	case s.Restarting:
		return platform.ReplicaRestarting
	case s.Paused:
		return platform.ReplicaPaused
	case s.Running:
		return platform.ReplicaRunning
	case s.Status == container.StateCreated:
		return platform.ReplicaCreated
	}
	return platform.ReplicaExited // also "dead" and "removing"
}

func number(s string) int {
	n, _ := strconv.Atoi(s) // labels are ours; another's nonsense counts as 0
	return n
}

// moment reads Docker's times; its year 1 means never.
func moment(s string) time.Time {
	t, err := time.Parse(time.RFC3339Nano, s)
	if err != nil || t.Year() <= 1 {
		return time.Time{}
	}
	return t.UTC()
}
