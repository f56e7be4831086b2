package gitserver

import (
	"context"
	"os"
	"path/filepath"
	"strings"
)

// moveRefs is the second half of a push: the objects are in the repository, and the refs
// that the server keeps to itself are moved. It gives "" or the reason why not for each.
func (s *Server) moveRefs(ctx context.Context, p *push, updates []update) []string {
	st := s.state(p.app.ID)
	st.repo.Lock() // over a few calls of git: two pushes must not move the branch at once
	defer st.repo.Unlock()
	live := s.landing(p)
	report := make([]string, len(updates))
	for i, u := range updates {
		var err error
		if live.ref != "" && string(u.Name) == live.ref && u.New == live.commit {
			err = s.landBranch(ctx, st, p.repo, live)
		} else {
			err = s.moveBranch(ctx, p.repo, u)
		}
		if err != nil {
			s.cfg.Log.ErrorContext(ctx, "a branch could not be moved", "app", p.app.Name, "error", err)
			report[i] = "the branch could not be moved; fetch, then push again"
		}
	}
	return report
}

// landBranch moves the deploy branch to what went live, whatever it was before: the
// deployments have an order already. One that was overtaken, or that Settle was faster with,
// leaves the branch alone, as if it had been moved and moved on.
func (s *Server) landBranch(ctx context.Context, st *appState, repo string, live landing) error {
	if live.number <= st.applied {
		return nil
	}
	if _, err := s.line(ctx, repo, nil, "update-ref", "--no-deref", live.ref, live.commit); err != nil {
		return err
	}
	st.applied = live.number
	return nil
}

// checkOut says which branch a clone checks out.
func (s *Server) checkOut(ctx context.Context, repo, ref string) error {
	have, err := os.ReadFile(filepath.Join(repo, "HEAD"))
	if err == nil && strings.TrimSpace(string(have)) == "ref: "+ref {
		return nil
	}
	_, err = s.line(ctx, repo, nil, "symbolic-ref", "HEAD", ref)
	return err
}

// moveBranch does what receive-pack would have done: it insists on the old value.
func (s *Server) moveBranch(ctx context.Context, repo string, u update) error {
	args := []string{"update-ref", "--no-deref", string(u.Name), u.New, u.Old}
	if u.deletes() {
		args = []string{"update-ref", "--no-deref", "-d", string(u.Name), u.Old}
	}
	_, err := s.line(ctx, repo, nil, args...)
	return err
}
