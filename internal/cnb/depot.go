package cnb

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"go/version"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/Masterminds/semver/v3"
	"golang.org/x/sync/errgroup"
)

// The depot holds the runtimes that most builds want, so that the first push need not fetch them:
// depot/node/VERSION, depot/go/VERSION and, for that, depot/go-cache/VERSION (goseed.go). Builds see it read-only. What else an app wants, its
// own build fetches. The usual clients fetch and verify; small file systems of Debian packages,
// used once, hold those clients.

// nodeLine is the long-term line of Node that apps get which want none.
const nodeLine = "24"

// npmLine is the npm that goes with it.
const npmLine = "11"

// goVersion is the toolchain of the depot: the one that compiled Lugsail.
func goVersion() string {
	v, _, _ := strings.Cut(strings.TrimPrefix(runtime.Version(), "go"), " ")
	v, _, _ = strings.Cut(v, "-")
	if !version.IsValid("go" + v) {
		return "1.26.5" // a development version of Go compiled Lugsail
	}
	return v
}

func (b *Builder) fillDepot(ctx context.Context, progress func(string)) error {
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return b.ensureNode(ctx, progress) })
	group.Go(func() error { return b.ensureGo(ctx, progress) })
	return group.Wait()
}

func (b *Builder) ensureNode(ctx context.Context, progress func(string)) error {
	entries, err := os.ReadDir(b.path("depot", "node"))
	if err != nil {
		return fmt.Errorf("reading the depot: %w", err)
	}
	for _, entry := range entries {
		if strings.HasPrefix(entry.Name(), nodeLine+".") {
			return nil
		}
	}
	progress("Fetching Node " + nodeLine)
	// Debian's Node comes with a program that fetches npm and verifies it.
	npm := []string{"/usr/bin/node", "/usr/share/nodejs/corepack/dist/corepack.js", "npm@" + npmLine}
	name := "node-linux-" + map[string]string{"amd64": "x64"}[architecture()]
	if architecture() != "amd64" {
		name = "node-linux-" + architecture()
	}
	args := append(npm, "install", "--prefix", toolOut, "--ignore-scripts", "--no-save", "--no-package-lock", "--no-audit", "--no-fund",
		"--no-update-notifier", name+"@"+nodeLine, "npm@"+npmLine)
	return b.withTool(ctx, tool{packages: []string{"base-files", "nodejs"}, args: args, env: []string{
		"COREPACK_ENABLE_DOWNLOAD_PROMPT=0", "npm_config_cache=" + toolOut + "/cache",
	}}, func(out string) error { return b.placeNode(out, name) })
}

// placeNode moves what npm has fetched to its place.
func (b *Builder) placeNode(out, name string) error {
	from := filepath.Join(out, "node_modules", name)
	text, err := os.ReadFile(filepath.Join(from, "package.json"))
	if err != nil {
		return fmt.Errorf("reading the fetched Node: %w", err)
	}
	var fetched struct {
		Version string `json:"version"`
	}
	if err := json.Unmarshal(text, &fetched); err != nil {
		return fmt.Errorf("reading the fetched Node: %w", err)
	}
	v, err := semver.NewVersion(fetched.Version)
	if err != nil {
		return fmt.Errorf("reading the fetched Node: %w", err)
	}
	lib := filepath.Join(from, "lib", "node_modules")
	if err := os.MkdirAll(lib, 0o755); err != nil {
		return fmt.Errorf("placing npm: %w", err)
	}
	if err := os.Rename(filepath.Join(out, "node_modules", "npm"), filepath.Join(lib, "npm")); err != nil {
		return fmt.Errorf("placing npm: %w", err)
	}
	for name, file := range map[string]string{"npm": "npm-cli.js", "npx": "npx-cli.js"} {
		if err := os.Symlink("../lib/node_modules/npm/bin/"+file, filepath.Join(from, "bin", name)); err != nil {
			return fmt.Errorf("placing npm: %w", err)
		}
	}
	return b.store(from, "node", v.String())
}

func (b *Builder) ensureGo(ctx context.Context, progress func(string)) error {
	wanted := goVersion()
	if _, err := os.Stat(b.path("depot", "go", wanted)); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	progress("Fetching Go " + wanted)
	// Debian's go command fetches another toolchain when it is asked to be that one, and verifies it.
	err := b.withTool(ctx, tool{packages: []string{"base-files", "golang-go"}, args: []string{"/usr/bin/go", "version"}, env: []string{
		"GOTOOLCHAIN=go" + wanted, "GOMODCACHE=" + toolOut + "/mod", "GOENV=off", "GOTELEMETRY=off", "GOFLAGS=",
	}}, func(out string) error {
		return b.store(filepath.Join(out, "mod", "golang.org", fmt.Sprintf("toolchain@v0.0.1-go%s.linux-%s", wanted, architecture())), "go", wanted)
	})
	if err != nil {
		return err
	}
	return errors.Join(b.dropOthers("go", wanted), b.dropOthers(goSeedKind, wanted))
}

// store moves a runtime into the depot. A half-written one is never seen there.
func (b *Builder) store(from, kind, name string) error {
	if err := os.Chmod(from, 0o755); err != nil { // a directory without write permission does not move
		return fmt.Errorf("storing %s %s: %w", kind, name, err)
	}
	if err := chownTree(from, 0); err != nil {
		return fmt.Errorf("storing %s %s: %w", kind, name, err)
	}
	to := b.path("depot", kind, name)
	if err := os.Rename(from, to); err != nil && !errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("storing %s %s: %w", kind, name, err)
	}
	return nil
}

// chownTree gives everything to one user, if this process may.
func chownTree(dir string, id int) error {
	if os.Getuid() != 0 {
		return nil
	}
	return filepath.WalkDir(dir, func(path string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		return os.Lchown(path, id, id)
	})
}

// dropOthers removes the runtimes of a kind that an earlier Lugsail brought.
func (b *Builder) dropOthers(kind, keep string) error {
	entries, err := os.ReadDir(b.path("depot", kind))
	if err != nil {
		return fmt.Errorf("reading the depot: %w", err)
	}
	for _, entry := range entries {
		if entry.Name() != keep {
			if err := removeAll(b.path("depot", kind, entry.Name())); err != nil {
				return fmt.Errorf("emptying the depot: %w", err)
			}
		}
	}
	return nil
}
