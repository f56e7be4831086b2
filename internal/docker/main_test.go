package docker

import (
	"archive/tar"
	"bytes"
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/docker/docker/api/types/image"
	"github.com/docker/docker/client"

	"github.com/lugsail/lugsail/internal/command"
	"github.com/lugsail/lugsail/platform"
)

// testImage holds testdata/probe; each run of the tests makes and removes its own.
var testImage = "lugsail-test-probe-" + strings.TrimPrefix(platform.NewID(), "l") + ":1"

func testHost() string { return os.Getenv("LUGSAIL_TEST_DOCKER") }

func TestMain(m *testing.M) { os.Exit(runAll(m)) }

func runAll(m *testing.M) int {
	if flag.Parse(); flag.Lookup("test.fuzz").Value.String() != "" {
		return m.Run() // that needs no engine, and comes here again in every worker
	}
	if testHost() == "" {
		fmt.Fprintln(os.Stderr, "LUGSAIL_TEST_DOCKER names no Docker Engine: run these tests with make test")
		return 1
	}
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()
	cli, err := client.NewClientWithOpts(client.WithHost(testHost()), client.WithAPIVersionNegotiation())
	if err == nil {
		err = makeImage(ctx, cli)
	}
	if err != nil {
		fmt.Fprintf(os.Stderr, "making the test image at %s: %v\n", testHost(), err)
		return 1
	}
	code := m.Run()
	ctx, cancel = context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if _, err := cli.ImageRemove(ctx, testImage, image.RemoveOptions{}); err != nil {
		fmt.Fprintf(os.Stderr, "removing the test image: %v\n", err)
		return 1
	}
	return code
}

// makeImage builds the probe and imports it as an image of one file.
func makeImage(ctx context.Context, cli *client.Client) error {
	dir, err := os.MkdirTemp("", "probe")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	program := filepath.Join(dir, "app")
	env := append(os.Environ(), "CGO_ENABLED=0")
	build := command.Command{Name: "go", Args: []string{"build", "-trimpath", "-o", program, "./testdata/probe"}, Env: env}
	if err := build.Run(ctx); err != nil {
		return err
	}
	b, err := os.ReadFile(program)
	if err != nil {
		return err
	}
	var archive bytes.Buffer
	w := tar.NewWriter(&archive)
	if err := w.WriteHeader(&tar.Header{Name: "app", Mode: 0o755, Size: int64(len(b))}); err != nil {
		return err
	}
	if _, err := w.Write(b); err != nil {
		return err
	}
	for _, h := range []tar.Header{{Name: "kept/", Typeflag: tar.TypeDir, Mode: 0o750, Uid: 33, Gid: 33}, {Name: "kept/there", Mode: 0o640, Uid: 33, Gid: 33}} {
		if err := w.WriteHeader(&h); err != nil {
			return err
		}
	}
	if err := w.Close(); err != nil {
		return err
	}
	source := image.ImportSource{Source: &archive, SourceName: "-"}
	body, err := cli.ImageImport(ctx, source, testImage, image.ImportOptions{Changes: []string{`ENTRYPOINT ["/app"]`, "EXPOSE 8080"}})
	if err != nil {
		return err
	}
	defer func() { _ = body.Close() }()
	_, err = io.Copy(io.Discard, body)
	return err
}

// openEngine gives an engine of an instance of its own, with addresses that no other test takes.
func openEngine(t *testing.T) *Engine {
	t.Helper()
	e, err := New(Config{Host: testHost(), Instance: platform.NewID(), Pool: "10.252.0.0/16", Volumes: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := e.Close(); err != nil {
			t.Error(err)
		}
	})
	return e
}
