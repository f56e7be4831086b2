package cnb

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"go/version"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"

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

// nodeAge is when a newer Node of the line is looked for: it may close holes.
const nodeAge = 30 * 24 * time.Hour

func (b *Builder) ensureNode(ctx context.Context, progress func(string)) error {
	there, fetched, err := b.latestNode()
	if err != nil {
		return err
	}
	if there != "" && time.Since(fetched) < nodeAge {
		return b.dropOthers("node", there)
	}
	progress("Fetching Node " + nodeLine)
	err = b.fetchNode(ctx)
	if err != nil && there != "" && ctx.Err() == nil {
		slog.WarnContext(ctx, "a newer Node could not be fetched", "error", err) // the next start tries again
		return nil
	}
	return err
}

// latestNode is the one of the line that was fetched last, "" when there is none.
func (b *Builder) latestNode() (name string, fetched time.Time, err error) {
	entries, err := os.ReadDir(b.path("depot", "node"))
	if err != nil {
		return "", fetched, fmt.Errorf("reading the depot: %w", err)
	}
	for _, entry := range entries {
		info, err := entry.Info()
		if err != nil {
			return "", fetched, fmt.Errorf("reading the depot: %w", err)
		}
		if strings.HasPrefix(entry.Name(), nodeLine+".") && info.ModTime().After(fetched) {
			name, fetched = entry.Name(), info.ModTime()
		}
	}
	return name, fetched, nil
}

func (b *Builder) fetchNode(ctx context.Context) error {
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
	if err := b.store(from, "node", v.String()); err != nil {
		return err
	}
	return b.dropOthers("node", v.String())
}

func (b *Builder) ensureGo(ctx context.Context, progress func(string)) error {
	wanted := goVersion()
	if _, err := os.Stat(b.path("depot", "go", wanted)); err == nil {
		return b.dropOtherGo(wanted)
	} else if !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("reading the depot: %w", err)
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
	return b.dropOtherGo(wanted)
}

func (b *Builder) dropOtherGo(keep string) error {
	return errors.Join(b.dropOthers("go", keep), b.dropOthers(goSeedKind, keep))
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
	now := time.Now()
	if err := os.Chtimes(to, now, now); err != nil {
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

// dropOthers removes the runtimes of a kind that were brought earlier. While a build may use them, that waits
// for the next start.
func (b *Builder) dropOthers(kind, keep string) error {
	if !b.building.TryLock() {
		return nil
	}
	defer b.building.Unlock()
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
