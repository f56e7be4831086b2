// Package dockerfile owns builds by a Dockerfile: it lets the BuildKit inside of the Docker Engine turn a
// source into an image. It is the only importer of moby/buildkit.
//
// The engine's own frontend reads the Dockerfile, so nothing is pulled but what FROM names, and an image
// that the engine has is taken as it is. The result stays in the engine and is known by its id; its name
// is made here, and holds the app and the build.
//
// What surprises: steps of a Dockerfile are no containers of ours. BuildKit runs them on the engine's
// default bridge, which is fenced while they do (fence.go), and knows no limit of memory or processes for
// one build, so that the control groups in which it puts them get ours (steps.go). Its cache belongs to the whole engine and has no labels: cache.go
// writes down what appeared while a build of ours ran, and never drops anything else. Directories of
// RUN --mount=type=cache belong to the app: their names begin with what only its builds know.
package dockerfile

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"

	"github.com/moby/moby/client"
)

// Disk refuses and ends builds that could fill the disk.
type Disk interface {
	// MakeRoom refuses a build for which there is no room.
	MakeRoom(ctx context.Context) error
	// WatchRoom calls full when the disk is nearly full, until end.
	WatchRoom(ctx context.Context, full func()) (end func())
}

// Config says where things are.
type Config struct {
	DataDir      string // what belongs to which app is kept in DataDir/builds/dockerfile
	DockerHost   string
	Instance     string // on every image
	RegistryPort int    // images are named as if they were in Lugsail's own registry, whose names nobody else can have
	Cache        int64  // bytes of the engine's build cache that our builds may keep; 0 means 10 GiB
	Disk         Disk   // nil: nobody looks at the disk
	Bases        Bases  // nil: BuildKit fetches what it lacks
	Fence        Fence  // nil: steps reach what the engine lets them reach

	// Base gives the platform's own image, which FROM lugsail/base means; nil: there is none.
	Base func(ctx context.Context, progress func(string)) (image string, err error)
}

// Builder builds with Dockerfiles.
type Builder struct {
	config Config
	engine *client.Client
	cache  *ledger
	fenced fenced
	tree   tree
}

// Labels on every image. lugsail.build is not among them: that one is for containers of builds.
const (
	labelInstance = "lugsail.instance"
	labelApp      = "lugsail.app"
	labelBuilder  = "lugsail.builder"
	labelPrefix   = "lugsail."
)

const name = "dockerfile" // of the builder

var anID = regexp.MustCompile(`^[a-z0-9]{1,40}$`)

// New makes a Builder.
func New(c Config) (*Builder, error) {
	if c.Cache <= 0 {
		c.Cache = 10 << 30
	}
	engine, err := client.New(client.WithHost(c.DockerHost))
	if err != nil {
		return nil, fmt.Errorf("connecting to the engine: %w", err)
	}
	dir := filepath.Join(c.DataDir, "builds", name)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, errors.Join(fmt.Errorf("making the directory for Dockerfile builds: %w", err), engine.Close())
	}
	b := &Builder{config: c, engine: engine, cache: &ledger{file: filepath.Join(dir, "cache.json")}, tree: cgroups(cgroupRoot)}
	for _, group := range b.tree.groups(b.ourGroups() + "*") {
		b.tree.remove(group)
	}
	return b, nil
}

// Close ends the connection to the engine.
func (b *Builder) Close() error { return b.engine.Close() }

func (b *Builder) registry() string { return "127.0.0.1:" + strconv.Itoa(b.config.RegistryPort) }

// repository is where an app's images have their names.
func (b *Builder) repository(appID string) string { return b.registry() + "/" + name + "/" + appID }
