// Package registry owns the image registry inside Lugsail: where builds publish
// their images and where the Docker Engine pulls them from.
//
// It answers on 127.0.0.1, for the engine and for Lugsail itself, and on the gateway
// of the build network, for builds. Nobody else reaches it, and every request needs a
// credential all the same: a build's own one pushes to its app's repository and reads
// the base images, nothing more, and dies with the build.
//
// What surprises: publishing here and pulling again is much faster than an export into
// the engine, which compresses and copies every layer each time. There is no cache of
// blob descriptors, because after a collection it would promise blobs that are gone.
// A collection and a push exclude each other, because a blob that is pushed before its
// manifest looks like garbage.
package registry

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"
	"time"

	"github.com/distribution/distribution/v3"
	"github.com/distribution/distribution/v3/configuration"
	"github.com/distribution/distribution/v3/registry/handlers"
	"github.com/distribution/distribution/v3/registry/storage"
	"github.com/distribution/distribution/v3/registry/storage/driver"
	"github.com/distribution/distribution/v3/registry/storage/driver/filesystem"
	"github.com/sirupsen/logrus"
	"golang.org/x/sync/errgroup"
	"golang.org/x/sys/unix"

	"github.com/lugsail/lugsail/platform"
)

// idleTime ends connections that nobody uses. Each build leaves a dozen: its client makes one
// transport after another and sets them no time.
const idleTime = 20 * time.Second

// Config says where a registry keeps its blobs and where it listens.
type Config struct {
	Dir     string
	Port    int        // 0 means any free one
	Gateway netip.Addr // the address on the build network; it need not exist yet; the zero value means none
}

// Registry is a registry that is listening.
type Registry struct {
	dir       string
	port      int
	listeners []net.Listener
	app       *handlers.App
	driver    driver.StorageDriver
	images    distribution.Namespace
	door      *door
	pushes    *gate
	wanted    chan struct{} // a collection is wanted

	pull         sync.Once
	pullPassword string
}

// New opens the registry and binds its addresses. Requests wait until Run.
func New(c Config) (*Registry, error) {
	if err := os.MkdirAll(c.Dir, 0o700); err != nil {
		return nil, fmt.Errorf("making the registry's directory: %w", err)
	}
	listeners, err := listen(c)
	if err != nil {
		return nil, err
	}
	r := &Registry{
		dir: c.Dir, port: listeners[0].Addr().(*net.TCPAddr).Port, listeners: listeners,
		driver: filesystem.New(filesystem.DriverParameters{RootDirectory: c.Dir, MaxThreads: 100}),
		door:   newDoor(), pushes: newGate(), wanted: make(chan struct{}, 1),
	}
	// The library logs every request, and through the global logger only. What matters
	// comes back as an error to the one who asked.
	logrus.SetOutput(io.Discard)
	r.app = handlers.NewApp(context.Background(), settings(c.Dir))
	r.images, err = storage.NewRegistry(context.Background(), r.driver, storage.EnableDelete)
	if err != nil {
		r.close()
		return nil, fmt.Errorf("opening the registry: %w", err)
	}
	return r, nil
}

func settings(dir string) *configuration.Configuration {
	c := &configuration.Configuration{Storage: configuration.Storage{
		"filesystem":  {"rootdirectory": dir},
		"delete":      {"enabled": true},
		"redirect":    {"disable": true},
		"maintenance": {"uploadpurging": map[any]any{"enabled": false}}, // Collect does it
	}}
	c.HTTP.Secret = platform.NewID() + platform.NewID() // signs the state of uploads, which do not outlive a restart
	return c
}

// listen binds the loopback address first and the gateway on the same port.
func listen(c Config) ([]net.Listener, error) {
	local, err := bind(net.JoinHostPort("127.0.0.1", strconv.Itoa(c.Port)))
	if err != nil {
		return nil, err
	}
	if !c.Gateway.IsValid() {
		return []net.Listener{local}, nil
	}
	port := local.Addr().(*net.TCPAddr).Port
	gateway, err := bind(net.JoinHostPort(c.Gateway.String(), strconv.Itoa(port)))
	if err != nil {
		_ = local.Close() // nothing was written
		return nil, err
	}
	return []net.Listener{local, gateway}, nil
}

// bind may take an address that the machine does not have yet: the engine makes the build
// network, and makes it anew when it restarts.
func bind(address string) (net.Listener, error) {
	c := net.ListenConfig{Control: func(_, _ string, conn syscall.RawConn) error {
		var failed error
		err := conn.Control(func(fd uintptr) {
			failed = unix.SetsockoptInt(int(fd), unix.IPPROTO_IP, unix.IP_FREEBIND, 1)
		})
		return errors.Join(err, failed)
	}}
	l, err := c.Listen(context.Background(), "tcp4", address)
	if errors.Is(err, syscall.EADDRINUSE) {
		return nil, platform.Errorf(platform.Conflict, "registry_port", "Port %s of this machine is in use, and Lugsail's image registry needs it.", address).
			WithHint("Stop what uses it, or choose another one with registry_port in the settings.").Because(err)
	}
	if err != nil {
		return nil, fmt.Errorf("listening for images: %w", err)
	}
	return l, nil
}

// Port is where the registry listens, on 127.0.0.1 and on the gateway.
func (r *Registry) Port() int { return r.port }

// Run serves, and collects garbage when it was asked for, until ctx ends.
func (r *Registry) Run(ctx context.Context) error {
	server := &http.Server{Handler: r, ReadHeaderTimeout: 10 * time.Second, IdleTimeout: idleTime, ErrorLog: slog.NewLogLogger(slog.DiscardHandler, slog.LevelDebug)}
	group, ctx := errgroup.WithContext(ctx)
	for _, l := range r.listeners {
		group.Go(func() error {
			if err := server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
				return fmt.Errorf("serving images: %w", err)
			}
			return nil
		})
	}
	group.Go(func() error {
		r.collectWhenAsked(ctx)
		return nil
	})
	group.Go(func() error {
		<-ctx.Done()
		stop, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
		defer cancel()
		if err := server.Shutdown(stop); err != nil {
			_ = server.Close() // what is left are requests that nobody waits for
		}
		return r.app.Shutdown()
	})
	return group.Wait()
}

func (r *Registry) close() {
	for _, l := range r.listeners {
		_ = l.Close() // nothing was written
	}
	_ = r.app.Shutdown() // frees memory only
}

// ServeHTTP answers a request that its credential allows.
func (r *Registry) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	if !r.door.allow(w, req) {
		return
	}
	req.Body = http.MaxBytesReader(w, req.Body, maxUpload)
	r.app.ServeHTTP(w, req)
}

// maxUpload bounds one layer.
const maxUpload = 16 << 30

func (r *Registry) repositoriesDir() string {
	return filepath.Join(r.dir, "docker", "registry", "v2", "repositories")
}
