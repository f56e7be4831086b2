package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/lugsail/lugsail/platform"
)

// Volumes keeps which volumes apps have.
type Volumes interface {
	CreateVolume(ctx context.Context, v *platform.Volume, fits func(others []platform.Volume) error) error
	UpdateVolume(ctx context.Context, appID, name string, change func(v *platform.Volume, others []platform.Volume) error) (platform.Volume, error)
	DeleteVolume(ctx context.Context, v platform.Volume) error
	VolumesOf(ctx context.Context, appID string) ([]platform.Volume, error)
}

// Directories are where the files of volumes lie.
type Directories interface {
	RemoveVolume(ctx context.Context, id string) error
	// VolumeSize is what lies in a volume, in bytes of the disk; known is false until it is measured.
	VolumeSize(id string) (bytes int64, known bool)
}

// VolumeView is a volume with what it takes.
type VolumeView struct {
	platform.Volume
	Bytes    int64  // of the disk
	Measured bool   // Bytes is known
	SFTP     string // command that leads to its files; "" where there is none
}

// VolumeRequest is what can be said of a volume.
type VolumeRequest struct {
	Path   string
	Shared bool
}

// VolumesOf gives an app's volumes by name, those in the trash too.
func (s *Service) VolumesOf(ctx context.Context, actor platform.Actor, name string) ([]VolumeView, error) {
	app, err := s.find(ctx, actor, name, platform.ActionRead)
	if err != nil {
		return nil, err
	}
	volumes, err := s.Volumes.VolumesOf(ctx, app.ID)
	if err != nil {
		return nil, err
	}
	views := make([]VolumeView, len(volumes))
	for i, v := range volumes {
		views[i] = s.volumeView(v)
		if v.State == platform.VolumeActive && !app.Addon && platform.Can(actor, platform.ActionManage, app.ID) {
			views[i].SFTP = s.Addresses.SFTP(app.Name, v.Name, actor.Console)
		}
	}
	return views, nil
}

func (s *Service) volumeView(v platform.Volume) VolumeView {
	view := VolumeView{Volume: v}
	view.Bytes, view.Measured = s.Directories.VolumeSize(v.ID)
	return view
}

// CreateVolume gives an app a volume. What runs gets it by a restart, whose deployment has number 0 when nothing runs.
func (s *Service) CreateVolume(ctx context.Context, actor platform.Actor, name, volume string, ask VolumeRequest) (VolumeView, platform.Deployment, error) {
	app, err := s.find(ctx, actor, name, platform.ActionManage)
	if err != nil {
		return VolumeView{}, platform.Deployment{}, err
	}
	if err := platform.ValidateVolumeName(volume); err != nil {
		return VolumeView{}, platform.Deployment{}, err
	}
	v := platform.Volume{AppID: app.ID, Name: volume, Path: ask.Path, Shared: ask.Shared, State: platform.VolumeActive, CreatedAt: s.Now().UTC(), CreatedBy: actor.Name}
	s.admission.Lock() // with Scale: both look at what the other writes
	defer s.admission.Unlock()
	if app, err = s.Store.AppByID(ctx, app.ID); err != nil {
		return VolumeView{}, platform.Deployment{}, err
	}
	if err := s.Volumes.CreateVolume(ctx, &v, func(others []platform.Volume) error {
		if len(others) >= platform.MaxVolumes {
			return platform.Errorf(platform.Conflict, "volumes_too_many", "%s has %d volumes, and more are not possible.", app.Name, len(others)).
				WithHint("Use directories in one of them, or remove one for good.")
		}
		return s.fitsVolume(ctx, app, v, others)
	}); err != nil {
		return VolumeView{}, platform.Deployment{}, err
	}
	d, err := s.remount(ctx, actor, app, v, "created")
	return s.volumeView(v), d, err
}

// ChangeVolume says anew where an app finds a volume, and whether replicas share it.
func (s *Service) ChangeVolume(ctx context.Context, actor platform.Actor, name, volume string, ask VolumeRequest) (VolumeView, platform.Deployment, error) {
	return s.changeVolume(ctx, actor, name, volume, "changed", func(app platform.App, v *platform.Volume, others []platform.Volume) error {
		if v.State != platform.VolumeActive {
			return volumeTrashed(app, *v)
		}
		v.Path, v.Shared = ask.Path, ask.Shared
		return s.fitsVolume(ctx, app, *v, others)
	})
}

