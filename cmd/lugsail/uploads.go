package main

import (
	"path/filepath"

	"github.com/lugsail/lugsail/internal/archive"
	"github.com/lugsail/lugsail/internal/config"
)

// newUploads makes the door for archives. Their trees lie beside those of pushes, and go the same way.
func newUploads(cfg config.Config) (*archive.Door, error) {
	return archive.New(archive.Config{Dir: filepath.Join(cfg.DataDir, "uploads"), SourcesDir: filepath.Join(cfg.DataDir, "sources")})
}
