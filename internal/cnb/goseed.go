package cnb

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"github.com/lugsail/lugsail/platform"
)

// The Go seed is a cache of compiled packages: those of the standard library that most servers use. An
// app's own cache begins as a copy of it, so that only the first Go app of a server waits for them. It
// comes from a build of a program of ours and reaches other builds in the depot, which they cannot write.
const (
	goSeedID   = "goseed"
	goSeedKind = "go-cache"
	goSeedTurn = "goseed turn" // a lock; no app has such an id
)

//go:embed goseed.txt
var goSeedProgram []byte

// ensureGoSeed makes the seed when this build is the first that wants it. A build goes on without one.
func (b *Builder) ensureGoSeed(ctx context.Context, req platform.BuildRequest, log io.Writer) error {
	if req.AppID == goSeedID || !wantsGo(req.Dir) || b.compiledGo(req.AppID) {
		return nil
	}
	unlock, err := b.lock(ctx, goSeedTurn)
	if err != nil {
		return err
	}
	defer unlock()
	if _, err := os.Stat(b.path("depot", goSeedKind, goVersion())); err == nil || b.goSeedFailed {
		return nil
	}
	_, _ = fmt.Fprintln(log, "Compiling Go's standard library, once for all apps of this server") // a log that cannot be written must not stop a build
	if err := b.buildGoSeed(ctx); err != nil {
		if ctx.Err() != nil {
			return fmt.Errorf("compiling the standard library: %w", ctx.Err())
		}
		b.goSeedFailed = true // the next process tries again
		slog.WarnContext(ctx, "the standard library was not compiled for all apps", "error", err)
	}
	return nil
}

// wantsGo guesses; when it is wrong, a build takes longer and nothing else.
func wantsGo(dir string) bool {
	has := func(name string) bool {
		info, err := os.Lstat(filepath.Join(dir, name))
		return err == nil && info.Mode().IsRegular()
	}
	return (has("go.mod") || has("go.work")) && !has("package.json")
}

// compiledGo reports whether the app has a cache of its own already.
func (b *Builder) compiledGo(appID string) bool {
	home, err := os.OpenRoot(b.path("apps", appID, "home"))
	if err != nil {
		return false
	}
	defer func() { _ = home.Close() }() // read only
	_, err = home.Lstat(filepath.Join(".lugsail", goSeedKind, "begun-"+goVersion()))
	return err == nil
}

func (b *Builder) buildGoSeed(ctx context.Context) (err error) {
	if err := b.forgetGoSeed(ctx); err != nil {
		return err
	}
	dir, remove, err := b.scratch(goSeedID)
	if err != nil {
		return err
	}
	defer remove()
	for name, text := range map[string][]byte{"go.mod": []byte("module " + goSeedID + "\n\ngo 1.24\n"), "main.go": goSeedProgram} {
		if err := os.WriteFile(filepath.Join(dir, name), text, 0o644); err != nil {
			return fmt.Errorf("writing the first Go program: %w", err)
		}
	}
	defer func() {
		tidy, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Minute)
		defer cancel()
		err = errors.Join(err, b.Forget(tidy, goSeedID))
	}()
	said := &tail{}
	if _, err := b.Build(ctx, platform.BuildRequest{BuildID: platform.NewID(), AppID: goSeedID, App: goSeedID, Dir: dir}, said); err != nil {
		return fmt.Errorf("building the first Go program: %w: %s", err, said)
	}
	made := b.path("apps", goSeedID, "home", ".lugsail", goSeedKind)
	if err := os.Remove(filepath.Join(made, "trim.txt")); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("storing the Go seed: %w", err)
	}
	return b.store(made, goSeedKind, goVersion())
}

// forgetGoSeed removes what a try that was cut off has left.
func (b *Builder) forgetGoSeed(ctx context.Context) error {
	if _, err := os.Stat(b.path("apps", goSeedID)); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return b.Forget(ctx, goSeedID)
}