// RemoveVolume puts a volume into the trash: the app does without it from then on, and its files are kept for
// 14 days; or removes it for good when now says so, once it is in the trash. confirm must be its name.
func (s *Service) RemoveVolume(ctx context.Context, actor platform.Actor, name, volume, confirm string, now bool) (platform.Deployment, error) {
	if confirm != volume {
		e := platform.Errorf(platform.Invalid, "not_confirmed", "To remove the volume %s, its name must be given once more.", volume)
		if now {
			return platform.Deployment{}, e.WithHint("This cannot be undone: type %s to go on.", volume)
		}
		return platform.Deployment{}, e.WithHint("Its files are kept for 14 days: type %s to go on.", volume)
	}
	if now {
		return platform.Deployment{}, s.deleteVolume(ctx, actor, name, volume)
	}
	_, d, err := s.changeVolume(ctx, actor, name, volume, "trashed", func(app platform.App, v *platform.Volume, _ []platform.Volume) error {
		if v.State == platform.VolumeTrashed {
			return volumeTrashed(app, *v)
		}
		at := s.Now().UTC()
		v.State, v.TrashedAt = platform.VolumeTrashed, &at
		return nil
	})
	return d, err
}

// RestoreVolume brings a volume back from the trash.
func (s *Service) RestoreVolume(ctx context.Context, actor platform.Actor, name, volume string) (VolumeView, platform.Deployment, error) {
	return s.changeVolume(ctx, actor, name, volume, "restored", func(app platform.App, v *platform.Volume, others []platform.Volume) error {
		if v.State != platform.VolumeTrashed {
			return platform.Errorf(platform.Conflict, "volume_not_trashed", "The volume %s is not in the trash.", v.Name)
		}
		v.State, v.TrashedAt = platform.VolumeActive, nil
		return s.fitsVolume(ctx, app, *v, others)
	})
}

func volumeTrashed(app platform.App, v platform.Volume) error {
	return platform.Errorf(platform.Conflict, "volume_trashed", "The volume %s is in the trash until %s.", v.Name, v.TrashEnds().Format("2 January 2006")).
		WithHint("Bring it back: lugsail volumes restore %s --app %s. Or remove it for good: lugsail volumes remove %s --now --app %s", v.Name, app.Name, v.Name, app.Name)
}

func (s *Service) changeVolume(ctx context.Context, actor platform.Actor, name, volume, did string, change func(app platform.App, v *platform.Volume, others []platform.Volume) error) (VolumeView, platform.Deployment, error) {
	app, err := s.find(ctx, actor, name, platform.ActionManage)
	if err != nil {
		return VolumeView{}, platform.Deployment{}, err
	}
	s.admission.Lock() // with Scale: both look at what the other writes
	defer s.admission.Unlock()
	if app, err = s.Store.AppByID(ctx, app.ID); err != nil {
		return VolumeView{}, platform.Deployment{}, err
	}
	if app.Addon {
		return VolumeView{}, platform.Deployment{}, platform.Errorf(platform.Conflict, "volume_of_addon", "The volume %s holds what the add-on %s keeps.", volume, app.Name).
			WithHint("It goes where the add-on goes: lugsail destroy %s", app.Name)
	}
	var before platform.Volume
	v, err := s.Volumes.UpdateVolume(ctx, app.ID, volume, func(v *platform.Volume, others []platform.Volume) error {
		before = *v
		return change(app, v, others)
	})
	if err != nil {
		return VolumeView{}, platform.Deployment{}, err
	}
	if before.Path == v.Path && before.Shared == v.Shared && before.State == v.State {
		return s.volumeView(v), platform.Deployment{}, nil
	}
	d, err := s.remount(ctx, actor, app, v, did)
	return s.volumeView(v), d, err
}

// fitsVolume holds the rules that a volume and the rest of its app must keep together.
func (s *Service) fitsVolume(ctx context.Context, app platform.App, v platform.Volume, others []platform.Volume) error {
	if err := platform.ValidateVolumePath(v.Path); err != nil {
		return err
	}
	for _, o := range others {
		if o.State == platform.VolumeActive && (platform.Below(o.Path, v.Path) || platform.Below(v.Path, o.Path)) {
			return platform.Errorf(platform.Conflict, "volume_path_taken", "The volume %s lies at %s, and one of them would hide the other.", o.Name, o.Path).
				WithHint("Choose another path.")
		}
	}
	if v.Shared {
		return nil
	}
	release, err := s.currentWithoutVars(ctx, app)
	if err != nil {
		return err
	}
	if n := total(counted(app.Scale, release)); n > 1 {
		return oneReplica(v.Name, n)
	}
	return nil
}

func oneReplica(volume string, n int) error {
	return platform.Errorf(platform.Conflict, "volume_exclusive", "The volume %s is for one replica at a time, and %d are wanted.", volume, n).
		WithHint("Share it, when the app's programs can use the same files at once. Or scale down to one replica.")
}

