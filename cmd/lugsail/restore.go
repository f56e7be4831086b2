package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/lugsail/lugsail/internal/atomicfile"
	"github.com/lugsail/lugsail/internal/config"
	"github.com/lugsail/lugsail/internal/disk"
	"github.com/lugsail/lugsail/internal/docker"
	"github.com/lugsail/lugsail/internal/host"
	"github.com/lugsail/lugsail/internal/restic"
	"github.com/lugsail/lugsail/internal/service"
	"github.com/lugsail/lugsail/internal/store"
	"github.com/lugsail/lugsail/platform"
	"github.com/lugsail/lugsail/platform/backup"
)

// restored is the note on a server that came from a backup, until its control plane has taken it over.
type restored struct {
	Target   platform.BackupTarget
	ID       string // of the backup in the repository
	Manifest backup.Manifest
}

func restoredFile(dataDir string) string { return filepath.Join(dataDir, "restored.json") }

func readRestored(dataDir string) (r restored, there bool, err error) {
	text, err := os.ReadFile(restoredFile(dataDir))
	if errors.Is(err, fs.ErrNotExist) {
		return r, false, nil
	}
	if err == nil {
		err = json.Unmarshal(text, &r)
	}
	if err != nil {
		return r, false, fmt.Errorf("reading what was restored: %w", err)
	}
	return r, true, nil
}

func (s *settings) hostRestore() *cobra.Command {
	var from, id string
	c := s.host("restore", "Bring everything back from a backup, on a server that has no Lugsail yet", nil)
	c.Long = "Brings everything back from a backup, on a server that has no Lugsail yet. ./install.sh --restore ADDRESS does it on the way.\n\n" +
		"The password of the backups is read from the variable LUGSAIL_BACKUP_PASSWORD, or from the standard input; an access\nkey for S3 from AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY."
	c.Flags().StringVar(&from, "from", "", "where the backups are: /mnt/disk/backups, sftp://USER@HOST/DIRECTORY, s3://BUCKET/DIRECTORY, s3:https://ENDPOINT/BUCKET")
	c.Flags().StringVar(&id, "backup", "", "which one, by its id there; the newest when it is left out")
	_ = c.MarkFlagRequired("from") // it was just made
	c.RunE = func(cmd *cobra.Command, _ []string) error {
		if err := asRoot("host restore"); err != nil {
			return err
		}
		m, err := s.machine(cmd)
		if err != nil {
			return err
		}
		target := platform.BackupTarget{Address: from, KeyID: os.Getenv("AWS_ACCESS_KEY_ID"), Secret: os.Getenv("AWS_SECRET_ACCESS_KEY"), Password: os.Getenv("LUGSAIL_BACKUP_PASSWORD")}
		if target.Password == "" {
			text, err := io.ReadAll(io.LimitReader(cmd.InOrStdin(), 1<<10))
			if err != nil {
				return fmt.Errorf("reading the password: %w", err)
			}
			target.Password = strings.TrimRight(string(text), "\r\n")
		}
		return restoreHost(cmd.Context(), m, target, id)
	}
	return c
}

// restoreHost puts everything of a backup in its place. The database comes last: until then the server is an empty
// one, and it may be begun anew.
func restoreHost(ctx context.Context, m machine, target platform.BackupTarget, id string) error {
	if there, err := store.Exists(m.config.DataDir); err != nil || there {
		return errors.Join(err, platform.Errorf(platform.Conflict, "server_not_empty", "There is a Lugsail here already, in %s. A backup is restored on a server without one.", m.config.DataDir).
			WithHint("To bring one app back to a snapshot: lugsail snapshots restore. To begin anew, with all that is here lost: ./install.sh --purge"))
	}
	if target.Password == "" {
		return platform.Errorf(platform.Invalid, "backup_password_missing", "The password of the backups is missing.").
			WithHint("It was shown when backups were set up. Give it as LUGSAIL_BACKUP_PASSWORD.")
	}
	if err := host.MakeUser(ctx, service.ProxyUser); err != nil {
		return err
	}
	if _, err := host.MakeDirectories(m.directories()); err != nil {
		return err
	}
	kept, dir, err := fetchBackup(ctx, m, target, id)
	if err != nil {
		return err
	}
	defer func() { _ = disk.Remove(filepath.Dir(dir)) }() // the next attempt empties it, too
	manifest, err := readManifest(dir)
	if err != nil {
		return err
	}
	if err := placeKeys(m.config, filepath.Join(dir, backupEtc)); err != nil {
		return err
	}
	if err := placeData(m.config, filepath.Join(dir, backupData)); err != nil {
		return err
	}
	text, err := json.Marshal(restored{Target: target, ID: kept.ID, Manifest: manifest})
	if err == nil {
		err = atomicfile.Write(restoredFile(m.config.DataDir), text, 0o600)
	}
	if err == nil {
		err = os.Rename(filepath.Join(dir, backupData, store.File), filepath.Join(m.config.DataDir, store.File))
	}
	if err != nil {
		return fmt.Errorf("putting the backup into its place: %w", err)
	}
	m.printf("Restored the backup of %s, of %s: %s.\n", kept.Time.Local().Format("2 January 2006 15:04"), manifest.Console, counted(len(manifest.Backup.Apps), "app"))
	return nil
}

