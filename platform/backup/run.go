package backup

import (
	"context"
	"errors"
	"log/slog"
	"path/filepath"
	"slices"
	"time"

	"github.com/lugsail/lugsail/platform"
)

const (
	every     = 24 * time.Hour     // between backups that nobody asked for
	again     = time.Hour          // after one that failed
	rehearsal = 7 * 24 * time.Hour // between rehearsals
)

// trial is the directory below Service.Dir where rehearsals restore.
const trial = "rehearsal"

// Clean is for the start of the server: what was being made when it ended is told as failed, and what was left lying
// is removed.
func (s *Service) Clean(ctx context.Context) error {
	all, err := s.Store.Backups(ctx)
	errs := []error{err, s.Files.Remove(filepath.Join(s.Dir, Staging)), s.Files.Remove(filepath.Join(s.Dir, trial))}
	for _, b := range all {
		if b.State != platform.BackupMaking {
			continue
		}
		now := s.Now().UTC()
		_, err := s.Store.UpdateBackup(ctx, b.ID, func(r *platform.Backup) {
			r.State, r.EndedAt = platform.BackupFailed, &now
			r.FailureText, r.FailureHint = "The server was restarted while the backup was being made.", "Make it again: lugsail backups create"
		})
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// Run makes the backups that are asked for and one a day, rehearses one a week, and removes what nobody needs any
// more. It ends with ctx.
func (s *Service) Run(ctx context.Context) error {
	tick := time.NewTicker(10 * time.Minute)
	defer tick.Stop()
	for {
		if err := s.round(ctx); err != nil && ctx.Err() == nil {
			slog.WarnContext(ctx, "backups", "error", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		case <-s.wakeUp():
		}
	}
}

func (s *Service) round(ctx context.Context) error {
	target, err := s.Store.BackupTarget(ctx)
	if err != nil {
		return err
	}
	off := target == (platform.BackupTarget{})
	all, err := s.Store.Backups(ctx)
	if err != nil {
		return err
	}
	if !off && s.due(all) {
		row := platform.Backup{State: platform.BackupMaking, Automatic: true, CreatedAt: s.Now().UTC(), CreatedBy: platform.System().Name}
		if err := s.Store.CreateBackup(ctx, &row); err != nil {
			return err
		}
		all = append([]platform.Backup{row}, all...)
	}
	for _, row := range slices.Backward(all) { // the oldest first
		if row.State == platform.BackupMaking && ctx.Err() == nil {
			err = errors.Join(err, s.make(ctx, row)) // where backups are off by now, it says so
		}
	}
	if off {
		return err
	}
	return errors.Join(err, s.thin(ctx), s.rehearseDue(ctx))
}

// due asks for the backup of the day. all has the newest first.
func (s *Service) due(all []platform.Backup) bool {
	for _, b := range all {
		switch {
		case b.State == platform.BackupMaking:
			return false
		case b.State == platform.BackupFailed && s.Now().Sub(b.CreatedAt) < again:
			return false
		case b.State == platform.BackupReady:
			return s.Now().Sub(b.CreatedAt) >= every
		}
	}
	return true
}

// thin lets backups go whose time is over, and what no other one needs of them.
func (s *Service) thin(ctx context.Context) error {
	all, err := s.Store.Backups(ctx)
	if err != nil {
		return err
	}
	return s.drop(ctx, platform.OutdatedBackups(all, s.Now())...)
}

// Remove lets a backup go.
func (s *Service) Remove(ctx context.Context, row platform.Backup) error { return s.drop(ctx, row) }

// drop forgets in the repository first: a row whose contents are gone is better found than contents without a row.
func (s *Service) drop(ctx context.Context, rows ...platform.Backup) error {
	if len(rows) == 0 {
		return nil
	}
	all, err := s.Store.Backups(ctx)
	if err != nil {
		return err
	}
	held := map[string]bool{}
	for _, b := range all {
		if !slices.ContainsFunc(rows, func(r platform.Backup) bool { return r.ID == b.ID }) {
			for _, id := range holds(b) {
				held[id] = true
			}
		}
	}
	var ids []string
	for _, b := range rows {
		ids = append(ids, holds(b)...)
	}
	slices.Sort(ids)
	ids = slices.DeleteFunc(slices.Compact(ids), func(id string) bool { return held[id] })
	if len(ids) > 0 {
		repository, err := s.open(ctx)
		if err == nil {
			err = repository.Forget(ctx, ids...)
		}
		if err != nil && platform.AsError(err).Code != "backup_lost" {
			return err
		}
	}
	for _, b := range rows {
		if err := s.Store.DeleteBackup(ctx, b); err != nil {
			return err
		}
	}
	return nil
}

// holds are the ids of all that a backup has stored.
func holds(b platform.Backup) (ids []string) {
	for _, i := range b.Images {
		ids = append(ids, i.Stored)
	}
	if b.Repository != "" {
		ids = append(ids, b.Repository)
	}
	return ids
}
