package enginetest

import (
	"cmp"
	"context"
	"time"

	"github.com/lugsail/lugsail/platform"
)

// Resize changes nothing that can be seen.
func (f *Fake) Resize(ctx context.Context, id string, p platform.Plan) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if p.Memory <= 0 {
		return platform.Errorf(platform.Invalid, "plan_invalid", "The plan %q has no memory limit.", p.Name)
	}
	_, err := f.find(ctx, "Resize", id)
	return err
}

// Stats makes numbers up: a quarter of the plan's memory, and the time since the start.
func (f *Fake) Stats(ctx context.Context, id string) (memory int64, cpuNanos uint64, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	r, err := f.find(ctx, "Stats", id)
	if err != nil {
		return 0, 0, err
	}
	return r.spec.Plan.Memory / 4, uint64(time.Since(r.StartedAt)), nil
}

// Samples gives what Use has set, or the numbers of Stats.
func (f *Fake) Samples(ctx context.Context) ([]platform.Sample, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.refusal(ctx, "Samples"); err != nil {
		return nil, err
	}
	samples := []platform.Sample{}
	for _, r := range f.replicas {
		if r.run == nil && r.State == platform.ReplicaRunning {
			samples = append(samples, platform.Sample{
				ReplicaID: r.ID, AppID: r.AppID, CreatedAt: r.CreatedAt, Limit: r.spec.Plan.Memory,
				CPU: cmp.Or(r.cpu, time.Since(r.StartedAt)), Memory: cmp.Or(r.memory, r.spec.Plan.Memory/4),
			})
		}
	}
	return samples, nil
}

// Capacity is what the test decided.
func (f *Fake) Capacity(ctx context.Context) (memoryBytes int64, cpus int, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return cmp.Or(f.Memory, 4<<30), cmp.Or(f.CPUs, 2), f.refusal(ctx, "Capacity")
}

// Ping reports whether the engine answers.
func (f *Fake) Ping(ctx context.Context) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.refusal(ctx, "Ping")
}

// Version is "fake".
func (f *Fake) Version(ctx context.Context) (string, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return "fake", f.refusal(ctx, "Version")
}
