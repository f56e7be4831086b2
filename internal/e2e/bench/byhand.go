package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// The Dockerfiles that people write for such apps, with dependencies in a layer of their own.
const (
	nodeFile = "FROM lugsail-bench-node\nWORKDIR /app\nCOPY package*.json ./\nRUN npm ci --omit=dev\nCOPY . .\nCMD [\"node\", \"server.js\"]\n"
	goFile   = "FROM lugsail-bench-go AS build\nWORKDIR /src\nCOPY go.* ./\nRUN go mod download\nCOPY . .\nRUN CGO_ENABLED=0 go build -o /app .\n" +
		"FROM lugsail-bench-base\nCOPY --from=build /app /app\nCMD [\"/app\"]\n"
)

// byHand does the same with docker build and docker run.
type byHand struct {
	server  *server
	client  *http.Client
	running map[string]string // container by app
}

func newByHand(ctx context.Context, s *server) (*byHand, error) {
	h := &byHand{server: s, client: &http.Client{Timeout: 5 * time.Second}, running: map[string]string{}}
	dir := filepath.Join(s.dir, "images")
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return nil, err
	}
	tar := filepath.Join(dir, "base.tar")
	if err := s.run(ctx, dir, io.Discard, "mmdebstrap", "--variant=apt", "--include=ca-certificates,libstdc++6", "--aptopt=Acquire::Languages \"none\"", "trixie", tar); err != nil {
		return nil, err
	}
	if _, err := h.docker(ctx, dir, "import", tar, "lugsail-bench-base-plain"); err != nil {
		return nil, err
	}
	if err := os.Remove(tar); err != nil {
		return nil, err
	}
	return h, h.images(ctx, dir)
}

// images gives the base images the runtimes that Lugsail itself uses, and the machine's CA certificates.
func (h *byHand) images(ctx context.Context, dir string) error {
	node, err := newest(filepath.Join(h.server.dir, "data", "builds", "depot", "node", "*"))
	if err != nil {
		return err
	}
	golang, err := newest(filepath.Join(h.server.dir, "data", "builds", "depot", "go", "*"))
	if err != nil {
		return err
	}
	ca, err := os.ReadFile("/etc/ssl/certs/ca-certificates.crt")
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(dir, "ca.crt"), ca, 0o600); err != nil {
		return err
	}
	for _, image := range []struct{ name, from, file string }{
		{"base", dir, "FROM lugsail-bench-base-plain\nCOPY ca.crt /etc/ssl/certs/ca-certificates.crt\nENV NODE_EXTRA_CA_CERTS=/etc/ssl/certs/ca-certificates.crt\n"},
		{"node", node, "FROM lugsail-bench-base\nCOPY . /usr/local/\n"},
		{"go", golang, "FROM lugsail-bench-base\nCOPY . /usr/local/go/\nENV PATH=/usr/local/go/bin:/usr/bin:/bin GOFLAGS=-buildvcs=false\n"},
	} {
		file := filepath.Join(dir, "Dockerfile."+image.name)
		if err := os.WriteFile(file, []byte(image.file), 0o600); err != nil {
			return err
		}
		if _, err := h.docker(ctx, dir, "build", "-q", "-t", "lugsail-bench-"+image.name, "-f", file, image.from); err != nil {
			return err
		}
	}
	return nil
}

func newest(pattern string) (string, error) {
	found, err := filepath.Glob(pattern)
	if err != nil || len(found) == 0 {
		return "", fmt.Errorf("nothing at %s: %w", pattern, err)
	}
	return found[len(found)-1], nil
}

// docker runs the client with the classic builder, which every Docker Engine has.
func (h *byHand) docker(ctx context.Context, dir string, args ...string) (string, error) {
	var out bytes.Buffer
	env := h.server.env
	defer func() { h.server.env = env }()
	h.server.env = append(append([]string{}, env...), "DOCKER_BUILDKIT=0", "DOCKER_HOST="+h.server.engine)
	err := h.server.run(ctx, dir, &out, "docker", args...)
	return strings.TrimSpace(out.String()), err
}

func (h *byHand) tree(k kind) string { return filepath.Join(h.server.dir, "byhand", k.name) }

func (h *byHand) first(ctx context.Context, k kind) error {
	if err := os.CopyFS(h.tree(k), os.DirFS(filepath.Join("internal", "e2e", "bench", k.dir))); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(h.tree(k), "Dockerfile"), []byte(k.dockerfile), 0o600); err != nil {
		return err
	}
	_, err := h.deploy(ctx, k, "Hello one")
	return err
}

func (h *byHand) change(ctx context.Context, k kind, round int) (time.Duration, error) {
	if err := edit(filepath.Join(h.tree(k), k.file), greeting(round-1), greeting(round)); err != nil {
		return 0, err
	}
	return h.deploy(ctx, k, greeting(round))
}

// deploy builds, runs the new container, waits for its first answer, and removes the old one after that.
func (h *byHand) deploy(ctx context.Context, k kind, text string) (time.Duration, error) {
	began := time.Now()
	image := "lugsail-bench-app-" + k.name
	if _, err := h.docker(ctx, h.tree(k), "build", "-q", "-t", image, "."); err != nil {
		return 0, err
	}
	id, err := h.docker(ctx, h.tree(k), "run", "-d", "--init", "--memory", "1g", "-e", "PORT=8080", image)
	if err != nil {
		return 0, err
	}
	ip, err := h.docker(ctx, h.tree(k), "inspect", "-f", "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}", id)
	if err != nil {
		return 0, err
	}
	for end := time.Now().Add(time.Minute); !answers(ctx, h.client, "http://"+ip+":8080/", text); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			return 0, fmt.Errorf("%s does not answer %q", image, text)
		}
	}
	took := time.Since(began)
	if old := h.running[k.name]; old != "" {
		if _, err := h.docker(ctx, h.tree(k), "rm", "-f", old); err != nil {
			return 0, err
		}
	}
	h.running[k.name] = id
	return took, nil
}

func (h *byHand) remove(ctx context.Context) {
	for _, id := range h.running {
		if _, err := h.docker(ctx, h.server.dir, "rm", "-f", id); err != nil {
			fmt.Fprintln(os.Stderr, "bench: cleaning up:", err)
		}
	}
	for _, image := range []string{"app-node", "app-go", "app-big-node", "node", "go", "base", "base-plain"} {
		if _, err := h.docker(ctx, h.server.dir, "rmi", "-f", "lugsail-bench-"+image); err != nil {
			fmt.Fprintln(os.Stderr, "bench: cleaning up:", err)
		}
	}
}
