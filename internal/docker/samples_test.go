package docker

import (
	"context"
	"testing"
	"time"

	"github.com/lugsail/lugsail/platform"
)

func TestSamples_ABusyReplicasCPUShows(t *testing.T) {
	e := openEngine(t)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		if err := e.RemoveApp(ctx, "lbusy"); err != nil {
			t.Error(err)
		}
	})
	start := func(index int, step string) string {
		r, err := e.Start(t.Context(), platform.ReplicaSpec{
			AppID: "lbusy", App: "busy", Release: 1, Deployment: "ld", Process: "web", Index: index, Image: testImage, Args: []string{step},
			Plan: platform.Plan{Name: "test", Memory: 64 << 20, CPU: 0.25, CPUBurst: 0.5, PIDs: 64},
		})
		if err != nil {
			t.Fatal(err)
		}
		return r.ID
	}
	busy, idle := start(1, "burn"), start(2, "serve")
	cpu := func() map[string]time.Duration {
		samples, err := e.Samples(t.Context())
		if err != nil || len(samples) != 2 {
			t.Fatal(samples, err)
		}
		return map[string]time.Duration{samples[0].ReplicaID: samples[0].CPU, samples[1].ReplicaID: samples[1].CPU}
	}
	first := cpu()
	deadline := time.Now().Add(time.Minute)
	for {
		now := cpu()
		used, rest := now[busy]-first[busy], now[idle]-first[idle]
		if used > 500*time.Millisecond && rest < used/5 {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("the busy one has used %v, the idle one %v", used, rest)
		}
		<-time.After(50 * time.Millisecond)
	}
}
