package gitserver

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/lugsail/lugsail/platform"
)

var (
	idPattern  = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,62}$`)
	hexPattern = regexp.MustCompile(`^([0-9a-f]{40}|[0-9a-f]{64})$`)
)

const (
	newRepo  = ".new-"  // starts the name of a repository that is being made
	goneRepo = ".gone-" // and of one that is being removed
	heads    = "refs/heads/"
	tags     = "refs/tags/"
)

// attributes stand above those of the pushed tree: its files are exported as they were pushed.
const attributes = "* -export-ignore -export-subst -text -ident -filter -working-tree-encoding\n"

func (s *Server) path(appID string) (string, error) {
	if !idPattern.MatchString(appID) {
		return "", fmt.Errorf("%q is not the id of an app", appID)
	}
	return filepath.Join(s.cfg.Dir, appID+".git"), nil
}

// repository gives the path of an app's repository and makes it on first use.
func (s *Server) repository(ctx context.Context, app platform.App) (string, error) {
	repo, err := s.path(app.ID)
	if err != nil {
		return "", err
	}
	st := s.state(app.ID)
	st.repo.Lock()
	defer st.repo.Unlock()
	if _, err := os.Stat(repo); !errors.Is(err, os.ErrNotExist) {
		return repo, err
	}
	if err := s.create(ctx, repo, branchOr(app, "main")); err != nil {
		return "", fmt.Errorf("making the repository: %w", err)
	}
	return repo, nil
}

func (s *Server) create(ctx context.Context, repo, branch string) error {
	temp, err := os.MkdirTemp(s.cfg.Dir, newRepo)
	if err != nil {
		return err
	}
	defer os.RemoveAll(temp) //nolint:errcheck // gone after the rename; else Clean has it
	init := s.git("", nil, "init", "--quiet", "--bare", "--template=", "--object-format=sha1", "--initial-branch="+branch, temp)
	if err := init.Run(ctx); err != nil {
		return err
	}
	if err := writeAttributes(temp); err != nil {
		return err
	}
	return os.Rename(temp, repo)
}

func writeAttributes(repo string) error {
	if err := os.MkdirAll(filepath.Join(repo, "info"), 0o700); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(repo, "info", "attributes"), []byte(attributes), 0o600)
}

// Remove deletes an app's repository. A missing one is fine.
func (s *Server) Remove(_ context.Context, appID string) error {
	repo, err := s.path(appID)
	if err != nil {
		return err
	}
	st := s.state(appID)
	st.repo.Lock()
	defer st.repo.Unlock()
	gone, err := os.MkdirTemp(s.cfg.Dir, goneRepo)
	if err != nil {
		return fmt.Errorf("removing the repository: %w", err)
	}
	err = os.Rename(repo, filepath.Join(gone, "repo"))
	if errors.Is(err, os.ErrNotExist) {
		err = nil
	}
	if err := errors.Join(err, os.RemoveAll(gone)); err != nil {
		return fmt.Errorf("removing the repository: %w", err)
	}
	s.mu.Lock()
	delete(s.apps, appID)
	s.mu.Unlock()
	return nil
}

// branches gives the commits of those of the named branches that exist.
func (s *Server) branches(ctx context.Context, repo string, names ...string) (map[string]string, error) {
	args := []string{"for-each-ref", "--format=%(objectname) %(refname)", "--"}
	for _, name := range names {
		args = append(args, heads+name)
	}
	out, err := s.line(ctx, repo, nil, args...)
	if err != nil {
		return nil, err
	}
	found := map[string]string{}
	for line := range strings.Lines(out) {
		id, ref, _ := strings.Cut(strings.TrimSuffix(line, "\n"), " ")
		found[strings.TrimPrefix(ref, heads)] = id
	}
	return found, nil
}

// candidates are the branches that may be an app's deploy branch, the best first.
func candidates(app platform.App) []string {
	if app.DeployBranch != "" {
		return []string{app.DeployBranch}
	}
	return []string{"main", "master"}
}

func branchOr(app platform.App, fallback string) string {
	if app.DeployBranch != "" {
		return app.DeployBranch
	}
	return fallback
}

// deployBranch chooses the branch that deploys: what the app says, else main, or master
// when only that exists. has says whether a branch is there, in the repository or the push.
func deployBranch(app platform.App, has func(string) bool) string {
	names := candidates(app)
	for _, name := range names {
		if has(name) {
			return name
		}
	}
	return names[0]
}
