package backup

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"path/filepath"
	"slices"
	"strings"

	"github.com/lugsail/lugsail/platform"
)

// rehearseDue rehearses what somebody has asked for, and the newest backup when the last rehearsal is a week ago.
func (s *Service) rehearseDue(ctx context.Context) error {
	all, err := s.Store.Backups(ctx)
	if err != nil {
		return err
	}
	ready := slices.DeleteFunc(all, func(b platform.Backup) bool { return b.State != platform.BackupReady })
	if len(ready) == 0 {
		return nil
	}
	at := slices.IndexFunc(ready, func(b platform.Backup) bool { return b.Wanted })
	if at < 0 {
		for _, b := range ready {
			if b.RehearsedAt != nil && s.Now().Sub(*b.RehearsedAt) < rehearsal {
				return nil
			}
		}
		at = 0
	}
	return s.rehearse(ctx, ready[at])
}

// rehearse restores a backup into a place of its own, and writes down what came of it.
func (s *Service) rehearse(ctx context.Context, row platform.Backup) error {
	defer s.say(row.ID, "")
	dir := filepath.Join(s.Dir, trial)
	proof, err := s.try(ctx, row, dir)
	if removeErr := s.Files.Remove(dir); removeErr != nil {
		slog.WarnContext(ctx, "what a rehearsal has left was not removed", "error", removeErr) // the next one and each start do it
	}
	if err != nil && ctx.Err() != nil {
		return err
	}
	now, fault := s.Now().UTC(), ""
	if err != nil {
		e := platform.AsError(err)
		if e.Kind == platform.Internal {
			slog.ErrorContext(ctx, "rehearsal failed", "backup", row.ID, "error", err)
		}
		fault = strings.TrimSpace(e.Message + " " + e.Hint)
		s.event(ctx, row.CreatedBy, "backup.faulty", "The backup of "+row.CreatedAt.Format("2 January 2006 15:04")+" could not be restored for a trial: "+e.Message)
	} else {
		s.event(ctx, row.CreatedBy, "backup.proven", "The backup of "+row.CreatedAt.Format("2 January 2006 15:04")+" was restored for a trial: "+proof)
	}
	_, err = s.Store.UpdateBackup(context.WithoutCancel(ctx), row.ID, func(r *platform.Backup) {
		r.Wanted, r.RehearsedAt, r.Proof, r.Fault = false, &now, proof, fault
	})
	return err
}

func (s *Service) try(ctx context.Context, row platform.Backup, dir string) (string, error) {
	target, err := s.Store.BackupTarget(ctx)
	if err != nil {
		return "", err
	}
	repository, err := s.open(ctx)
	if err != nil {
		return "", err
	}
	if err := s.Files.Remove(dir); err != nil {
		return "", fmt.Errorf("making way for a rehearsal: %w", err)
	}
	if err := s.Files.Room(2*row.Bytes, "a rehearsal of the backup"); err != nil {
		return "", err
	}
	s.say(row.ID, "checks what is stored")
	if err := repository.Check(ctx, part(target)); err != nil {
		return "", err
	}
	s.say(row.ID, "restores it for a trial")
	if err := repository.RestoreVerified(ctx, row.Repository, dir); err != nil {
		return "", err
	}
	for i, image := range row.Images {
		s.say(row.ID, fmt.Sprintf("reads images, %d of %d", i+1, len(row.Images)))
		if err := repository.Read(ctx, image.Stored, ImageName, io.Discard); err != nil {
			return "", err
		}
	}
	return s.Files.Try(ctx, filepath.Join(dir, Staging), Manifest{Backup: row}, func(text string) { s.say(row.ID, text) })
}

// part is how much of all data a rehearsal reads besides what it restores: elsewhere, reading costs transfer.
func part(target platform.BackupTarget) string {
	if place, err := platform.ParseBackupAddress(target.Address); err == nil && place.Kind == "path" {
		return "100%"
	}
	return "10%"
}
