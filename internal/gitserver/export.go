package gitserver

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/lugsail/lugsail/internal/command"
	"github.com/lugsail/lugsail/platform"
	"github.com/lugsail/lugsail/platform/source"
)

// Export gives the newest commit of the app's deploy branch as a source, for a deployment
// without a push. The tree belongs to the caller.
func (s *Server) Export(ctx context.Context, app platform.App) (platform.Source, error) {
	repo, branch, commit, err := s.tip(ctx, app)
	if err != nil {
		return platform.Source{}, err
	}
	if commit == "" {
		return platform.Source{}, platform.Errorf(platform.Conflict, "nothing_pushed", "No push of %s has gone live yet, so there is nothing to deploy again.", app.Name).
			WithHint("Push it: git push lugsail %s", branch)
	}
	a := arrival{Server: s, push: &push{app: app, repo: repo}}
	title, err := a.commitTitle(ctx, commit)
	if err != nil {
		return platform.Source{}, err
	}
	src, err := s.export(ctx, repo, nil, commit)
	src.Commit, src.Title, src.Branch = commit, title, branch
	return src, err
}

// Tip gives the newest commit of the app's deploy branch; "" before the first push.
func (s *Server) Tip(ctx context.Context, app platform.App) (commit string, err error) {
	_, _, commit, err = s.tip(ctx, app)
	return commit, err
}

func (s *Server) tip(ctx context.Context, app platform.App) (repo, branch, commit string, err error) {
	if repo, err = s.repository(ctx, app); err != nil {
		return "", "", "", err
	}
	have, err := s.branches(ctx, repo, candidates(app)...)
	if err != nil {
		return "", "", "", err
	}
	branch = deployBranch(app, func(name string) bool { return have[name] != "" })
	return repo, branch, have[branch], nil
}

// export writes the tree of a commit into a directory of its own.
func (s *Server) export(ctx context.Context, repo string, env []string, commit string) (platform.Source, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	archive, tar := io.Pipe()
	// without --worktree-attributes git holds the whole tree in memory before the first
	// byte comes, however many files it has; a bare repository has no worktree
	git := s.git(repo, env, "archive", "--format=tar", "--worktree-attributes", commit)
	git.Stdout = tar
	ended := make(chan error, 1)
	go func() {
		err := git.Run(ctx)
		tar.CloseWithError(err) // nil is the end of the file
		ended <- err
	}()
	src, err := source.Unpack(ctx, archive, filepath.Join(s.cfg.SourcesDir, platform.NewID()), s.cfg.Limits)
	if err == nil {
		_, err = io.Copy(io.Discard, archive) // what stands behind the end of the tar
	}
	_ = archive.Close() // after an error git's next write fails
	if err != nil {
		cancel()
	}
	gitErr := <-ended
	var exit *command.ExitError
	switch {
	case err == nil && gitErr == nil && src.Files > 0:
		return src, nil
	case err == nil && gitErr == nil:
		err = platform.Errorf(platform.Invalid, "source_empty", "This commit has no files, so there is nothing to deploy.").
			WithHint("Add the app's files and commit them: git add . && git commit")
	case errors.As(err, &exit), err == nil: // git itself ended first
		err = fmt.Errorf("exporting %s: %w", commit, gitErr)
	}
	return platform.Source{}, discard(src, err)
}

// discard removes a tree that nobody took over.
func discard(src platform.Source, err error) error {
	if src.Dir == "" {
		return err
	}
	if removeErr := os.RemoveAll(src.Dir); removeErr != nil {
		return errors.Join(err, fmt.Errorf("removing a source: %w", removeErr))
	}
	return err
}

// commitTitle gives the first line of a commit's message, and refuses what is not a commit.
func (a arrival) commitTitle(ctx context.Context, id string) (string, error) {
	out, err := a.line(ctx, a.push.repo, a.env, "log", "--no-walk", "--no-show-signature", "--encoding=UTF-8", "--format=%H %s", id)
	got, title, _ := strings.Cut(out, " ")
	if err != nil || got != id {
		return "", platform.Errorf(platform.Invalid, "not_a_commit", "%s is not a commit.", id[:7]).
			WithHint("Push a branch.").Because(err)
	}
	return cut(clean(title), 120), nil
}

// contains reports whether the commit descends from old. One that is not known here does not.
func (a arrival) contains(ctx context.Context, old, commit string) bool {
	return a.git(a.push.repo, a.env, "merge-base", "--is-ancestor", old, commit).Run(ctx) == nil
}

// notes tells what a checkout would have brought and an export does not.
func notes(dir string) []string {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil
	}
	defer root.Close() //nolint:errcheck // nothing was written
	var found []string
	if _, err := root.Lstat(".gitmodules"); err == nil {
		found = append(found, "This repository has submodules. Submodules are not fetched: their directories are empty.")
	}
	if usesLFS(root) {
		found = append(found, "This repository uses Git LFS. Its files are not fetched: only their pointers are here.")
	}
	return found
}

func usesLFS(root *os.Root) bool {
	f, err := root.Open(".gitattributes")
	if err != nil {
		return false
	}
	defer f.Close() //nolint:errcheck // nothing was written
	text, err := io.ReadAll(io.LimitReader(f, 1<<20))
	return err == nil && strings.Contains(string(text), "filter=lfs")
}
