package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/lugsail/lugsail/internal/command"
	"github.com/lugsail/lugsail/internal/disk"
	"github.com/lugsail/lugsail/internal/docker"
	"github.com/lugsail/lugsail/internal/proxy"
	"github.com/lugsail/lugsail/internal/restic"
	"github.com/lugsail/lugsail/internal/store"
	"github.com/lugsail/lugsail/platform"
	"github.com/lugsail/lugsail/platform/backup"
)

// backupDir holds what belongs to backups: the key for SFTP, what the repository lists, and what is laid out.
func backupDir(dataDir string) string { return filepath.Join(dataDir, "backup") }

func (c *control) newBackups() *backup.Service {
	return &backup.Service{
		Store: c.store, Shelf: c.keeper, Images: backupImages{c.engine}, Files: backupFiles{c}, Dir: backupDir(c.cfg.DataDir),
		Version: version, Console: c.cfg.ConsoleURL(), Port: c.cfg.RegistryPort, Now: time.Now,
		Repository: func(target platform.BackupTarget) (backup.Repository, error) {
			return backupRepository(c.cfg.DataDir, target)
		},
	}
}

// backupRepository is the repository of a target.
func backupRepository(dataDir string, target platform.BackupTarget) (restic.Repository, error) {
	place, err := platform.ParseBackupAddress(target.Address)
	if err != nil {
		return restic.Repository{}, err
	}
	ours := backupDir(dataDir)
	if err := os.MkdirAll(ours, 0o700); err != nil {
		return restic.Repository{}, fmt.Errorf("making the directory of backups: %w", err)
	}
	r := restic.Repository{Address: place.Path, Password: target.Password, CacheDir: filepath.Join(ours, "cache")}
	switch place.Kind {
	case "path":
		return r, checkBackupPath(dataDir, place.Path)
	case "s3":
		r.Address = "s3:" + place.URL + "/" + place.Path
		r.Env = []string{"AWS_ACCESS_KEY_ID=" + target.KeyID, "AWS_SECRET_ACCESS_KEY=" + target.Secret}
		return r, nil
	}
	key, err := backupKey(dataDir)
	if err != nil {
		return r, err
	}
	r.Address = "sftp:" + place.User + "@" + place.Host + ":" + place.Path
	r.Options = []string{"sftp.command=" + strings.Join([]string{
		"ssh", "-F", "/dev/null", "-p", place.Port, "-i", key, "-o", "IdentitiesOnly=yes", "-o", "BatchMode=yes", "-o", "ConnectTimeout=15",
		"-o", "ServerAliveInterval=15", "-o", "StrictHostKeyChecking=accept-new", "-o", "UserKnownHostsFile=" + knownHosts(dataDir), "-o", "GlobalKnownHostsFile=/dev/null",
		place.User + "@" + place.Host, "-s", "sftp",
	}, " ")}
	return r, nil
}

// checkBackupPath refuses a directory that is not there, which may be a disk that is not mounted, and one that goes
// with what it is to keep.
func checkBackupPath(dataDir, path string) error {
	info, err := os.Stat(path)
	if err != nil || !info.IsDir() {
		return platform.Errorf(platform.Unavailable, "backup_repository_missing", "There is no directory %s on the server.", path).
			WithHint("If it is on a disk of its own, look whether that is mounted: findmnt. Else make it: mkdir -p %s", path).Because(err)
	}
	real, err := filepath.EvalSymlinks(path)
	if err != nil {
		return fmt.Errorf("looking at %s: %w", path, err)
	}
	if real == dataDir || strings.HasPrefix(real, dataDir+"/") {
		return platform.Errorf(platform.Invalid, "backup_address_invalid", "%s lies in Lugsail's own directory, and would be lost with it.", path).
			WithHint("Take a directory on another disk, or another machine: sftp://USER@HOST/DIRECTORY")
	}
	return nil
}

func knownHosts(dataDir string) string {
	return filepath.Join(backupDir(dataDir), "ssh", "known_hosts")
}

// backupKey is the file of the key by which this server logs in where backups go; it is made when it is first needed.
func backupKey(dataDir string) (string, error) {
	file := filepath.Join(backupDir(dataDir), "ssh", "key")
	_, err := os.Stat(file)
	if !errors.Is(err, fs.ErrNotExist) {
		return file, err
	}
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		return "", fmt.Errorf("making a key for backups: %w", err)
	}
	if command.Find("ssh-keygen") == "" {
		return "", platform.Errorf(platform.Unavailable, "ssh_missing", "The program ssh-keygen is not installed, which backups by SFTP need.").
			WithHint("As root on the server: apt-get install openssh-client")
	}
	made := command.Command{Name: "ssh-keygen", Args: []string{"-q", "-t", "ed25519", "-N", "", "-C", "lugsail-backups", "-f", file + ".new"}}
	_ = os.Remove(file + ".new") // of a start that was cut off
	if err := made.Run(context.Background()); err != nil {
		return "", fmt.Errorf("making a key for backups: %w", err)
	}
	return file, errors.Join(os.Rename(file+".new.pub", file+".pub"), os.Rename(file+".new", file))
}

