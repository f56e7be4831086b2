// Package cnb owns builds by Cloud Native Buildpacks: it turns a source into an image that the engine
// has. It is the only importer of buildpacks/pack.
//
// Everything it needs is made on the server by Prepare: the base image from Debian packages, the
// builder from what the binary carries, and a depot of runtimes. Builds publish to Lugsail's own
// registry, and the engine pulls from there by digest. That is what makes a warm build fast: layers
// that did not change are neither read nor sent.
//
// What surprises: pack talks to the engine through a small client that is wrapped here (session.go).
// There the limits, the labels and the mounts are added that pack does not know, and pack's volumes
// are replaced by directories of ours, so that a crash leaves nothing without a name. The images'
// names are made here only; nothing of the app chooses one. An app's directory, which its builds
// find again, belongs to the app alone, because what one app's build leaves there another one's
// build must not run.
package cnb

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"sync"

	"github.com/moby/moby/client"
)

// Registry is where images are published and pulled from.
type Registry interface {
	// BuildToken gives a credential that pushes to the app's repository only, until release.
	BuildToken(ctx context.Context, appID string) (user, password string, release func(), err error)
	// PushToken gives a credential that pushes everywhere, until release.
	PushToken(ctx context.Context) (user, password string, release func(), err error)
	PullAuth() (user, password string)
	Images(ctx context.Context, repository string) (digests []string, err error)
	// Tagged gives the digest behind a tag, "" when there is none.
	Tagged(ctx context.Context, repository, tag string) (digest string, err error)
	Delete(ctx context.Context, repository, digest string) error
	Forget(ctx context.Context, repository string) error
	CollectSoon()
}

// Base makes root file systems from packages.
type Base interface {
	// Rootfs writes the file system that apps are built and run on, as a tar archive.
	Rootfs(ctx context.Context, file string, progress func(string)) error
	// Tools writes one with these packages unpacked.
	Tools(ctx context.Context, file string, packages ...string) error
	// Recipe changes when Rootfs would make something else.
	Recipe() string
}

// Config says where things are.
type Config struct {
	DataDir      string // builds keep what they need in DataDir/builds
	DockerHost   string
	Instance     string       // on everything that is made on the engine
	RegistryPort int          // on 127.0.0.1 and on the gateway of the build network
	BuildSubnet  netip.Prefix // of the build network
	Registry     Registry
	Base         Base
}

// Builder builds with buildpacks.
type Builder struct {
	config   Config
	dir      string
	engine   *client.Client
	registry Registry

	mu       sync.Mutex
	prepared prepared
	basing   sync.Mutex // one at a time makes the base image
	apps     map[string]*appLock
	removals sync.WaitGroup
	building sync.RWMutex // held for reading by builds; nobody ever waits to write

	goSeedFailed bool // guarded by the lock goSeedTurn
	disks        disks
}

// New makes a Builder. It cannot build before Prepare.
func New(c Config) (*Builder, error) {
	if !c.BuildSubnet.IsValid() {
		c.BuildSubnet = netip.MustParsePrefix("10.200.0.0/24")
	}
	engine, err := client.New(client.WithHost(c.DockerHost))
	if err != nil {
		return nil, fmt.Errorf("connecting to the engine: %w", err)
	}
	b := &Builder{config: c, dir: filepath.Join(c.DataDir, "builds"), engine: engine, registry: c.Registry, apps: map[string]*appLock{}}
	for _, dir := range []string{b.dir, b.path("apps"), b.path("work"), b.path("tmp"), b.path("depot"), b.path("depot", "node"), b.path("depot", "go"), b.path("depot", goSeedKind)} {
		// Builds read the depot as another user; the directory above lets nobody in who is not told the way.
		if err := errors.Join(os.MkdirAll(dir, 0o755), os.Chmod(dir, 0o755)); err != nil {
			return nil, fmt.Errorf("making the builds' directory: %w", err)
		}
	}
	if err := os.Chmod(b.dir, 0o700); err != nil {
		return nil, fmt.Errorf("closing the builds' directory: %w", err)
	}
	return b, nil
}

// Close waits for what is still being cleaned up.
func (b *Builder) Close() error {
	b.removals.Wait()
	return b.engine.Close()
}

// Gateway is the address of this machine on the build network.
func Gateway(subnet netip.Prefix) netip.Addr { return subnet.Masked().Addr().Next() }

func (b *Builder) path(parts ...string) string {
	return filepath.Join(append([]string{b.dir}, parts...)...)
}

// local is the registry as the engine and this process see it.
func (b *Builder) local() string { return "127.0.0.1:" + strconv.Itoa(b.config.RegistryPort) }

// inner is the registry as builds see it.
func (b *Builder) inner() string {
	return Gateway(b.config.BuildSubnet).String() + ":" + strconv.Itoa(b.config.RegistryPort)
}

func appRepository(appID string) string { return "apps/" + appID }

// Labels on everything that is made on the engine.
const (
	labelInstance = "lugsail.instance"
	labelApp      = "lugsail.app"
	labelBuild    = "lugsail.build"
	labelTool     = "lugsail.tool" // an image that is needed once
)

// The user that builds run as.
const userID = 1000

// appLock lets one build of an app at a time touch its directory.
type appLock struct {
	turn chan struct{}
	uses int
}

// lock waits for the app's turn.
func (b *Builder) lock(ctx context.Context, appID string) (unlock func(), err error) {
	b.mu.Lock()
	l := b.apps[appID]
	if l == nil {
		l = &appLock{turn: make(chan struct{}, 1)}
		b.apps[appID] = l
	}
	l.uses++
	b.mu.Unlock()
	select {
	case l.turn <- struct{}{}:
		return func() { <-l.turn; b.leave(appID, l) }, nil
	case <-ctx.Done():
		b.leave(appID, l)
		return nil, ctx.Err()
	}
}

// tryLock takes the app's turn when nobody has it or waits for it.
func (b *Builder) tryLock(appID string) (unlock func(), free bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.apps[appID] != nil {
		return nil, false
	}
	l := &appLock{turn: make(chan struct{}, 1), uses: 1}
	l.turn <- struct{}{}
	b.apps[appID] = l
	return func() { <-l.turn; b.leave(appID, l) }, true
}

func (b *Builder) leave(appID string, l *appLock) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if l.uses--; l.uses == 0 {
		delete(b.apps, appID)
	}
}

var _ io.Closer = (*Builder)(nil)
