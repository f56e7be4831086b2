package backup

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/lugsail/lugsail/platform"
)

// freshness is how old an app's snapshot may be that a backup takes.
const freshness = time.Hour

// make makes what a backup's row promises, and writes down how that ended.
func (s *Service) make(ctx context.Context, row platform.Backup) error {
	defer s.say(row.ID, "")
	stored, err := s.fill(ctx, row)
	ended := s.Now().UTC()
	if err != nil && ctx.Err() != nil {
		return err // the server stops: the next start says so
	}
	if err != nil {
		e := platform.AsError(err)
		if e.Kind == platform.Internal {
			slog.ErrorContext(ctx, "backup failed", "backup", row.ID, "error", err)
		}
		s.event(ctx, row.CreatedBy, "backup.failed", "A backup could not be made: "+e.Message)
		_, updateErr := s.Store.UpdateBackup(context.WithoutCancel(ctx), row.ID, func(r *platform.Backup) {
			r.State, r.FailureText, r.FailureHint, r.EndedAt = platform.BackupFailed, e.Message, e.Hint, &ended
		})
		return updateErr
	}
	_, err = s.Store.UpdateBackup(context.WithoutCancel(ctx), row.ID, func(r *platform.Backup) {
		r.State, r.EndedAt, r.Repository, r.Bytes, r.Apps, r.Gaps = platform.BackupReady, &ended, stored.Repository, stored.Bytes, stored.Apps, stored.Gaps
	})
	if err == nil {
		s.event(ctx, row.CreatedBy, "backup.made", "A backup was made.")
	}
	return err
}

func (s *Service) fill(ctx context.Context, row platform.Backup) (platform.Backup, error) {
	repository, err := s.open(ctx)
	if err != nil {
		return row, err
	}
	s.say(row.ID, "makes snapshots of the apps")
	gaps, err := s.Shelf.Fresh(ctx, freshness)
	if err != nil {
		return row, err
	}
	row.Gaps = strings.Join(gaps, " ")
	if row, err = s.keepImages(ctx, repository, row); err != nil {
		return row, err
	}
	if row.Apps, err = s.apps(ctx); err != nil {
		return row, err
	}
	s.say(row.ID, "lays out what is to be kept")
	dir := filepath.Join(s.Dir, Staging)
	if err := s.Files.Remove(dir); err != nil {
		return row, fmt.Errorf("emptying the directory of backups: %w", err)
	}
	defer func() { _ = s.Files.Remove(dir) }() // the next one and each start empty it, too
	m := Manifest{Version: s.Version, RegistryPort: s.Port, Console: s.Console, Backup: row}
	if err := s.Shelf.Still(func() error { return s.Files.Lay(ctx, dir, m) }); err != nil {
		return row, err
	}
	stored, err := repository.Keep(ctx, s.Dir, []string{Staging}, []string{Tag, "backup-" + row.ID}, func(done float64) {
		s.say(row.ID, fmt.Sprintf("stores files, %d %%", int(done*100)))
	})
	if err == nil && stored.Incomplete {
		err = errors.Join(platform.Errorf(platform.Unavailable, "backup_incomplete", "Some files could not be read, so the backup is not whole.").
			WithHint("The disk may be damaged: dmesg shows its errors."), repository.Forget(context.WithoutCancel(ctx), stored.ID))
	}
	row.Repository, row.Bytes = stored.ID, stored.Bytes
	return row, err
}

func (s *Service) open(ctx context.Context) (Repository, error) {
	target, err := s.Store.BackupTarget(ctx)
	if err != nil {
		return nil, err
	}
	if target == (platform.BackupTarget{}) {
		return nil, platform.Errorf(platform.Conflict, "backup_target_missing", "Nobody has said where backups go.").WithHint("Say it: lugsail backups set ADDRESS")
	}
	repository, err := s.Repository(target)
	if err == nil {
		err = repository.Open(ctx)
	}
	return repository, err
}

// keepImages stores the images that serve and are the engine's alone. One that an older backup has is not sent again.
func (s *Service) keepImages(ctx context.Context, repository Repository, row platform.Backup) (platform.Backup, error) {
	known, err := s.knownImages(ctx)
	if err != nil {
		return row, err
	}
	wanted, err := s.wantedImages(ctx)
	if err != nil {
		return row, err
	}
	for i, image := range wanted {
		stored := known[image]
		if stored == "" {
			s.say(row.ID, fmt.Sprintf("stores images, %d of %d", i+1, len(wanted)))
			kept, err := repository.KeepStream(ctx, ImageName, []string{tagImage, "backup-" + row.ID}, func(to io.Writer) error {
				return s.Images.Save(ctx, image, to)
			})
			if err != nil {
				return row, err
			}
			stored = kept.ID
		}
		row.Images = append(row.Images, platform.BackupImage{Image: image, Stored: stored})
		if _, err := s.Store.UpdateBackup(ctx, row.ID, func(r *platform.Backup) { r.Images = row.Images }); err != nil {
			return row, err
		}
	}
	return row, nil
}

func (s *Service) knownImages(ctx context.Context) (map[string]string, error) {
	all, err := s.Store.Backups(ctx)
	known := map[string]string{}
	for _, b := range all {
		for _, i := range b.Images {
			known[i.Image] = i.Stored
		}
	}
	return known, err
}

func (s *Service) wantedImages(ctx context.Context) ([]string, error) {
	serving, err := s.Store.ServingReleases(ctx)
	if err != nil {
		return nil, err
	}
	var wanted []string
	for _, r := range serving {
		if s.Images.Alone(r.Image) && !slices.Contains(wanted, r.Image) {
			wanted = append(wanted, r.Image)
		}
	}
	return wanted, nil
}

// apps tells from which snapshot the data of each app return: its own newest. The rows of an add-on return with the
// app that is bound to it, where there is one.
func (s *Service) apps(ctx context.Context) ([]platform.BackupApp, error) {
	all, err := s.Store.Apps(ctx)
	if err != nil {
		return nil, err
	}
	newest := map[string]platform.Snapshot{}
	for _, a := range all {
		snapshots, err := s.Store.SnapshotsOf(ctx, a.ID)
		if err != nil {
			return nil, err
		}
		if at := slices.IndexFunc(snapshots, func(n platform.Snapshot) bool { return n.State == platform.SnapshotReady }); at >= 0 {
			newest[a.ID] = snapshots[at]
		}
	}
	ties, err := s.Store.Bindings(ctx)
	if err != nil {
		return nil, err
	}
	for _, t := range ties {
		if slices.ContainsFunc(newest[t.AppID].Parts.Addons, func(a platform.SnapshotAddon) bool { return a.ID == t.AddonID }) {
			delete(newest, t.AddonID)
		}
	}
	var apps []platform.BackupApp
	for _, a := range all {
		if a.State == platform.AppActive {
			apps = append(apps, platform.BackupApp{ID: a.ID, Name: a.Name, Snapshot: newest[a.ID].ID})
		}
	}
	return apps, nil
}
