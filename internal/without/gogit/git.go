// Package git stands in for the Git library with which pack reads a registry of buildpacks and the
// history of what it builds. Lugsail names its buildpacks itself and builds trees without a history,
// so here no directory is a repository. The real library, and the cryptography for signed
// commits behind it, were three megabytes of the binary, and would have read what strangers send.
package git

import (
	"errors"

	"github.com/go-git/go-git/v5/config"
	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/object"
)

// ErrRepositoryNotExists answers whoever opens a directory.
var ErrRepositoryNotExists = errors.New("repository does not exist")

// NoErrAlreadyUpToDate is what the real library answers when there is nothing to pull.
var NoErrAlreadyUpToDate = errors.New("already up-to-date")

var errAbsent = errors.New("git is not part of this program")

// LogOrderCommitterTime is an order of the log.
const LogOrderCommitterTime = 3

// The options are what the real library takes.
type (
	CloneOptions  struct{ URL string }
	PullOptions   struct{ RemoteName string }
	CommitOptions struct{ Author *object.Signature }
	LogOptions    struct {
		From  plumbing.Hash
		Order int
	}
)

// PlainOpen finds no repository anywhere.
func PlainOpen(string) (*Repository, error) { return nil, ErrRepositoryNotExists }

// PlainClone fetches nothing.
func PlainClone(string, bool, *CloneOptions) (*Repository, error) { return nil, errAbsent }

// Repository is one; there is none.
type Repository struct{}

// Worktree is always an error.
func (*Repository) Worktree() (*Worktree, error) { return nil, errAbsent }

// Remotes is always an error.
func (*Repository) Remotes() ([]*Remote, error) { return nil, errAbsent }

// Head is always an error.
func (*Repository) Head() (*plumbing.Reference, error) { return nil, errAbsent }

// Tags is always an error.
func (*Repository) Tags() (References, error) { return References{}, errAbsent }

// Branches is always an error.
func (*Repository) Branches() (References, error) { return References{}, errAbsent }

// TagObject is always an error.
func (*Repository) TagObject(plumbing.Hash) (*object.Tag, error) {
	return nil, plumbing.ErrObjectNotFound
}

// Log is always an error.
func (*Repository) Log(*LogOptions) (Commits, error) { return Commits{}, errAbsent }

// References is a list without an entry.
type References struct{}

// ForEach has nothing to call for.
func (References) ForEach(func(*plumbing.Reference) error) error { return nil }

// Commits is a list without an entry.
type Commits struct{}

// Next is always an error.
func (Commits) Next() (*object.Commit, error) { return nil, errAbsent }

// Remote is where a repository comes from.
type Remote struct{}

// Config knows nothing.
func (*Remote) Config() *config.RemoteConfig { return &config.RemoteConfig{URLs: []string{""}} }

// Worktree is what is checked out; nothing is.
type Worktree struct{ Filesystem Filesystem }

// Filesystem is where it lies.
type Filesystem struct{}

// Root is nowhere.
func (Filesystem) Root() string { return "" }

// Pull is always an error.
func (*Worktree) Pull(*PullOptions) error { return errAbsent }

// Add is always an error.
func (*Worktree) Add(string) (plumbing.Hash, error) { return plumbing.Hash{}, errAbsent }

// Commit is always an error.
func (*Worktree) Commit(string, *CommitOptions) (plumbing.Hash, error) {
	return plumbing.Hash{}, errAbsent
}
