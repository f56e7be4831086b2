package sftp

import (
	"bytes"
	"context"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pkg/sftp"

	"github.com/lugsail/lugsail/internal/command"
	"github.com/lugsail/lugsail/internal/files"
	"github.com/lugsail/lugsail/platform"
)

// TestMain lets the test binary be the server that the real client starts.
func TestMain(m *testing.M) {
	if dir := os.Getenv("TEST_SERVE"); dir != "" {
		d := &door{}
		if err := d.server(dir).Serve(context.Background(), d.who, pipes{}, os.Stderr); err != nil {
			panic(err)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// pipes are what the real client speaks through.
type pipes struct{}

func (pipes) Read(p []byte) (int, error)  { return os.Stdin.Read(p) }
func (pipes) Write(p []byte) (int, error) { return os.Stdout.Write(p) }
func (pipes) Close() error                { return os.Stdin.Close() }

// door knows the app shop with the volumes uploads and other, and an app that is somebody else's.
type door struct {
	mu      sync.Mutex
	refused bool
	changed []string
	held    int64
	most    int64 // bytes that fit; 0: no limit
}

func (d *door) who(context.Context) (platform.Actor, error) {
	return platform.Actor{AccountID: "ada", Name: "ada@example.com"}, nil
}

func (d *door) Enter(context.Context, platform.Actor) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.refused {
		return platform.Errorf(platform.Forbidden, "forbidden", "You may not.")
	}
	return nil
}

func (d *door) Apps(context.Context, platform.Actor) ([]string, error) { return []string{"shop"}, nil }

func (d *door) Volumes(_ context.Context, _ platform.Actor, app string) ([]string, error) {
	if app != "shop" {
		return nil, platform.Errorf(platform.NotFound, "app_not_found", "There is no app %s.", app)
	}
	return []string{"other", "uploads"}, nil
}

func (d *door) Volume(ctx context.Context, actor platform.Actor, app, volume string) (string, error) {
	if app != "shop" || volume != "uploads" && volume != "other" {
		return "", platform.Errorf(platform.NotFound, "volume_not_found", "There is no volume %s.", volume)
	}
	return volume, d.Enter(ctx, actor)
}

func (d *door) Changed(_ context.Context, _ platform.Actor, app, volume string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.changed = append(d.changed, app+"/"+volume)
}

func (d *door) set(change func()) {
	d.mu.Lock()
	defer d.mu.Unlock()
	change()
}

func (d *door) server(dir string) *Server {
	return &Server{Access: d, Recheck: 20 * time.Millisecond, Files: files.Files{
		Directory: func(id string) string { return filepath.Join(dir, id) },
		Came:      func(_ string, bytes int64) { d.set(func() { d.held += bytes }) },
		Room: func(_ string, bytes int64) (err error) {
			d.set(func() {
				if d.most > 0 && d.held+bytes > d.most {
					err = platform.Errorf(platform.NoRoom, "volumes_full", "The volumes of shop are full.")
				}
			})
			return err
		},
	}}
}

// world is a server, and a client of the library.
type world struct {
	t      *testing.T
	dir    string
	door   *door
	server *Server
}

func newWorld(t *testing.T) *world {
	t.Helper()
	d := &door{}
	w := &world{t: t, dir: t.TempDir(), door: d}
	w.server = d.server(w.dir)
	return w
}

// connect begins a session; ended gives how it ended.
func (w *world) connect() (client *sftp.Client, told *safeBuffer, ended chan error) {
	w.t.Helper()
	ours, theirs := net.Pipe()
	told, ended = &safeBuffer{}, make(chan error, 1)
	go func() {
		err := w.server.Serve(w.t.Context(), w.door.who, ours, told)
		_ = ours.Close()
		ended <- err
	}()
	client, err := sftp.NewClientPipe(theirs, theirs)
	if err == nil {
		w.t.Cleanup(func() { _ = client.Close(); _ = theirs.Close() })
	}
	return client, told, ended
}

// real runs the system's client with a batch of commands, and gives all that it says.
func (w *world) real(batch string) (string, error) {
	w.t.Helper()
	binary, err := os.Executable()
	must(w.t, err)
	var out bytes.Buffer
	err = command.Command{
		Name: "sftp", Args: []string{"-b", "-", "-D", binary}, Dir: w.t.TempDir(), Stdin: strings.NewReader(batch), Stdout: &out, Stderr: &out,
		Env: []string{"TEST_SERVE=" + w.dir, "LC_ALL=C", "PATH=" + os.Getenv("PATH"), "TMPDIR=" + w.t.TempDir()},
	}.Run(w.t.Context())
	return out.String(), err
}

func (w *world) write(name, text string) {
	w.t.Helper()
	path := filepath.Join(w.dir, name)
	must(w.t, os.MkdirAll(filepath.Dir(path), 0o755))
	must(w.t, os.WriteFile(path, []byte(text), 0o644))
}

func (w *world) want(name, text string) {
	w.t.Helper()
	if have, err := os.ReadFile(filepath.Join(w.dir, name)); err != nil || string(have) != text {
		w.t.Errorf("%s has %.60q, %v, and should have %.60q", name, have, err, text)
	}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func wait(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(30 * time.Second); !ok(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("waited in vain for %s", what)
		}
	}
}

type safeBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *safeBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *safeBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

var _ io.Writer = (*safeBuffer)(nil)
