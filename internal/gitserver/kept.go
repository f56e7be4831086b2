package gitserver

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/lugsail/lugsail/platform"
)

// keptDir is where a repository keeps the objects of pushes whose deployments have not ended,
// one directory for each, by the name of its source. They are links to the files in the
// quarantine, so they take no room of their own, and they outlive it: when the server stops
// or is killed, the quarantine leaves with its push, but the deployment goes on.
const keptDir = "kept"

func keptPath(repo string, src platform.Source) string {
	return filepath.Join(repo, keptDir, filepath.Base(src.Dir))
}

// keep links what a push has brought, before its deployment is recorded.
func (a arrival) keep(src platform.Source) error {
	if a.quarantine == "" || len(a.push.own) == 0 { // git alone can take in a shallow history
		return nil
	}
	if err := linkObjects(a.quarantine, keptPath(a.push.repo, src)); err != nil {
		return fmt.Errorf("keeping what was pushed: %w", err)
	}
	return nil
}

// Settle is told how a deployment has ended. The branch follows what went live, also when the
// push that brought it is long gone; what did not is forgotten.
func (s *Server) Settle(ctx context.Context, d platform.Deployment) error {
	repo, err := s.path(d.AppID)
	if err != nil || d.Source.Dir == "" {
		return err
	}
	kept := keptPath(repo, d.Source)
	if _, err := os.Lstat(kept); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	s.resumed(d.ID)
	st := s.state(d.AppID)
	st.repo.Lock()
	defer st.repo.Unlock()
	if d.State == platform.DeploymentLive {
		err = s.takeIn(ctx, st, repo, d)
	}
	if err == nil { // else the next start tries again
		err = os.RemoveAll(kept)
	}
	if err != nil {
		return fmt.Errorf("settling deployment %d: %w", d.Number, err)
	}
	return nil
}

// takeIn does what the second half of a push would have done.
func (s *Server) takeIn(ctx context.Context, st *appState, repo string, d platform.Deployment) error {
	if d.Number <= st.applied {
		return nil
	}
	if err := linkObjects(keptPath(repo, d.Source), filepath.Join(repo, "objects")); err != nil {
		return err
	}
	ref := heads + d.Source.Branch
	if err := s.checkOut(ctx, repo, ref); err != nil {
		return err
	}
	return s.landBranch(ctx, st, repo, landing{ref: ref, commit: d.Source.Commit, number: d.Number})
}

// Resume settles what the last server left behind: of pushes whose deployments have ended
// meanwhile, and of those that were never recorded. recent are the deployments that may be
// meant; those that go on are waited for, by the next push of the same commit too. Call it
// after Clean, which takes locks away that a killed git has left, and before Run.
func (s *Server) Resume(ctx context.Context, recent []platform.Deployment) error {
	left, err := filepath.Glob(filepath.Join(s.cfg.Dir, "*.git", keptDir, "*"))
	if err != nil {
		return fmt.Errorf("resuming pushes: %w", err)
	}
	bySource := map[string]platform.Deployment{}
	for _, d := range recent {
		bySource[d.AppID+"/"+filepath.Base(d.Source.Dir)] = d
	}
	var settle []platform.Deployment
	var errs []error
	for _, path := range left {
		appID := strings.TrimSuffix(filepath.Base(filepath.Dir(filepath.Dir(path))), ".git")
		d, ok := bySource[appID+"/"+filepath.Base(path)]
		switch {
		case !ok:
			errs = append(errs, os.RemoveAll(path))
		case d.State.Ended():
			settle = append(settle, d)
		default:
			s.resume(d)
		}
	}
	s.recall(recent, settle)
	slices.SortFunc(settle, func(a, b platform.Deployment) int { return a.Number - b.Number })
	for _, d := range settle {
		errs = append(errs, s.Settle(ctx, d))
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("resuming pushes: %w", err)
	}
	return nil
}

// recall learns which deployments the branches follow already: the newest that are live and
// have nothing left to settle. An older one that has must not take a branch back.
func (s *Server) recall(recent, settle []platform.Deployment) {
	for _, d := range recent {
		left := slices.ContainsFunc(settle, func(other platform.Deployment) bool { return other.ID == d.ID })
		if d.State == platform.DeploymentLive && d.Source.Commit != "" && !left {
			st := s.state(d.AppID)
			st.repo.Lock()
			st.applied = max(st.applied, d.Number)
			st.repo.Unlock()
		}
	}
}

// resume lets pushes of the same commit join a deployment that goes on without its own.
func (s *Server) resume(d platform.Deployment) {
	land := s.fly(d.AppID, d, d.Source.Commit, "")
	s.mu.Lock()
	defer s.mu.Unlock()
	s.alone[d.ID] = land
}

// resumed ends that.
func (s *Server) resumed(deploymentID string) {
	s.mu.Lock()
	land := s.alone[deploymentID]
	delete(s.alone, deploymentID)
	s.mu.Unlock()
	if land != nil {
		land()
	}
}

// linkObjects gives the loose objects and packs below from a second name below to. The index
// of a pack comes last, because git knows the pack by it. Marks that a pack is in use are left out.
func linkObjects(from, to string) error {
	var files []string
	err := filepath.WalkDir(from, func(path string, entry fs.DirEntry, err error) error {
		if err == nil && entry.Type().IsRegular() && filepath.Ext(path) != ".keep" {
			files = append(files, path)
		}
		return err
	})
	if err != nil {
		return err
	}
	last := func(path string) int { return strings.Count(filepath.Ext(path), ".idx") }
	slices.SortStableFunc(files, func(a, b string) int { return last(a) - last(b) })
	if err := os.MkdirAll(to, 0o700); err != nil {
		return err
	}
	for _, path := range files {
		rel, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		target := filepath.Join(to, rel)
		if err := os.MkdirAll(filepath.Dir(target), 0o700); err != nil {
			return err
		}
		if err := os.Link(path, target); err != nil && !errors.Is(err, fs.ErrExist) {
			return err
		}
	}
	return nil
}