// fetchBackup reads a backup into a directory beside where it belongs.
func fetchBackup(ctx context.Context, m machine, target platform.BackupTarget, id string) (kept restic.Kept, dir string, err error) {
	repository, err := backupRepository(m.config.DataDir, target)
	if err != nil {
		return kept, "", err
	}
	all, err := repository.Tagged(ctx, backup.Tag)
	if e := platform.AsError(err); err != nil && e.Code == "backup_denied" && strings.HasPrefix(target.Address, "sftp:") {
		key, _ := os.ReadFile(filepath.Join(backupDir(m.config.DataDir), "ssh", "key.pub")) // the error counts more
		return kept, "", platform.Errorf(e.Kind, e.Code, "%s", e.Message).WithHint("Add this server's key there, to ~/.ssh/authorized_keys, and run this again:\n%s", strings.TrimSpace(string(key))).Because(err)
	}
	if err != nil {
		return kept, "", err
	}
	if kept, err = newestBackup(all, id); err != nil {
		return kept, "", err
	}
	dir = filepath.Join(backupDir(m.config.DataDir), "restoring")
	if err := disk.Remove(dir); err != nil {
		return kept, "", fmt.Errorf("making way for the backup: %w", err)
	}
	return kept, filepath.Join(dir, backup.Staging), repository.RestoreVerified(ctx, kept.ID, dir)
}

// placeKeys puts keys and settings where this server has them; keys of another server are never replaced.
func placeKeys(cfg config.Config, from string) error {
	for name, to := range map[string]string{"master.key": cfg.KeyFile, "snapshots.key": snapshotKey(cfg)} {
		text, err := os.ReadFile(filepath.Join(from, name))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return fmt.Errorf("reading a key of the backup: %w", err)
		}
		there, err := os.ReadFile(to)
		if err == nil && string(there) != string(text) {
			return platform.Errorf(platform.Conflict, "server_not_empty", "There is a key of another Lugsail here: %s.", to).
				WithHint("If nothing needs it any more, move it away, and run this again.")
		}
		if err := atomicfile.Write(to, text, 0o600); err != nil {
			return fmt.Errorf("putting a key into its place: %w", err)
		}
	}
	if _, err := os.Stat(cfg.File()); err == nil {
		return nil // the owner has written one
	}
	return config.Carry(filepath.Join(from, "config.yaml"), cfg.File())
}

// placeData moves all but the database to where it belongs.
func placeData(cfg config.Config, from string) error {
	for _, part := range backedUp {
		source, to := filepath.Join(from, part), filepath.Join(cfg.DataDir, part)
		if _, err := os.Lstat(source); errors.Is(err, fs.ErrNotExist) {
			continue
		}
		err := disk.Remove(to) // what an attempt that was cut off has left
		if err == nil {
			err = os.MkdirAll(filepath.Dir(to), 0o700)
		}
		if err == nil {
			err = os.Rename(source, to)
		}
		if err != nil {
			return fmt.Errorf("putting the backup into its place: %w", err)
		}
	}
	return giveProxy(cfg.ProxyDir())
}

// giveProxy gives the proxy's part of the data to its user, who may have another number here.
func giveProxy(dir string) error {
	owner, err := user.Lookup(service.ProxyUser)
	if err != nil {
		return fmt.Errorf("looking for the proxy's user: %w", err)
	}
	uid, uidErr := strconv.Atoi(owner.Uid)
	gid, gidErr := strconv.Atoi(owner.Gid)
	if err := errors.Join(uidErr, gidErr); err != nil {
		return fmt.Errorf("looking for the proxy's user: %w", err)
	}
	return filepath.WalkDir(dir, func(path string, _ fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		return errors.Join(err, os.Lchown(path, uid, gid))
	})
}

