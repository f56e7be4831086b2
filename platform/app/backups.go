package app

import (
	"context"
	"crypto/rand"
	"slices"
	"strings"

	"github.com/lugsail/lugsail/platform"
)

// BackupRows keeps backups and where they go.
type BackupRows interface {
	Backups(ctx context.Context) ([]platform.Backup, error)
	CreateBackup(ctx context.Context, row *platform.Backup) error
	UpdateBackup(ctx context.Context, id string, change func(*platform.Backup)) (platform.Backup, error)
	BackupTarget(ctx context.Context) (platform.BackupTarget, error)
	SetBackupTarget(ctx context.Context, target platform.BackupTarget) error
}

// Backuper makes backups.
type Backuper interface {
	Set(ctx context.Context, target platform.BackupTarget) error
	Remove(ctx context.Context, row platform.Backup) error
	Progress(id string) string
	Wake()
}

// BackupLogin is how this server logs in by SFTP where backups go.
type BackupLogin interface {
	PublicKey() (string, error)
	ForgetHost() error
}

// BackupsView is where backups go, and which there are.
type BackupsView struct {
	Address string // "" for nowhere
	KeyID   string // of S3
	Backups []BackupView
}

// BackupView is a backup with what is being done for it.
type BackupView struct {
	platform.Backup
	Progress string // for people; "" when nothing is
}

// Newest is the newest backup that is ready; nil for none.
func (v BackupsView) Newest() *BackupView {
	at := slices.IndexFunc(v.Backups, func(b BackupView) bool { return b.State == platform.BackupReady })
	if at < 0 {
		return nil
	}
	return &v.Backups[at]
}

// Rehearsed is the backup that was last restored for a trial; nil for none.
func (v BackupsView) Rehearsed() (last *BackupView) {
	for i, b := range v.Backups {
		if b.RehearsedAt != nil && (last == nil || b.RehearsedAt.After(*last.RehearsedAt)) {
			last = &v.Backups[i]
		}
	}
	return last
}

// BackupWish says where backups shall go.
type BackupWish struct {
	Address    string
	KeyID      string // of S3; "" keeps the one of the same address
	Secret     string
	Password   string // of the repository; "" keeps the one of the same address, or makes one
	NewHostKey bool   // an SFTP server may show another host key than the first time
}

func (s *Service) mayBackup(actor platform.Actor) error {
	if !platform.Can(actor, platform.ActionServer, actor.AppID) {
		return forbidden()
	}
	return nil
}

// Backups tells the owner where backups go, and which there are, the newest first.
func (s *Service) Backups(ctx context.Context, actor platform.Actor) (view BackupsView, err error) {
	if err := s.mayBackup(actor); err != nil {
		return view, err
	}
	target, err := s.BackupRows.BackupTarget(ctx)
	if err != nil {
		return view, err
	}
	rows, err := s.BackupRows.Backups(ctx)
	if err != nil {
		return view, err
	}
	view.Address, view.KeyID = target.Address, target.KeyID
	for _, row := range rows {
		view.Backups = append(view.Backups, BackupView{row, s.Backuper.Progress(row.ID)})
	}
	return view, nil
}

// BackupKey is the key that an SFTP server must know.
func (s *Service) BackupKey(_ context.Context, actor platform.Actor) (string, error) {
	if err := s.mayBackup(actor); err != nil {
		return "", err
	}
	return s.BackupLogin.PublicKey()
}

// SetBackups opens or makes the place where backups go from now on. It gives the password of the repository when it
// has made one: nobody is told it again.
func (s *Service) SetBackups(ctx context.Context, actor platform.Actor, wish BackupWish) (made string, err error) {
	if err := s.mayBackup(actor); err != nil {
		return "", err
	}
	target := platform.BackupTarget{Address: strings.TrimSpace(wish.Address), KeyID: strings.TrimSpace(wish.KeyID), Secret: strings.TrimSpace(wish.Secret), Password: wish.Password}
	place, err := platform.ParseBackupAddress(target.Address)
	if err != nil {
		return "", err
	}
	if place.Kind == "path" {
		target.Address = place.Path
	}
	if was, err := s.BackupRows.BackupTarget(ctx); err == nil && was.Address == target.Address {
		target = carry(was, target)
	}
	if target.Password == "" {
		made = newBackupPassword()
		target.Password = made
	}
	switch {
	case len(target.Password) < 12 || len(target.Password) > 200 || strings.ContainsFunc(target.Password, func(r rune) bool { return r < ' ' || r == 0x7f }):
		return "", platform.Errorf(platform.Invalid, "backup_password_invalid", "The password of the backups must be one line of 12 to 200 characters.").
			WithHint("Leave it out, and one is made.")
	case place.Kind == "s3" && (target.KeyID == "" || target.Secret == ""):
		return "", platform.Errorf(platform.Invalid, "backup_key_missing", "S3 needs an access key and its secret.").WithHint("Make one at the provider that may read, write and delete in the bucket.")
	}
	if wish.NewHostKey {
		if err := s.BackupLogin.ForgetHost(); err != nil {
			return "", err
		}
	}
	if err := s.Backuper.Set(ctx, target); err != nil {
		if e := platform.AsError(err); made != "" && e.Code == "backup_password_wrong" {
			return "", platform.Errorf(platform.Conflict, e.Code, "There are backups at that address already.").WithHint("Give their password, or take another directory.").Because(err)
		}
		return "", err
	}
	s.event(ctx, actor, platform.App{}, "backups.set", "backups go to "+target.Address)
	return made, nil
}

