package gitserver

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/lugsail/lugsail/platform"
)

// Begin makes a source the first commit of the app's deploy branch, so that it can be cloned, changed and pushed
// back. An app that has commits already keeps them as they are; code has_commits.
func (s *Server) Begin(ctx context.Context, app platform.App, src platform.Source) (platform.Source, error) {
	repo, branch, commit, err := s.tip(ctx, app)
	if err != nil {
		return src, err
	}
	if commit != "" {
		return src, platform.Errorf(platform.Conflict, "has_commits", "%s has commits already.", app.Name).
			WithHint("Push on top of them: git pull lugsail %s", branch)
	}
	st := s.state(app.ID)
	st.repo.Lock()
	defer st.repo.Unlock()
	if src.Commit, err = s.commitTree(ctx, repo, src.Dir, src.Title); err != nil {
		return src, fmt.Errorf("committing a first source: %w", err)
	}
	src.Branch = branch
	if _, err := s.line(ctx, repo, nil, "update-ref", "--no-deref", heads+branch, src.Commit, ""); err != nil {
		return src, fmt.Errorf("beginning a branch: %w", err)
	}
	return src, s.checkOut(ctx, repo, heads+branch)
}

// commitTree writes the files of a directory as a commit without parents.
func (s *Server) commitTree(ctx context.Context, repo, dir, title string) (string, error) {
	temp, err := os.MkdirTemp(s.cfg.Dir, newRepo)
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(temp) //nolint:errcheck // an index of no more use; else Clean has it
	env := []string{"GIT_INDEX_FILE=" + filepath.Join(temp, "index")}
	for _, who := range []string{"AUTHOR", "COMMITTER"} {
		env = append(env, "GIT_"+who+"_NAME=Lugsail", "GIT_"+who+"_EMAIL=lugsail@localhost")
	}
	if _, err := s.line(ctx, repo, env, "--work-tree="+dir, "add", "--all", "--force", "--", dir); err != nil {
		return "", err
	}
	tree, err := s.line(ctx, repo, env, "write-tree")
	if err != nil {
		return "", err
	}
	return s.line(ctx, repo, env, "commit-tree", "-m", title, tree)
}