func (s *Service) currentWithoutVars(ctx context.Context, app platform.App) (platform.Release, error) {
	if app.CurrentRelease == 0 {
		return platform.Release{}, nil
	}
	r, err := s.History.ReleaseWithoutVars(ctx, app.ID, app.CurrentRelease)
	if err != nil {
		return r, fmt.Errorf("reading release %d: %w", app.CurrentRelease, err)
	}
	return r, nil
}

// fitsVolumes refuses more than one replica of an app with a volume for one.
func (s *Service) fitsVolumes(ctx context.Context, appID string, n int) error {
	if n <= 1 || s.Volumes == nil {
		return nil
	}
	volumes, err := s.Volumes.VolumesOf(ctx, appID)
	if err != nil {
		return err
	}
	for _, v := range volumes {
		if v.State == platform.VolumeActive && !v.Shared {
			return oneReplica(v.Name, n)
		}
	}
	return nil
}

// remount records what was done to a volume, and lets what runs have the app's volumes as they are now.
func (s *Service) remount(ctx context.Context, actor platform.Actor, app platform.App, v platform.Volume, did string) (platform.Deployment, error) {
	s.event(ctx, actor, app, "volume."+did, fmt.Sprintf("volume %s at %s", v.Name, v.Path))
	return s.startAnew(ctx, actor, app, "volume "+v.Name+" "+did)
}

// startAnew restarts what runs, because it finds something else around it now; Number 0 when nothing runs.
func (s *Service) startAnew(ctx context.Context, actor platform.Actor, app platform.App, cause string) (platform.Deployment, error) {
	release, err := s.currentWithoutVars(ctx, app)
	if err != nil || release.Number == 0 || total(counted(app.Scale, release)) == 0 {
		return platform.Deployment{}, err
	}
	return s.begin(ctx, actor, app, platform.Deployment{Kind: platform.DeployRestart, Cause: cause})
}

// deleteVolume removes a volume in the trash with its files.
func (s *Service) deleteVolume(ctx context.Context, actor platform.Actor, name, volume string) error {
	app, err := s.find(ctx, actor, name, platform.ActionManage)
	if err != nil {
		return err
	}
	v, err := s.volumeOf(ctx, app, volume)
	if err != nil {
		return err
	}
	if v.State != platform.VolumeTrashed {
		return platform.Errorf(platform.Conflict, "volume_not_trashed", "The volume %s is in use: it goes into the trash before it is removed for good.", volume).
			WithHint("lugsail volumes remove %s --app %s", volume, app.Name)
	}
	return s.dropVolume(ctx, actor, app, v)
}

// dropVolume removes the files first: a row without files can be removed again, files without a row nobody finds.
func (s *Service) dropVolume(ctx context.Context, actor platform.Actor, app platform.App, v platform.Volume) error {
	if err := s.Directories.RemoveVolume(ctx, v.ID); err != nil {
		return err
	}
	if err := s.Volumes.DeleteVolume(ctx, v); err != nil {
		return err
	}
	s.event(ctx, actor, app, "volume.removed", "volume "+v.Name+" was removed for good")
	return nil
}

// doubt is how long a volume's time in the trash must have been over: a clock that was wrong for a while, at a
// boot for example, must not be what ends somebody's data.
const doubt = time.Hour

// RunVolumes removes volumes whose time in the trash is over, until ctx ends.
func (s *Service) RunVolumes(ctx context.Context) error {
	tick := time.NewTicker(10 * time.Minute)
	defer tick.Stop()
	overdue := map[string]time.Time{} // since when, by a clock that nobody sets
	for {
		if err := s.emptyTrash(ctx, overdue); err != nil && ctx.Err() == nil {
			slog.WarnContext(ctx, "volumes in the trash not removed", "error", err)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
	}
}

func (s *Service) emptyTrash(ctx context.Context, overdue map[string]time.Time) (err error) {
	all, err := s.Volumes.VolumesOf(ctx, "")
	if err != nil {
		return err
	}
	for _, v := range all {
		if ends := v.TrashEnds(); ends.IsZero() || s.Now().Before(ends) {
			delete(overdue, v.ID)
			continue
		}
		if _, known := overdue[v.ID]; !known {
			overdue[v.ID] = time.Now()
		}
		if time.Since(overdue[v.ID]) < doubt {
			continue
		}
		app, findErr := s.Store.AppByID(ctx, v.AppID)
		if findErr == nil {
			findErr = s.dropVolume(ctx, platform.System(), app, v)
		}
		err = errors.Join(err, findErr)
	}
	return err
}
