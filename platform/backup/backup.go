// Package backup keeps copies of the whole server where the server is not: it makes them, lets them go when their
// time is over, and proves by restoring that they can be restored.
//
// A backup is a row first, and one loop does all of it, one thing after another. Apps' data are in a backup as
// snapshots (platform/volume): those are of one moment each, and the backup carries their repository. Images that
// builds left in the built-in registry are among its files; others are stored each for itself, once.
//
// What surprises: nothing is ever removed from where backups go but what a row of this server names. A server that
// was restored from a backup shares its place with the one of before, which may still be there.
package backup

import (
	"context"
	"io"
	"log/slog"
	"sync"
	"time"

	"github.com/lugsail/lugsail/platform"
)

// Store keeps backups and knows what there is to keep.
type Store interface {
	CreateBackup(ctx context.Context, row *platform.Backup) error
	UpdateBackup(ctx context.Context, id string, change func(*platform.Backup)) (platform.Backup, error)
	DeleteBackup(ctx context.Context, row platform.Backup) error
	Backups(ctx context.Context) ([]platform.Backup, error)
	BackupTarget(ctx context.Context) (platform.BackupTarget, error)
	SetBackupTarget(ctx context.Context, target platform.BackupTarget) error
	Apps(ctx context.Context) ([]platform.App, error)
	Bindings(ctx context.Context) ([]platform.Binding, error)
	SnapshotsOf(ctx context.Context, appID string) ([]platform.Snapshot, error)
	ServingReleases(ctx context.Context) ([]platform.Release, error)
	AppendEvent(ctx context.Context, e *platform.Event) error
}

// Repository is where backups lie.
type Repository interface {
	Init(ctx context.Context) error // makes it where there is none
	Open(ctx context.Context) error // drops locks that a crash has left
	Keep(ctx context.Context, dir string, paths, tags []string, progress func(float64)) (platform.Stored, error)
	KeepStream(ctx context.Context, name string, tags []string, produce func(io.Writer) error) (platform.Stored, error)
	Read(ctx context.Context, id, name string, to io.Writer) error
	RestoreVerified(ctx context.Context, id, dir string) error
	Check(ctx context.Context, part string) error
	Forget(ctx context.Context, ids ...string) error
}

// Shelf makes snapshots.
type Shelf interface {
	// Fresh makes one of each app whose newest is older, and tells for people whose could not be made.
	Fresh(ctx context.Context, age time.Duration) (gaps []string, err error)
	// Still lets nothing change in the repository of snapshots while do runs.
	Still(do func() error) error
}

// Images knows which images are the engine's alone.
type Images interface {
	Alone(image string) bool // not in the built-in registry, which is among the files
	Save(ctx context.Context, image string, to io.Writer) error
}

// Files lays out what a backup holds, and judges what came back.
type Files interface {
	Lay(ctx context.Context, dir string, m Manifest) error
	// Try restores all that a restored backup holds into a place of its own, and tells what it did; an error says what is
	// wrong with it.
	Try(ctx context.Context, dir string, m Manifest, say func(string)) (proof string, err error)
	Remove(path string) error
	Room(bytes int64, what string) error
}

// Manifest says what a backup holds, and is in it.
type Manifest struct {
	Version      string // of Lugsail
	RegistryPort int
	Console      string // URL of the server's console, by which people know whose it is
	Backup       platform.Backup
}

// Tags by which the parts of backups are known in a repository that holds other things too.
const (
	Tag      = "lugsail-backup"
	tagImage = "lugsail-image"
)

// ImageName is how an image is called where it is stored.
const ImageName = "image.tar"

// Staging is the directory in a backup, and the one below Service.Dir where it is laid out.
const Staging = "staging"

// Service makes backups.
type Service struct {
	Store      Store
	Repository func(platform.BackupTarget) (Repository, error)
	Shelf      Shelf
	Images     Images
	Files      Files
	Dir        string // ours
	Version    string
	Console    string
	Port       int // of the built-in registry
	Now        func() time.Time

	mu       sync.Mutex
	progress map[string]string // by backup, for people
	kick     chan struct{}
	once     sync.Once
}

func (s *Service) wakeUp() chan struct{} {
	s.once.Do(func() { s.kick = make(chan struct{}, 1) })
	return s.kick
}

// Wake lets Run look at once.
func (s *Service) Wake() {
	select {
	case s.wakeUp() <- struct{}{}:
	default:
	}
}

// Progress is what is being done for a backup, for people; "" when nothing is.
func (s *Service) Progress(id string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.progress[id]
}

func (s *Service) say(id, text string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.progress == nil {
		s.progress = map[string]string{}
	}
	if s.progress[id] = text; text == "" {
		delete(s.progress, id)
	}
}

func (s *Service) event(ctx context.Context, by, action, text string) {
	actor := platform.System()
	if by == "" {
		by = actor.Name
	}
	e := &platform.Event{At: s.Now().UTC(), Actor: by, Via: actor.Via, Action: action, Text: text}
	if err := s.Store.AppendEvent(context.WithoutCancel(ctx), e); err != nil {
		slog.ErrorContext(ctx, "event not recorded", "action", action, "error", err)
	}
}

// Set opens or makes the place where backups go, and keeps it. Rows of another place are forgotten: their backups
// stay where they are.
func (s *Service) Set(ctx context.Context, target platform.BackupTarget) error {
	repository, err := s.Repository(target)
	if err != nil {
		return err
	}
	if err := repository.Init(ctx); err != nil {
		return err
	}
	was, err := s.Store.BackupTarget(ctx)
	if err != nil && platform.AsError(err).Code != "backup_target_unreadable" {
		return err
	}
	if was.Address != target.Address {
		if err := s.forgetRows(ctx); err != nil {
			return err
		}
	}
	if err := s.Store.SetBackupTarget(ctx, target); err != nil {
		return err
	}
	s.Wake()
	return nil
}

func (s *Service) forgetRows(ctx context.Context) error {
	all, err := s.Store.Backups(ctx)
	if err != nil {
		return err
	}
	for _, row := range all {
		if row.State == platform.BackupMaking {
			return platform.Errorf(platform.Conflict, "backup_making", "A backup is being made.").WithHint("Wait until it is there: lugsail backups")
		}
	}
	for _, row := range all {
		if err := s.Store.DeleteBackup(ctx, row); err != nil {
			return err
		}
	}
	return nil
}
