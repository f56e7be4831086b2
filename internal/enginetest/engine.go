// Package enginetest is the contract that every engine passes, and an engine in
// memory for the tests of those who use one.
//
// What surprises: the contract needs a program that does as it is told. Its
// arguments are steps, done in order ("listen=0.0.0.0:8080", "print=3", "exit=2");
// see Steps for those that the engine in memory understands. A replica of the
// engine in memory does not answer by itself: let its listeners be the ports of
// an httptest server.
package enginetest

import (
	"context"
	"time"

	"github.com/lugsail/lugsail/platform"
)

// Engine is everything that an engine can do. Consumers ask for less.
type Engine interface {
	Start(ctx context.Context, spec platform.ReplicaSpec) (platform.Replica, error)
	Keep(ctx context.Context, id string) error
	Unkeep(ctx context.Context, id string) error
	Stop(ctx context.Context, id string, grace time.Duration) error
	End(ctx context.Context, id string, grace time.Duration) (killed bool, err error)
	StartRun(ctx context.Context, spec platform.RunSpec) (platform.Run, platform.Terminal, error)
	RunByID(ctx context.Context, id string) (platform.Run, error)
	Runs(ctx context.Context, appID string) ([]platform.Run, error)
	Exec(ctx context.Context, id string, spec platform.ExecSpec) (platform.Terminal, error)
	EndExecs(ctx context.Context) (int, error)
	Pause(ctx context.Context, id string) error
	Resume(ctx context.Context, id string) error
	ResumeAll(ctx context.Context) (int, error)
	Replica(ctx context.Context, id string) (platform.Replica, error)
	Replicas(ctx context.Context, appID string) ([]platform.Replica, error)
	Listeners(ctx context.Context, id string) ([]platform.Listener, error)
	Logs(ctx context.Context, id string, tail int, follow bool, fn func(platform.LogLine) error) error
	Watch(ctx context.Context, fn func(platform.ReplicaChange)) error
	RemoveApp(ctx context.Context, appID string) error
	Resize(ctx context.Context, id string, p platform.Plan) error
	Stats(ctx context.Context, id string) (memory int64, cpuNanos uint64, err error)
	Samples(ctx context.Context) ([]platform.Sample, error)
	Capacity(ctx context.Context) (memoryBytes int64, cpus int, err error)
	Ping(ctx context.Context) error
	Version(ctx context.Context) (string, error)
}
