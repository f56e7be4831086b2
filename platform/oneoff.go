package platform

import (
	"context"
	"time"
)

// ReleaseProcess is the process type that runs once before a release is switched to, and never as a replica.
const ReleaseProcess = "release"

// RunKind says why a command runs in a container of its own.
type RunKind string

// The kinds of runs.
const (
	RunRelease RunKind = "release" // the release command of a deployment
	RunCommand RunKind = "run"     // what a person asked for
)

// RunSpec is everything that the engine needs to run a command once, in a container of its own.
type RunSpec struct {
	Name       string // 1 to 30 lower-case letters and digits; with the kind it names the run: "run.k3f9"
	Kind       RunKind
	AppID      string
	App        string
	Release    int
	Deployment string // of a release command
	Account    string // id of who asked; "" for release commands
	By         string // who asked, for people
	Image      string // pulled by digest already
	Entrypoint []string
	Args       []string
	Env        map[string]string
	Plan       Plan
	Mounts     []Mount
	Attached   bool      // it ends with the connection to it, and its output is kept nowhere
	TTY        bool      // it has a terminal; only when attached
	Size       Size      // of the terminal at first
	Until      time.Time // when its time is up
}

// Size is how large a terminal is, in characters; zero means unknown.
type Size struct {
	Columns uint16 `json:"columns"`
	Rows    uint16 `json:"rows"`
}

// Run is a command in a container of its own, as the engine reports it.
type Run struct {
	ID          string // the engine's id of the container
	Name        string // "run.k3f9", "release.k3f9"
	Kind        RunKind
	AppID       string
	App         string
	Release     int
	Deployment  string
	Account     string
	By          string
	Attached    bool
	State       ReplicaState
	ExitCode    int
	OutOfMemory bool
	CreatedAt   time.Time
	StartedAt   time.Time
	EndedAt     time.Time
	Until       time.Time
}

// ExecSpec is a command for a replica that runs already.
type ExecSpec struct {
	Command []string
	TTY     bool
	Size    Size
}

// RunEnd is how a command ended.
type RunEnd struct {
	ExitCode    int
	OutOfMemory bool
}

// Terminal is the connection to a command that runs: its input and its output.
type Terminal interface {
	Write(p []byte) (int, error)                                  // to its standard input
	CloseInput() error                                            // its standard input has ended
	Output(take func(stream string, data []byte) error) error     // "stdout" and "stderr" until both have ended; with a TTY all is "stdout"
	Resize(ctx context.Context, size Size) error                  // of the TTY
	Signal(ctx context.Context, name string) error                // "INT", "TERM", "QUIT" or "HUP"
	End(ctx context.Context) (RunEnd, error)                      // waits for the end; asked after Output
	Close(ctx context.Context, grace time.Duration) (bool, error) // ends the command: SIGTERM, after the grace SIGKILL, which is told; and removes what is left of it
}
