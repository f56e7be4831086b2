package cnb_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	cerrdefs "github.com/containerd/errdefs"
	"github.com/moby/moby/client"

	"github.com/lugsail/lugsail/internal/base"
	"github.com/lugsail/lugsail/internal/cnb"
	"github.com/lugsail/lugsail/internal/registry"
	"github.com/lugsail/lugsail/platform"
)

// world is a prepared builder with its registry, shared by the tests of this package. Making it takes the
// time of an installation.
type world struct {
	builder  *cnb.Builder
	registry *registry.Registry
	config   cnb.Config
	engine   *client.Client
	dir      string
}

var shared *world

func TestMain(m *testing.M) {
	code, err := runAll(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

func dockerHost() string { return os.Getenv("LUGSAIL_TEST_DOCKER") }

// runAll makes the world, runs the tests and takes everything away. With LUGSAIL_TEST_BUILDS, a
// directory, what was prepared is kept there for the next run.
func runAll(m *testing.M) (code int, err error) {
	if dockerHost() == "" {
		return 1, errors.New("LUGSAIL_TEST_DOCKER names no Docker Engine; run: make test")
	}
	kept := os.Getenv("LUGSAIL_TEST_BUILDS")
	dir := kept
	if dir == "" {
		if dir, err = os.MkdirTemp("", "lugsail-cnb-"); err != nil {
			return 1, err
		}
		defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	}
	ctx, cancel := context.WithCancel(context.Background())
	w, stop, err := newWorld(ctx, dir, kept != "")
	if err != nil {
		cancel()
		return 1, err
	}
	defer func() {
		if kept == "" {
			err = errors.Join(err, w.remove())
		}
		cancel()
		err = errors.Join(err, stop())
	}()
	if err := w.builder.Clean(ctx); err != nil {
		return 1, fmt.Errorf("cleaning: %w", err)
	}
	began := time.Now()
	if err := w.builder.Prepare(ctx, func(line string) { fmt.Println(line) }); err != nil {
		return 1, fmt.Errorf("preparing: %w", err)
	}
	fmt.Printf("prepared in %.1f s\n", time.Since(began).Seconds())
	shared = w
	return m.Run(), nil
}

func newWorld(ctx context.Context, dir string, kept bool) (*world, func() error, error) {
	// What is kept has addresses in it. Else two runs shall not meet.
	instance, port, subnet := "cnbtest", 5979, netip.MustParsePrefix("10.206.79.0/24")
	if !kept {
		instance, port = platform.NewID(), 0
		subnet = netip.PrefixFrom(netip.AddrFrom4([4]byte{10, 206, byte(1 + os.Getpid()%76), 0}), 24)
	}
	images, err := registry.New(registry.Config{Dir: filepath.Join(dir, "registry"), Port: port, Gateway: cnb.Gateway(subnet)})
	if err != nil {
		return nil, nil, err
	}
	config := cnb.Config{
		DataDir: dir, DockerHost: dockerHost(), Instance: instance, RegistryPort: images.Port(), BuildSubnet: subnet,
		Registry: images, Base: base.Maker{},
	}
	builder, err := cnb.New(config)
	if err != nil {
		return nil, nil, err
	}
	engine, err := client.New(client.WithHost(dockerHost()))
	if err != nil {
		return nil, nil, err
	}
	ended := make(chan error, 1)
	go func() { ended <- images.Run(ctx) }()
	stop := func() error { return errors.Join(<-ended, builder.Close(), engine.Close()) }
	return &world{builder: builder, registry: images, config: config, engine: engine, dir: dir}, stop, nil
}

// remove takes away what was made on the engine.
func (w *world) remove() error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	err := w.builder.Clean(ctx)
	found, listErr := w.engine.ImageList(ctx, client.ImageListOptions{All: true})
	err = errors.Join(err, listErr)
	prefix := net.JoinHostPort("127.0.0.1", fmt.Sprint(w.config.RegistryPort)) + "/"
	for _, image := range found.Items {
		for _, name := range append(image.RepoTags, image.RepoDigests...) {
			if !strings.HasPrefix(name, prefix) {
				continue
			}
			_, removeErr := w.engine.ImageRemove(ctx, name, client.ImageRemoveOptions{PruneChildren: true})
			if !cerrdefs.IsNotFound(removeErr) {
				err = errors.Join(err, removeErr)
			}
		}
	}
	_, removeErr := w.engine.NetworkRemove(ctx, "lugsail-build-"+w.config.Instance, client.NetworkRemoveOptions{})
	return errors.Join(err, removeErr)
}

// app is an app of a test.
type app struct {
	t   *testing.T
	id  string
	dir string

	blueprint string // that it is made of
}

func newApp(t *testing.T, files map[string]string) *app {
	t.Helper()
	a := &app{t: t, id: platform.NewID(), dir: t.TempDir()}
	a.write(files)
	t.Cleanup(func() {
		if err := shared.builder.Forget(context.Background(), a.id); err != nil {
			t.Errorf("forgetting: %v", err)
		}
	})
	return a
}

func (a *app) write(files map[string]string) {
	a.t.Helper()
	for name, text := range files {
		file := filepath.Join(a.dir, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			a.t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			a.t.Fatal(err)
		}
	}
}

func (a *app) request() platform.BuildRequest {
	return platform.BuildRequest{BuildID: platform.NewID(), AppID: a.id, App: "test", Dir: a.dir, Blueprint: a.blueprint}
}

// build builds and gives the log.
func (a *app) build() (platform.BuildResult, string, error) {
	a.t.Helper()
	return a.buildAs(a.t.Context(), a.request())
}

func (a *app) buildAs(ctx context.Context, req platform.BuildRequest) (platform.BuildResult, string, error) {
	a.t.Helper()
	var log syncBuffer
	result, err := shared.builder.Build(ctx, req, &log)
	a.t.Logf("build log:\n%s", log.String())
	return result, log.String(), err
}

func (a *app) mustBuild() (platform.BuildResult, string) {
	a.t.Helper()
	result, log, err := a.build()
	if err != nil {
		a.t.Fatalf("build: %v", err)
	}
	return result, log
}

type syncBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *syncBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *syncBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

var _ io.Writer = (*syncBuffer)(nil)
