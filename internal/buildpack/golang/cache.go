package golang

import (
	"errors"
	"os"
	"path/filepath"

	"github.com/lugsail/lugsail/internal/buildpack"
)

// Compiled packages of the app, and where it begins with those of the standard library.
var (
	cacheDir = filepath.Join(buildpack.Keep, "go-cache")
	seedDir  = filepath.Join(buildpack.Depot, "go-cache")
)

// beginCache copies what is compiled on this server already into an app's cache, once for each toolchain.
// The go command checks what it takes from there, so a copy that was cut off does no harm.
func (t toolchain) beginCache() error {
	seed, mark := filepath.Join(seedDir, t.version), filepath.Join(cacheDir, "begun-"+t.version)
	if _, err := os.Stat(mark); err == nil {
		return nil
	}
	if _, err := os.Stat(seed); errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err := buildpack.MergeTree(seed, cacheDir); err != nil {
		return err
	}
	return os.WriteFile(mark, nil, 0o644)
}
