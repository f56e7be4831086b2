package app

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/lugsail/lugsail/platform"
	"github.com/lugsail/lugsail/platform/volume"
)

// Snapshots keeps which snapshots there are.
type Snapshots interface {
	CreateSnapshot(ctx context.Context, row *platform.Snapshot) error
	DeleteSnapshot(ctx context.Context, row platform.Snapshot) error
	SnapshotsOf(ctx context.Context, appID string) ([]platform.Snapshot, error)
}

// Shelf makes snapshots and brings them back.
type Shelf interface {
	PartsOf(ctx context.Context, app platform.App) (platform.SnapshotParts, error)
	Restorable(ctx context.Context, app platform.App, row platform.Snapshot) error
	Progress(id string) string
	Doing() string
	MakesDaily() bool
	Wake()
	Removed()
}

// SnapshotView is a snapshot with what is being done for it.
type SnapshotView struct {
	platform.Snapshot
	Progress string // for people; "" when nothing is
}

// Keeping is what an app keeps, and so what a snapshot of it would hold.
type Keeping struct {
	platform.SnapshotParts
	Daily bool // the server makes snapshots of it by itself
}

// maxSnapshots bounds those that people have of one app.
const maxSnapshots = 100

// maxSnapshotCause bounds what a person says of one, in bytes.
const maxSnapshotCause = 200

// SnapshotsOf gives an app's snapshots, the newest first.
func (s *Service) SnapshotsOf(ctx context.Context, actor platform.Actor, name string) ([]SnapshotView, error) {
	app, err := s.find(ctx, actor, name, platform.ActionRead)
	if err != nil {
		return nil, err
	}
	rows, err := s.Snapshots.SnapshotsOf(ctx, app.ID)
	if err != nil {
		return nil, err
	}
	views := make([]SnapshotView, len(rows))
	for i, row := range rows {
		views[i] = SnapshotView{row, s.Shelf.Progress(row.ID)}
	}
	return views, nil
}

// KeepingOf tells what a snapshot of an app would hold as things are.
func (s *Service) KeepingOf(ctx context.Context, actor platform.Actor, name string) (Keeping, error) {
	app, err := s.find(ctx, actor, name, platform.ActionRead)
	if err != nil {
		return Keeping{}, err
	}
	parts, err := s.Shelf.PartsOf(ctx, app)
	k := Keeping{SnapshotParts: parts, Daily: s.Shelf.MakesDaily()}
	if err == nil && app.Addon && s.Ties != nil { // an add-on that apps are bound to is in theirs
		var ties []platform.Binding
		ties, err = s.Ties.Bindings(ctx)
		k.Daily = k.Daily && !slices.ContainsFunc(ties, func(t platform.Binding) bool { return t.AddonID == app.ID })
	}
	return k, err
}

// CreateSnapshot asks for a snapshot of an app, which is made in the background. cause is a person's word on it; ""
// means that a person made it.
func (s *Service) CreateSnapshot(ctx context.Context, actor platform.Actor, name, cause string) (SnapshotView, error) {
	app, err := s.find(ctx, actor, name, platform.ActionManage)
	if err != nil {
		return SnapshotView{}, err
	}
	if len(cause) > maxSnapshotCause || strings.ContainsFunc(cause, func(r rune) bool { return r < ' ' || r == 0x7f }) {
		return SnapshotView{}, platform.Errorf(platform.Invalid, "snapshot_cause_invalid", "What is said of a snapshot must be one line of up to %d bytes.", maxSnapshotCause)
	}
	if app.CurrentRelease == 0 {
		return SnapshotView{}, platform.Errorf(platform.Conflict, "nothing_serves", "%s has no release yet, so there is nothing to make a snapshot of.", app.Name).
			WithHint("Deploy it first: git push lugsail main")
	}
	parts, err := s.Shelf.PartsOf(ctx, app)
	if err != nil {
		return SnapshotView{}, err
	}
	if parts.Nothing() {
		return SnapshotView{}, volume.NothingToKeep(app)
	}
	rows, err := s.Snapshots.SnapshotsOf(ctx, app.ID)
	if err != nil {
		return SnapshotView{}, err
	}
	for _, row := range rows {
		if row.State == platform.SnapshotMaking && !row.Automatic() {
			return SnapshotView{}, platform.Errorf(platform.Conflict, "snapshot_making", "A snapshot of %s is being made.", app.Name).
				WithHint("See how far it is: lugsail snapshots --app %s", app.Name)
		}
	}
	if len(rows) >= maxSnapshots {
		return SnapshotView{}, platform.Errorf(platform.Conflict, "snapshots_too_many", "%s has %d snapshots, and more are not possible.", app.Name, len(rows)).
			WithHint("Remove one: lugsail snapshots remove ID --app %s", app.Name)
	}
	row := platform.Snapshot{AppID: app.ID, State: platform.SnapshotMaking, Cause: cause, Parts: parts, Release: app.CurrentRelease, CreatedAt: s.Now().UTC(), CreatedBy: actor.Name}
	if row.Cause == "" {
		row.Cause = "made by hand"
	}
	if err := s.Snapshots.CreateSnapshot(ctx, &row); err != nil {
		return SnapshotView{}, err
	}
	s.event(ctx, actor, app, "snapshot.asked", "a snapshot of "+app.Name+" is to be made: "+row.Cause)
	s.Shelf.Wake()
	return SnapshotView{row, s.Shelf.Progress(row.ID)}, nil
}

