package cnb

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/lugsail/lugsail/internal/atomicfile"
	"github.com/lugsail/lugsail/internal/disk"
	"github.com/lugsail/lugsail/platform"
)

// prepared is what Prepare has made, as it is kept on disk.
type prepared struct {
	BaseTag    string `json:"base_tag"`
	BaseDigest string `json:"base_digest"`
	BuilderKey string `json:"builder_key"`
	BuilderID  string `json:"builder_id"` // builds use this id, whatever a name may lead to
	SeedKey    string `json:"seed_key"`
	SeedImage  string `json:"seed_image"`
}

// Prepare makes everything that builds need. It does nothing twice, may be cut off at any moment,
// and is quick when nothing is to do. The registry must be running.
func (b *Builder) Prepare(ctx context.Context, progress func(string)) error {
	progress = serial(progress)
	if err := b.ensureNetwork(ctx); err != nil {
		return err
	}
	var state prepared
	group, inner := errgroup.WithContext(ctx)
	group.Go(func() error { return b.ensureImages(inner, &state, progress) })
	group.Go(func() error { return b.fillDepot(inner, progress) })
	if err := group.Wait(); err != nil {
		return err
	}
	b.mu.Lock()
	b.prepared = state
	b.mu.Unlock()
	return b.ensureSeed(ctx, progress)
}

func serial(progress func(string)) func(string) {
	var mu sync.Mutex
	return func(line string) {
		mu.Lock()
		defer mu.Unlock()
		progress(line)
	}
}

func (b *Builder) readState() (prepared, error) {
	var state prepared
	data, err := os.ReadFile(b.path("prepared.json"))
	if errors.Is(err, os.ErrNotExist) {
		return state, nil
	}
	if err != nil {
		return state, fmt.Errorf("reading what was prepared: %w", err)
	}
	if json.Unmarshal(data, &state) != nil {
		return prepared{}, nil //nolint:nilerr // a broken record is made anew
	}
	return state, nil
}

func (b *Builder) writeState(state prepared) error {
	data, err := json.MarshalIndent(state, "", "  ")
	if err != nil {
		return fmt.Errorf("keeping what was prepared: %w", err)
	}
	return atomicfile.Write(b.path("prepared.json"), append(data, '\n'), 0o600)
}

// current is what Prepare has made, also by an earlier process.
func (b *Builder) current() (prepared, error) {
	b.mu.Lock()
	state := b.prepared
	b.mu.Unlock()
	if state.BuilderID != "" {
		return state, nil
	}
	state, err := b.readState()
	if err != nil {
		return state, err
	}
	if state.BuilderID == "" {
		return state, platform.Errorf(platform.Unavailable, "builder_not_ready", "The builder is not ready yet.").
			WithHint("Wait until the set-up has ended, then push again.")
	}
	b.mu.Lock()
	b.prepared = state
	b.mu.Unlock()
	return state, nil
}

func short(parts ...string) string {
	sum := sha256.New()
	for _, part := range parts {
		_, _ = fmt.Fprintf(sum, "%d:%s;", len(part), part) // a hash takes everything
	}
	return hex.EncodeToString(sum.Sum(nil))[:16]
}

// scratch is an empty directory that the caller removes.
func (b *Builder) scratch(name string) (dir string, remove func(), err error) {
	dir, err = os.MkdirTemp(b.path("tmp"), name+"-")
	if err != nil {
		return "", nil, fmt.Errorf("making a directory: %w", err)
	}
	if err := os.Chmod(dir, 0o755); err != nil {
		return "", nil, fmt.Errorf("making a directory: %w", err)
	}
	return dir, func() { _ = removeAll(dir) }, nil // Clean removes what is left
}

// removeAll also removes directories without write permission, as Go's modules are.
func removeAll(dir string) error {
	err := disk.Remove(dir)
	if err == nil || os.Getuid() == 0 {
		return err
	}
	_ = filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err == nil && d.IsDir() {
			return os.Chmod(path, 0o700)
		}
		return nil
	})
	return disk.Remove(dir)
}

func architecture() string { return runtime.GOARCH }