// PublicKey is what an SFTP server must know.
func (f backupFiles) PublicKey() (string, error) {
	file, err := backupKey(f.c.cfg.DataDir)
	if err != nil {
		return "", err
	}
	text, err := os.ReadFile(file + ".pub")
	return strings.TrimSpace(string(text)), err
}

// ForgetHost lets the next connection by SFTP take whatever host key it is shown.
func (f backupFiles) ForgetHost() error {
	if err := os.Remove(knownHosts(f.c.cfg.DataDir)); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

type backupImages struct{ *docker.Engine }

// Alone: images of buildpacks are named by digest, and lie in the built-in registry.
func (backupImages) Alone(image string) bool { return !strings.Contains(image, "@") }

// backupFiles lays out what a backup holds.
type backupFiles struct{ c *control }

func (f backupFiles) Remove(path string) error { return disk.Remove(path) }

func (f backupFiles) Room(bytes int64, what string) error {
	return snapshotRoom(f.c.cfg.DataDir, bytes, what)
}

// backedUp are the parts of the data directory that a backup holds beside the database.
var backedUp = []string{"repositories", "registry", "ssh", "proxy", "logs", "snapshots/repository", "backup/ssh"}

// Places in a backup.
const (
	manifestFile = "manifest.json"
	backupData   = "data" // the data directory
	backupEtc    = "etc"  // settings and keys
)

func (f backupFiles) Lay(ctx context.Context, dir string, m backup.Manifest) error {
	cfg := f.c.cfg
	for _, part := range []string{backupData, backupEtc} {
		if err := os.MkdirAll(filepath.Join(dir, part), 0o700); err != nil {
			return fmt.Errorf("laying out a backup: %w", err)
		}
	}
	table := filepath.Base(proxy.TableFile(cfg.ProxyDir()))
	for _, part := range backedUp {
		to := filepath.Join(dir, backupData, part)
		if err := os.MkdirAll(filepath.Dir(to), 0o700); err != nil {
			return fmt.Errorf("laying out a backup: %w", err)
		}
		err := disk.Link(filepath.Join(cfg.DataDir, part), to, func(path string) bool {
			return part == "registry" && filepath.Base(path) == "_uploads" || part == "proxy" && path == table
		})
		if err != nil {
			return err
		}
	}
	for name, file := range map[string]string{"config.yaml": cfg.File(), "master.key": cfg.KeyFile, "snapshots.key": snapshotKey(cfg)} {
		if err := copySecret(file, filepath.Join(dir, backupEtc, name)); err != nil {
			return err
		}
	}
	text, err := json.MarshalIndent(m, "", "  ")
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, manifestFile), text, 0o600)
	}
	if err != nil {
		return fmt.Errorf("writing what the backup holds: %w", err)
	}
	return f.c.store.CopyTo(ctx, filepath.Join(dir, backupData, store.File)) // last: it knows nothing that the files lack
}

// copySecret copies a small file; one that is not there is none.
func copySecret(from, to string) error {
	text, err := os.ReadFile(from)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err == nil {
		err = os.WriteFile(to, text, 0o600)
	}
	if err != nil {
		return fmt.Errorf("laying out a backup: %w", err)
	}
	return nil
}

// cleanBackups ends what a crash has cut off.
func (c *control) cleanBackups(ctx context.Context) error {
	trial, err := c.trialEngine("")
	if err == nil {
		err = errors.Join(trial.Leave(ctx, ""), trial.Close())
	}
	return errors.Join(err, c.backups.Clean(ctx))
}

func readManifest(dir string) (m backup.Manifest, err error) {
	text, err := os.ReadFile(filepath.Join(dir, manifestFile))
	if err == nil {
		err = json.Unmarshal(text, &m)
	}
	if err != nil {
		return m, fmt.Errorf("reading what the backup holds: %w", err)
	}
	return m, nil
}

// newestBackup picks a backup by its id in the repository, the newest for "".
func newestBackup(all []restic.Kept, id string) (restic.Kept, error) {
	for _, b := range slices.Backward(all) {
		if id == "" || len(id) >= 8 && strings.HasPrefix(b.ID, id) {
			return b, nil
		}
	}
	if id == "" {
		return restic.Kept{}, platform.Errorf(platform.NotFound, "backup_not_found", "There is no backup at that address.").WithHint("Look whether it is the right one.")
	}
	return restic.Kept{}, platform.Errorf(platform.NotFound, "backup_not_found", "There is no backup %.40q at that address.", id).WithHint("Leave --backup out to take the newest.")
}