// snapshotOf finds a snapshot of an app by its id, or by the beginning of one that is no other's.
func (s *Service) snapshotOf(ctx context.Context, app platform.App, id string) (platform.Snapshot, error) {
	rows, err := s.Snapshots.SnapshotsOf(ctx, app.ID)
	if err != nil {
		return platform.Snapshot{}, err
	}
	rows = slices.DeleteFunc(rows, func(row platform.Snapshot) bool { return id == "" || !strings.HasPrefix(row.ID, id) })
	if len(rows) != 1 {
		return platform.Snapshot{}, platform.Errorf(platform.NotFound, "snapshot_not_found", "%s has no snapshot %.40q.", app.Name, id).
			WithHint("See those that there are: lugsail snapshots --app %s", app.Name)
	}
	return rows[0], nil
}

// RemoveSnapshot removes a snapshot for good.
func (s *Service) RemoveSnapshot(ctx context.Context, actor platform.Actor, name, id string) error {
	app, err := s.find(ctx, actor, name, platform.ActionManage)
	if err != nil {
		return err
	}
	row, err := s.snapshotOf(ctx, app, id)
	if err != nil {
		return err
	}
	if row.State == platform.SnapshotMaking {
		return row.InUse()
	}
	if err := s.Snapshots.DeleteSnapshot(ctx, row); err != nil {
		return err
	}
	s.event(ctx, actor, app, "snapshot.removed", fmt.Sprintf("the snapshot of %s was removed: %s", row.CreatedAt.Format("2 January 2006 15:04"), row.Cause))
	s.Shelf.Removed()
	return nil
}

// RestoreSnapshot brings an app back to a snapshot: its files, the rows of its add-ons, and the release that served
// then with its config vars. A snapshot of what there is now is made first. confirm must be the app's name.
func (s *Service) RestoreSnapshot(ctx context.Context, actor platform.Actor, name, id, confirm string) (platform.Deployment, error) {
	app, err := s.find(ctx, actor, name, platform.ActionManage)
	if err != nil {
		return platform.Deployment{}, err
	}
	row, err := s.snapshotOf(ctx, app, id)
	if err != nil {
		return platform.Deployment{}, err
	}
	if confirm != app.Name {
		return platform.Deployment{}, platform.Errorf(platform.Invalid, "not_confirmed", "To restore %s, its name must be given once more.", app.Name).
			WithHint("What it holds now gives way to what it held on %s; a snapshot of it is made first. Type %s to go on.", row.CreatedAt.Format("2 January 2006 15:04"), app.Name)
	}
	if err := s.Shelf.Restorable(ctx, app, row); err != nil {
		return platform.Deployment{}, err
	}
	d := platform.Deployment{Kind: platform.DeployRewind, Snapshot: row.ID, Cause: "restore of the snapshot of " + row.CreatedAt.Format("2 January 2006 15:04")}
	if !app.Addon {
		d.FromRelease = row.Release
		if err := s.returns(ctx, app, row.Release); err != nil {
			return platform.Deployment{}, err
		}
	}
	d, err = s.begin(ctx, actor, app, d)
	if err == nil {
		s.event(ctx, actor, app, "snapshot.restore", fmt.Sprintf("%s returns to the snapshot of %s: %s", app.Name, row.CreatedAt.Format("2 January 2006 15:04"), row.Cause))
	}
	return d, err
}

// returns asks whether a release is there to return to.
func (s *Service) returns(ctx context.Context, app platform.App, number int) error {
	if number == app.CurrentRelease {
		return nil
	}
	_, err := s.returnable(ctx, app, number)
	return err
}