// carry lets what was not said again stay.
func carry(was, target platform.BackupTarget) platform.BackupTarget {
	if target.KeyID == "" && target.Secret == "" {
		target.KeyID, target.Secret = was.KeyID, was.Secret
	}
	if target.Password == "" {
		target.Password = was.Password
	}
	return target
}

// newBackupPassword has 130 bits, in groups that people can copy by hand.
func newBackupPassword() string {
	text := strings.ToLower(rand.Text())
	var groups []string
	for group := range slices.Chunk([]byte(text), 5) {
		groups = append(groups, string(group))
	}
	return strings.Join(groups, "-")
}

// StopBackups makes no more backups. Those that there are stay where they are.
func (s *Service) StopBackups(ctx context.Context, actor platform.Actor) error {
	if err := s.mayBackup(actor); err != nil {
		return err
	}
	target, err := s.backupTarget(ctx)
	if err != nil {
		return err
	}
	if err := s.BackupRows.SetBackupTarget(ctx, platform.BackupTarget{}); err != nil {
		return err
	}
	s.event(ctx, actor, platform.App{}, "backups.stopped", "no more backups are made; those at "+target.Address+" stay")
	return nil
}

func (s *Service) backupTarget(ctx context.Context) (platform.BackupTarget, error) {
	target, err := s.BackupRows.BackupTarget(ctx)
	if err == nil && target == (platform.BackupTarget{}) {
		err = platform.Errorf(platform.Conflict, "backup_target_missing", "Nobody has said where backups go.").WithHint("Say it: lugsail backups set ADDRESS")
	}
	return target, err
}

// CreateBackup asks for a backup, which is made in the background. It stays until somebody removes it.
func (s *Service) CreateBackup(ctx context.Context, actor platform.Actor) (BackupView, error) {
	if err := s.mayBackup(actor); err != nil {
		return BackupView{}, err
	}
	if _, err := s.backupTarget(ctx); err != nil {
		return BackupView{}, err
	}
	rows, err := s.BackupRows.Backups(ctx)
	if err != nil {
		return BackupView{}, err
	}
	if slices.ContainsFunc(rows, func(b platform.Backup) bool { return b.State == platform.BackupMaking }) {
		return BackupView{}, platform.Errorf(platform.Conflict, "backup_making", "A backup is being made.").WithHint("See how far it is: lugsail backups")
	}
	row := platform.Backup{State: platform.BackupMaking, CreatedAt: s.Now().UTC(), CreatedBy: actor.Name}
	if err := s.BackupRows.CreateBackup(ctx, &row); err != nil {
		return BackupView{}, err
	}
	s.event(ctx, actor, platform.App{}, "backup.asked", "a backup is to be made")
	s.Backuper.Wake()
	return BackupView{row, s.Backuper.Progress(row.ID)}, nil
}

func (s *Service) backupOf(ctx context.Context, actor platform.Actor, id string) (platform.Backup, error) {
	if err := s.mayBackup(actor); err != nil {
		return platform.Backup{}, err
	}
	rows, err := s.BackupRows.Backups(ctx)
	if err != nil {
		return platform.Backup{}, err
	}
	rows = slices.DeleteFunc(rows, func(b platform.Backup) bool { return id == "" || !strings.HasPrefix(b.ID, id) })
	if len(rows) != 1 {
		return platform.Backup{}, platform.Errorf(platform.NotFound, "backup_not_found", "There is no backup %.40q.", id).WithHint("See those that there are: lugsail backups")
	}
	if rows[0].State == platform.BackupMaking {
		return rows[0], platform.Errorf(platform.Conflict, "backup_making", "The backup is being made.").WithHint("See how far it is: lugsail backups")
	}
	return rows[0], nil
}

// RemoveBackup removes a backup for good.
func (s *Service) RemoveBackup(ctx context.Context, actor platform.Actor, id string) error {
	row, err := s.backupOf(ctx, actor, id)
	if err != nil {
		return err
	}
	if s.Backuper.Progress(row.ID) != "" {
		return platform.Errorf(platform.Conflict, "backup_in_use", "The backup is being restored for a trial.").WithHint("Wait until that is over: lugsail backups")
	}
	if err := s.Backuper.Remove(ctx, row); err != nil {
		return err
	}
	s.event(ctx, actor, platform.App{}, "backup.removed", "the backup of "+row.CreatedAt.Format("2 January 2006 15:04")+" was removed")
	return nil
}

// RehearseBackup asks for a trial of a backup, which is restored and looked over in the background.
func (s *Service) RehearseBackup(ctx context.Context, actor platform.Actor, id string) error {
	row, err := s.backupOf(ctx, actor, id)
	if err != nil {
		return err
	}
	if row.State != platform.BackupReady {
		return platform.Errorf(platform.Conflict, "backup_not_ready", "The backup is not ready: it is %s.", row.State).WithHint("See those that are: lugsail backups")
	}
	if _, err := s.BackupRows.UpdateBackup(ctx, row.ID, func(b *platform.Backup) { b.Wanted = true }); err != nil {
		return err
	}
	s.event(ctx, actor, platform.App{}, "backup.rehearsal", "the backup of "+row.CreatedAt.Format("2 January 2006 15:04")+" is to be restored for a trial")
	s.Backuper.Wake()
	return nil
}