// restoreImages brings the images of a restored server into its engine; on any other server there is nothing to do.
func restoreImages(ctx context.Context, m machine) error {
	r, there, err := readRestored(m.config.DataDir)
	if err != nil || !there {
		return err
	}
	repository, err := backupRepository(m.config.DataDir, r.Target)
	if err != nil {
		return err
	}
	engine, err := docker.New(docker.Config{Host: m.config.DockerHost, Instance: m.config.Instance, Pool: m.config.AppPool.String()})
	if err != nil {
		return err
	}
	for i, image := range r.Manifest.Backup.Images {
		m.printf("Restoring images, %d of %d\n", i+1, len(r.Manifest.Backup.Images))
		if err := restoreImage(ctx, engine, repository, image); err != nil {
			return errors.Join(err, engine.Close())
		}
		if name, moved := strings.CutPrefix(image.Image, registryAt(r.Manifest.RegistryPort)); moved && r.Manifest.RegistryPort != m.config.RegistryPort {
			if err := engine.Tag(ctx, image.Image, registryAt(m.config.RegistryPort)+name); err != nil {
				return errors.Join(err, engine.Close())
			}
		}
	}
	return engine.Close()
}

func restoreImage(ctx context.Context, engine *docker.Engine, repository restic.Repository, image platform.BackupImage) error {
	in, out := io.Pipe()
	read := make(chan error, 1)
	go func() {
		err := repository.Read(ctx, image.Stored, backup.ImageName, out)
		_ = out.CloseWithError(err) // never fails
		read <- err
	}()
	err := engine.Load(ctx, in)
	_ = in.CloseWithError(err) // never fails
	if readErr := <-read; readErr != nil {
		return readErr
	}
	return err
}

func registryAt(port int) string { return fmt.Sprintf("127.0.0.1:%d/", port) }

// bringBack takes over what a backup has brought: its own row, where backups go, and for each app that keeps something
// a deployment that puts its data back. The note goes last, so it may be cut off anywhere.
func (c *control) bringBack(ctx context.Context) error {
	r, there, err := readRestored(c.cfg.DataDir)
	if err != nil || !there {
		return err
	}
	if port := r.Manifest.RegistryPort; port != c.cfg.RegistryPort {
		if err := c.store.MoveRegistry(ctx, registryAt(port), registryAt(c.cfg.RegistryPort)); err != nil {
			return err
		}
	}
	now := c.conductor.Now().UTC()
	_, err = c.store.UpdateBackup(ctx, r.Manifest.Backup.ID, func(b *platform.Backup) {
		b.State, b.Repository, b.EndedAt, b.Apps, b.Images = platform.BackupReady, r.ID, &now, r.Manifest.Backup.Apps, r.Manifest.Backup.Images
	})
	if err != nil && !platform.IsKind(err, platform.NotFound) {
		return err
	}
	if err := c.store.SetBackupTarget(ctx, r.Target); err != nil {
		return err
	}
	if err := c.rewindAll(ctx, r.Manifest.Backup); err != nil {
		return err
	}
	c.tell(ctx, "", "server.restored", "This server was restored from the backup of "+r.Manifest.Backup.CreatedAt.Format("2 January 2006 15:04")+".")
	slog.InfoContext(ctx, "restored from a backup", "backup", r.ID)
	return os.Remove(restoredFile(c.cfg.DataDir))
}

func (c *control) rewindAll(ctx context.Context, b platform.Backup) error {
	unfinished, err := c.store.UnfinishedDeployments(ctx)
	if err != nil {
		return err
	}
	for _, kept := range b.Apps {
		app, err := c.store.AppByID(ctx, kept.ID)
		if err != nil {
			return err
		}
		begun := slices.ContainsFunc(unfinished, func(d platform.Deployment) bool { return d.AppID == kept.ID && d.Via == platform.ViaBackup })
		if kept.Snapshot == "" || begun || app.CurrentRelease == 0 {
			continue
		}
		d := platform.Deployment{AppID: app.ID, Kind: platform.DeployRewind, Snapshot: kept.Snapshot, Cause: "restore from a backup", Actor: platform.System().Name, Via: platform.ViaBackup}
		if !app.Addon {
			d.FromRelease = app.CurrentRelease
		}
		if _, err := c.conductor.Start(ctx, d); err != nil {
			return err
		}
	}
	return nil
}
