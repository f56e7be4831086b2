package docker

import (
	"context"
	"math"
	"path/filepath"
	"time"

	"github.com/docker/docker/api/types/container"

	"github.com/lugsail/lugsail/platform"
)

// Samples tells what each running replica of this instance uses. It asks the daemon for its
// list alone; the rest is read from the kernel. One that ends meanwhile is left out.
func (e *Engine) Samples(ctx context.Context) ([]platform.Sample, error) {
	list, err := call(ctx, e, e.limits.quick, "listing containers", func(ctx context.Context) ([]container.Summary, error) {
		return e.client.ContainerList(ctx, container.ListOptions{Filters: e.replicas("")})
	})
	if err != nil {
		return nil, err
	}
	samples := make([]platform.Sample, 0, len(list))
	for _, c := range list {
		if sample, err := e.sample(ctx, c); err == nil {
			samples = append(samples, sample)
		} else if platform.IsKind(err, platform.Unavailable) {
			return nil, err
		}
	}
	return samples, nil
}

func (e *Engine) sample(ctx context.Context, c container.Summary) (platform.Sample, error) {
	s := platform.Sample{ReplicaID: c.ID, AppID: c.Labels[labelApp], CreatedAt: time.Unix(c.Created, 0).UTC()}
	g, err := e.groupsOf(ctx, c.ID)
	if err != nil {
		return s, err
	}
	nanos, err := g.cpu()
	if err != nil {
		return s, err
	}
	s.CPU = time.Duration(min(nanos, math.MaxInt64))
	if s.Memory, err = g.memory(); err != nil {
		return s, err
	}
	s.Limit = g.memoryLimit()
	return s, nil
}

// memoryLimit is 0 where there is none: version 2 says "max" then, version 1 a number beyond every machine.
func (g controlGroups) memoryLimit() int64 {
	dir, name := g.v2, "memory.max"
	if v1, ok := g.byName["memory"]; ok {
		dir, name = v1, "memory.limit_in_bytes"
	}
	limit, err := numberIn(filepath.Join(dir, name))
	if err != nil || limit > 1<<50 {
		return 0
	}
	return limit
}
