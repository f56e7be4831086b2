// Package volume keeps and brings back what apps keep: snapshots of the files in their volumes and of the rows in
// their add-ons.
//
// A snapshot is a row first. Its files are read twice: while the app runs, and again while it stands still, which is
// short because little is new by then; dumps of its add-ons are made in that moment too. Restoring is a deployment
// (platform/deploy), which asks this package to lay everything out, to put it into its place, and to undo that.
//
// What surprises: an add-on's snapshot is its dump, never its volume: files of a database that runs are none. And
// a snapshot is removed by removing its row; what no row names is swept out of the repository.
package volume

import (
	"context"
	"fmt"
	"log/slog"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/lugsail/lugsail/platform"
)

// Store keeps snapshots and knows what apps have.
type Store interface {
	CreateSnapshot(ctx context.Context, row *platform.Snapshot) error
	UpdateSnapshot(ctx context.Context, id string, change func(*platform.Snapshot)) (platform.Snapshot, error)
	DeleteSnapshot(ctx context.Context, row platform.Snapshot) error
	SnapshotByID(ctx context.Context, id string) (platform.Snapshot, error)
	SnapshotsOf(ctx context.Context, appID string) ([]platform.Snapshot, error)
	Apps(ctx context.Context) ([]platform.App, error)
	AppByID(ctx context.Context, id string) (platform.App, error)
	VolumesOf(ctx context.Context, appID string) ([]platform.Volume, error)
	Bindings(ctx context.Context) ([]platform.Binding, error)
	AppendEvent(ctx context.Context, e *platform.Event) error
}

// Repository is where the contents of snapshots lie.
type Repository interface {
	Open(ctx context.Context) error
	Backup(ctx context.Context, dir string, paths []string, parent string, progress func(float64)) (platform.Stored, error)
	Restore(ctx context.Context, id, dir string) error
	Forget(ctx context.Context, ids ...string) error
	Snapshots(ctx context.Context) ([]string, error)
}

// Engine lets replicas stand still and runs programs in them.
type Engine interface {
	Replicas(ctx context.Context, appID string) ([]platform.Replica, error)
	Exec(ctx context.Context, id string, spec platform.ExecSpec) (platform.Terminal, error)
	EndExecs(ctx context.Context) (int, error)
	Pause(ctx context.Context, id string) error
	Resume(ctx context.Context, id string) error
	ResumeAll(ctx context.Context) (int, error)
}

// Blueprints tells what add-ons are made of.
type Blueprints interface {
	Blueprint(name string) (platform.Blueprint, error)
}

// Keeper makes snapshots and brings them back.
type Keeper struct {
	Store      Store
	Repository Repository
	Engine     Engine
	Blueprints Blueprints
	Dir        string                                           // of all data: volumes lie below "volumes", what is ours below "snapshots"
	Hold       func(appID string) (release func())              // nobody starts or stops replicas of the app meanwhile
	HoldVolume func(id string) (release func())                 // nobody puts files into it from outside meanwhile
	Exchange   func(a, b string) error                          // two directories change places in one move
	Remove     func(path string) error                          // of a directory, however deep
	Room       func(dir string, bytes int64, what string) error // refuses when so much more would leave the disk too full
	Write      func(path string, content []byte) error          // of a file, all of it or nothing
	Size       func(volumeID string) (bytes int64, known bool)
	Daily      bool          // makes one of each app a day
	FreezeTime time.Duration // that an app stands still at most; 0 means 60 seconds
	Now        func() time.Time

	turn     sync.Mutex // one at a time has the repository; nothing else is locked by who waits for it
	mu       sync.Mutex
	progress map[string]string // by snapshot, for people
	removed  atomic.Bool       // a row has gone since the last sweep
	swept    time.Time         // of Run alone
	kick     chan struct{}
	once     sync.Once
}

func (k *Keeper) volumes(parts ...string) string {
	return filepath.Join(append([]string{k.Dir, "volumes"}, parts...)...)
}

const staging = "snapshots/staging" // below Dir

// wakeUp is closed over by Run: somebody wants a snapshot, or has removed one.
func (k *Keeper) wakeUp() chan struct{} {
	k.once.Do(func() { k.kick = make(chan struct{}, 1) })
	return k.kick
}

// Removed lets Run sweep what a row that is gone has named.
func (k *Keeper) Removed() {
	k.removed.Store(true)
	k.Wake()
}

// Wake lets Run look at once.
func (k *Keeper) Wake() {
	select {
	case k.wakeUp() <- struct{}{}:
	default:
	}
}

// Progress is what is being done for a snapshot, for people; "" when nothing is.
func (k *Keeper) Progress(id string) string {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.progress[id]
}

// Doing is all that is being done, for those who watch whether it goes on; "" when nothing is.
func (k *Keeper) Doing() string {
	k.mu.Lock()
	defer k.mu.Unlock()
	if len(k.progress) == 0 {
		return ""
	}
	return fmt.Sprint(k.progress) // sorted
}

// MakesDaily reports whether snapshots are made by themselves.
func (k *Keeper) MakesDaily() bool { return k.Daily }

func (k *Keeper) say(id, text string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.progress == nil {
		k.progress = map[string]string{}
	}
	if k.progress[id] = text; text == "" {
		delete(k.progress, id)
	}
}

// PartsOf tells what a snapshot of an app holds as things are: its volumes and its add-ons; of an add-on, itself.
func (k *Keeper) PartsOf(ctx context.Context, app platform.App) (parts platform.SnapshotParts, err error) {
	if app.Addon {
		return k.addAddon(parts, app)
	}
	volumes, err := k.Store.VolumesOf(ctx, app.ID)
	if err != nil {
		return parts, err
	}
	for _, v := range volumes {
		if v.State == platform.VolumeActive {
			parts.Volumes = append(parts.Volumes, platform.SnapshotVolume{ID: v.ID, Name: v.Name, Path: v.Path})
		}
	}
	ties, err := k.Store.Bindings(ctx)
	if err != nil {
		return parts, err
	}
	for _, tie := range ties {
		if tie.AppID != app.ID {
			continue
		}
		db, err := k.Store.AppByID(ctx, tie.AddonID)
		if err == nil {
			parts, err = k.addAddon(parts, db)
		}
		if err != nil {
			return parts, err
		}
	}
	return parts, nil
}

func (k *Keeper) addAddon(parts platform.SnapshotParts, db platform.App) (platform.SnapshotParts, error) {
	b, err := k.Blueprints.Blueprint(db.Blueprint)
	if err == nil && !b.Cache {
		parts.Addons = append(parts.Addons, platform.SnapshotAddon{ID: db.ID, Name: db.Name, Blueprint: db.Blueprint})
	}
	return parts, err
}

func (k *Keeper) event(ctx context.Context, app platform.App, by, action, text string) {
	actor := platform.System()
	if by == "" {
		by = actor.Name
	}
	e := &platform.Event{At: k.Now().UTC(), Actor: by, Via: actor.Via, Action: action, AppID: app.ID, App: app.Name, Text: text}
	if err := k.Store.AppendEvent(context.WithoutCancel(ctx), e); err != nil {
		slog.ErrorContext(ctx, "event not recorded", "action", action, "app", app.ID, "error", err)
	}
}
