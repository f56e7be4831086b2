package app

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/lugsail/lugsail/platform"
)

// place is where backups go, in memory.
type place struct {
	BackupRows
	target  platform.BackupTarget
	rows    []platform.Backup
	refuses error
	hosts   int
}

func (p *place) BackupTarget(context.Context) (platform.BackupTarget, error) { return p.target, nil }
func (p *place) Backups(context.Context) ([]platform.Backup, error)          { return p.rows, nil }
func (p *place) SetBackupTarget(_ context.Context, target platform.BackupTarget) error {
	p.target = target
	return nil
}

func (p *place) CreateBackup(_ context.Context, row *platform.Backup) error {
	row.ID = platform.NewID()
	p.rows = append(p.rows, *row)
	return nil
}

func (p *place) Set(_ context.Context, target platform.BackupTarget) error {
	if p.refuses == nil {
		p.target = target
	}
	return p.refuses
}
func (p *place) Remove(context.Context, platform.Backup) error { return nil }
func (p *place) Progress(string) string                        { return "" }
func (p *place) Wake()                                         {}
func (p *place) PublicKey() (string, error)                    { return "ssh-ed25519 AAAA", nil }
func (p *place) ForgetHost() error                             { p.hosts++; return nil }

func backupService() (*Service, *place, platform.Actor) {
	p := &place{}
	s := &Service{BackupRows: p, Backuper: p, BackupLogin: p, History: noEvents{}, Now: time.Now}
	return s, p, platform.Actor{Name: "ada@example.com", Role: platform.RoleOwner}
}

func TestSetBackups_APasswordIsMadeOnceAndKeptForTheSamePlace(t *testing.T) {
	s, p, owner := backupService()
	made, err := s.SetBackups(t.Context(), owner, BackupWish{Address: " s3://bucket/dir ", KeyID: "id", Secret: "secret"})
	if err != nil || len(made) < 26 || p.target.Password != made || p.target.Address != "s3://bucket/dir" {
		t.Fatalf("made %q for %+v, %v", made, p.target, err)
	}
	again, err := s.SetBackups(t.Context(), owner, BackupWish{Address: "s3://bucket/dir", NewHostKey: true})
	if err != nil || again != "" || p.target.Password != made || p.target.Secret != "secret" || p.hosts != 1 {
		t.Errorf("the same place again: made %q, %+v, %v", again, p.target, err)
	}
	if other, err := s.SetBackups(t.Context(), owner, BackupWish{Address: "/mnt/disk"}); err != nil || other == "" || other == made || p.target.Secret != "" {
		t.Errorf("another place: made %q, %+v, %v", other, p.target, err)
	}
}

func TestSetBackups_Refusals(t *testing.T) {
	s, p, owner := backupService()
	for want, wish := range map[string]BackupWish{
		"backup_address_invalid":  {Address: "nowhere"},
		"backup_key_missing":      {Address: "s3://bucket/dir"},
		"backup_password_invalid": {Address: "/mnt/disk", Password: "short"},
	} {
		if _, err := s.SetBackups(t.Context(), owner, wish); err == nil || platform.AsError(err).Code != want {
			t.Errorf("%+v: %v, want %s", wish, err, want)
		}
	}
	p.refuses = platform.Errorf(platform.Unavailable, "backup_password_wrong", "No.")
	if _, err := s.SetBackups(t.Context(), owner, BackupWish{Address: "/mnt/disk"}); err == nil || !strings.Contains(err.Error(), "There are backups at that address already") {
		t.Errorf("with backups of another password: %v", err)
	}
	if p.target != (platform.BackupTarget{}) {
		t.Errorf("a refused place is kept: %+v", p.target)
	}
	if _, err := s.Backups(t.Context(), platform.Actor{Role: platform.RoleDeveloper}); !platform.IsKind(err, platform.Forbidden) {
		t.Errorf("for a developer: %v", err)
	}
}

func TestCreateBackup_OneAtATimeAndOnlyWhereTheyGoSomewhere(t *testing.T) {
	s, p, owner := backupService()
	if _, err := s.CreateBackup(t.Context(), owner); err == nil || platform.AsError(err).Code != "backup_target_missing" {
		t.Errorf("without a place: %v", err)
	}
	p.target.Address = "/mnt/disk"
	first, err := s.CreateBackup(t.Context(), owner)
	if err != nil || first.State != platform.BackupMaking || first.Automatic {
		t.Fatalf("%+v, %v", first, err)
	}
	if _, err := s.CreateBackup(t.Context(), owner); err == nil || platform.AsError(err).Code != "backup_making" {
		t.Errorf("a second one: %v", err)
	}
	if err := s.RehearseBackup(t.Context(), owner, first.ID); err == nil || platform.AsError(err).Code != "backup_making" {
		t.Errorf("a trial of one that is being made: %v", err)
	}
	if err := s.RemoveBackup(t.Context(), owner, "nobody"); !platform.IsKind(err, platform.NotFound) {
		t.Errorf("one that is not there: %v", err)
	}
}
