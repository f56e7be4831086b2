package gitserver

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/lugsail/lugsail/platform/source"
)

// Clean removes what a killed server left: quarantines, half packs, locks, half sources,
// and every source whose directory is not in inUse (those of the deployments that still
// wait or run). Call it before Run, and before anything is served.
func (s *Server) Clean(ctx context.Context, inUse []string) error {
	entries, err := os.ReadDir(s.cfg.Dir)
	if err != nil {
		return fmt.Errorf("cleaning the repositories: %w", err)
	}
	for _, e := range entries {
		if err := ctx.Err(); err != nil {
			return fmt.Errorf("cleaning the repositories: %w", err)
		}
		path := filepath.Join(s.cfg.Dir, e.Name())
		switch {
		case strings.HasPrefix(e.Name(), newRepo), strings.HasPrefix(e.Name(), goneRepo):
			err = os.RemoveAll(path)
		case strings.HasSuffix(e.Name(), ".git"):
			err = cleanRepo(path)
		}
		if err != nil {
			return fmt.Errorf("cleaning the repositories: %w", err)
		}
	}
	if err := source.Clean(s.cfg.SourcesDir); err != nil {
		return err
	}
	return s.cleanSources(inUse)
}

// cleanSources compares names and not paths: one may lead through a link.
func (s *Server) cleanSources(inUse []string) error {
	used := map[string]bool{}
	for _, dir := range inUse {
		used[filepath.Base(dir)] = true
	}
	entries, err := os.ReadDir(s.cfg.SourcesDir)
	if err != nil {
		return fmt.Errorf("cleaning the sources: %w", err)
	}
	for _, e := range entries {
		path := filepath.Join(s.cfg.SourcesDir, e.Name())
		if !e.IsDir() || !idPattern.MatchString(e.Name()) || used[e.Name()] {
			continue
		}
		if err := os.RemoveAll(path); err != nil {
			return fmt.Errorf("cleaning the sources: %w", err)
		}
	}
	return nil
}

// cleanRepo knows the names of what git makes for a moment.
func cleanRepo(repo string) error {
	for _, pattern := range []string{"objects/tmp_objdir-*", "objects/incoming-*", "objects/pack/tmp_*", "objects/*/tmp_obj_*"} {
		left, err := filepath.Glob(filepath.Join(repo, pattern))
		if err != nil {
			return err
		}
		for _, path := range left {
			if err := os.RemoveAll(path); err != nil {
				return err
			}
		}
	}
	return filepath.WalkDir(repo, func(path string, d fs.DirEntry, err error) error {
		if errors.Is(err, os.ErrNotExist) {
			return nil
		}
		if err != nil {
			return err
		}
		if d.IsDir() && path == filepath.Join(repo, "objects") {
			return filepath.SkipDir
		}
		if !d.IsDir() && strings.HasSuffix(path, ".lock") { // no ref can be called that
			return os.Remove(path)
		}
		return nil
	})
}

// tidyDaily packs what pushes left loose, never in the way of a push.
func (s *Server) tidyDaily(ctx context.Context) {
	ticker := time.NewTicker(24 * time.Hour)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		if err := s.tidy(ctx); err != nil && ctx.Err() == nil {
			s.cfg.Log.Warn("the repositories could not be tidied", "error", err)
		}
	}
}

// tidy lets git decide repository by repository. It keeps what is younger than two weeks,
// and with it the objects of a push under way.
func (s *Server) tidy(ctx context.Context) error {
	repos, err := filepath.Glob(filepath.Join(s.cfg.Dir, "*.git"))
	if err != nil {
		return fmt.Errorf("tidying the repositories: %w", err)
	}
	for _, repo := range repos {
		_, gcErr := s.line(ctx, repo, nil, "-c", "gc.auto=500", "-c", "gc.autoDetach=false", "gc", "--auto", "--quiet")
		err = errors.Join(err, gcErr)
	}
	return err
}
