package dockerfile_test

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/moby/moby/client"

	"github.com/lugsail/lugsail/internal/command"
	"github.com/lugsail/lugsail/internal/dockerfile"
	"github.com/lugsail/lugsail/platform"
)

// base is an image with a static program that can be a shell, imported into the engine: no registry is reached here.
const (
	base = "lugsail-test/shell:1"
	port = 5987 // of a registry that need not be there
)

// world is a builder on the engine of the tests.
type world struct {
	builder *dockerfile.Builder
	engine  *client.Client
	dir     string
	static  string // a static program
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

func runAll(m *testing.M) (code int, err error) {
	flag.Parse()
	fuzzing := flag.Lookup("test.fuzz").Value.String() != "" // that needs no engine, and comes here again in every worker
	host := os.Getenv("LUGSAIL_TEST_DOCKER")
	if fuzzing {
		host = "unix:///nowhere"
	}
	if host == "" {
		return 1, errors.New("LUGSAIL_TEST_DOCKER names no Docker Engine; run: make test")
	}
	dir, err := os.MkdirTemp("", "lugsail-dockerfile-")
	if err != nil {
		return 1, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	engine, err := client.New(client.WithHost(host))
	if err != nil {
		return 1, err
	}
	defer func() { err = errors.Join(err, engine.Close()) }()
	builder, err := dockerfile.New(dockerfile.Config{DataDir: dir, DockerHost: host, Instance: "dftest", RegistryPort: port})
	if err != nil {
		return 1, err
	}
	defer func() { err = errors.Join(err, builder.Close()) }()
	shared = &world{builder: builder, engine: engine, dir: dir, static: filepath.Join(dir, "probe")}
	if fuzzing {
		return m.Run(), nil
	}
	if err := shared.compile(); err != nil {
		return 1, err
	}
	if err := shared.importBase(); err != nil {
		return 1, err
	}
	defer func() {
		_, removeErr := engine.ImageRemove(context.Background(), base, client.ImageRemoveOptions{Force: true})
		err = errors.Join(err, removeErr)
	}()
	return m.Run(), nil
}

// compile makes the program of testdata/probe: it does what its arguments say, and is /bin/sh in the base image.
func (w *world) compile() error {
	env := append(os.Environ(), "CGO_ENABLED=0")
	return (command.Command{Name: "go", Args: []string{"build", "-o", w.static, "./testdata/probe"}, Env: env, Stderr: os.Stderr}).Run(context.Background())
}

func (w *world) importBase() error {
	program, err := os.ReadFile(w.static)
	if err != nil {
		return err
	}
	var archive bytes.Buffer
	out := tar.NewWriter(&archive)
	for _, name := range []string{"bin/sh", "bin/probe"} {
		if err := out.WriteHeader(&tar.Header{Name: name, Mode: 0o755, Size: int64(len(program))}); err != nil {
			return err
		}
		if _, err := out.Write(program); err != nil {
			return err
		}
	}
	if err := out.Close(); err != nil {
		return err
	}
	response, err := w.engine.ImageImport(context.Background(), client.ImageImportSource{Source: &archive, SourceName: "-"}, base, client.ImageImportOptions{})
	if err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, response)
	return errors.Join(err, response.Close())
}

// app is an app of a test.
type app struct {
	t       *testing.T
	id, dir string
	request platform.BuildRequest
}

func newApp(t *testing.T, files map[string]string) *app {
	t.Helper()
	a := &app{t: t, id: platform.NewID(), dir: t.TempDir()}
	a.request = platform.BuildRequest{AppID: a.id, App: "test", Dir: a.dir}
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

func (a *app) build(ctx context.Context) (platform.BuildResult, string, error) {
	a.t.Helper()
	a.request.BuildID = platform.NewID()
	var log syncBuffer
	result, err := shared.builder.Build(ctx, a.request, &log)
	a.t.Logf("build log:\n%s", log.String())
	return result, log.String(), err
}

func (a *app) mustBuild() (platform.BuildResult, string) {
	a.t.Helper()
	result, log, err := a.build(a.t.Context())
	if err != nil {
		a.t.Fatalf("build: %v", err)
	}
	return result, log
}

// refused builds and wants an error with that code; it gives message, hint and log.
func (a *app) refused(code string) (*platform.Error, string) {
	a.t.Helper()
	_, log, err := a.build(a.t.Context())
	if err == nil {
		a.t.Fatalf("built, want %s", code)
	}
	e := platform.AsError(err)
	a.t.Logf("%s: %s → %s", e.Code, e.Message, e.Hint)
	if e.Code != code || e.Hint == "" {
		a.t.Fatalf("code %s, hint %q: %v; want %s with a hint", e.Code, e.Hint, err, code)
	}
	return e, log
}

// images are the app's images on the engine.
func (a *app) images() []string {
	a.t.Helper()
	found, err := shared.engine.ImageList(a.t.Context(), client.ImageListOptions{})
	if err != nil {
		a.t.Fatal(err)
	}
	var names []string
	for _, image := range found.Items {
		for _, tag := range image.RepoTags {
			if strings.Contains(tag, a.id) {
				names = append(names, tag)
			}
		}
	}
	return names
}

func contains(t *testing.T, text string, parts ...string) {
	t.Helper()
	for _, part := range parts {
		if !strings.Contains(text, part) {
			t.Errorf("%q is missing in:\n%s", part, text)
		}
	}
}

// until asks again and again, for half a minute at most.
func until(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); !holds(); {
		if time.Now().After(deadline) {
			t.Fatalf("not within 30 seconds: %s", what)
		}
		time.Sleep(50 * time.Millisecond)
	}
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
