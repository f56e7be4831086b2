package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/lugsail/lugsail/internal/disk"
	"github.com/lugsail/lugsail/internal/docker"
	"github.com/lugsail/lugsail/internal/restic"
	"github.com/lugsail/lugsail/internal/secret"
	"github.com/lugsail/lugsail/internal/store"
	"github.com/lugsail/lugsail/platform"
	"github.com/lugsail/lugsail/platform/addon"
	"github.com/lugsail/lugsail/platform/backup"
	"github.com/lugsail/lugsail/platform/run"
	"github.com/lugsail/lugsail/platform/volume"
)

// trialEngine is the engine as a rehearsal sees it: its containers are none of the installation's, and reach nobody.
func (c *control) trialEngine(volumes string) (*docker.Engine, error) {
	return docker.New(docker.Config{Host: c.cfg.DockerHost, Instance: c.cfg.Instance, Pool: c.cfg.AppPool.String(), Volumes: volumes, Trial: true})
}

// rehearsal is a restored backup being tried.
type rehearsal struct {
	c      *control
	dir    string // of what was restored
	db     *store.Store
	engine *docker.Engine
	shelf  restic.Repository
	run    *run.Service
	say    func(string)

	apps, started, databases, compared int
}

// Try opens the restored database with the restored key, compares every image with its digest, and lets each app run
// from what was restored of it, in a network of its own without a way out.
func (f backupFiles) Try(ctx context.Context, dir string, m backup.Manifest, say func(string)) (proof string, err error) {
	key, err := secret.LoadKey(filepath.Join(dir, backupEtc, "master.key"))
	if err != nil {
		return "", err
	}
	db, err := store.Open(ctx, store.Config{Dir: filepath.Join(dir, backupData), Key: key})
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	say("checks the database")
	if err := db.Check(ctx); err != nil {
		return "", err
	}
	say("compares images")
	layers, err := comparedLayers(filepath.Join(dir, backupData, "registry"))
	if err != nil {
		return "", err
	}
	r, err := f.rehearsal(dir, db, say)
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, r.engine.Close()) }()
	for _, a := range m.Backup.Apps {
		if err := r.app(ctx, a); err != nil {
			return "", err
		}
	}
	return fmt.Sprintf("%s restored, %d started healthy without a way out; %s restored, the rows of %d compared; %s of images have their digest.",
		counted(r.apps, "app"), r.started, counted(r.databases, "database"), r.compared, counted(layers, "part")), nil
}

func counted(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

func (f backupFiles) rehearsal(dir string, db *store.Store, say func(string)) (*rehearsal, error) {
	c := f.c
	engine, err := c.trialEngine(filepath.Join(dir, "volumes"))
	if err != nil {
		return nil, err
	}
	r := &rehearsal{
		c: c, dir: dir, db: db, engine: engine, say: say,
		shelf: restic.Repository{Address: filepath.Join(dir, backupData, "snapshots", "repository"), KeyFile: filepath.Join(dir, backupEtc, "snapshots.key")},
		run:   run.New(engine, engine, imagesThere{c}, c.proxy),
	}
	r.run.Commands, r.run.Volumes, r.run.Mountable, r.run.Linker = engine, db, engine, engine
	r.run.Bindings = &addon.Service{Store: db, Blueprints: c.blueprints}
	real := c.replicas()
	r.run.Host, r.run.URL = real.Host, real.URL
	return r, nil
}

// app tries one app: its files and the rows of its add-ons return, and it must become healthy.
func (r *rehearsal) app(ctx context.Context, kept platform.BackupApp) (err error) {
	app, err := r.db.AppByID(ctx, kept.ID)
	if err != nil {
		return err
	}
	if app.CurrentRelease == 0 || app.Addon && kept.Snapshot == "" {
		return nil // nothing of it runs yet; an add-on is tried with its app
	}
	r.say("lets " + app.Name + " run for a trial")
	defer func() { err = errors.Join(err, r.over(ctx)) }()
	var parts platform.SnapshotParts
	if kept.Snapshot != "" {
		if parts, err = r.data(ctx, kept.Snapshot); err != nil {
			return about(app, err)
		}
	}
	r.apps++
	keeper := &volume.Keeper{Store: r.db, Engine: r.engine, Blueprints: r.c.blueprints}
	for _, a := range parts.Addons {
		if err := r.addon(ctx, keeper, a); err != nil {
			return about(app, err)
		}
	}
	if app.Addon {
		return nil
	}
	// What workers do outside is not for a trial.
	return about(app, r.healthy(ctx, app, func(p platform.Process) bool { return p.Type == platform.WebProcess }))
}

func about(app platform.App, err error) error {
	if err == nil {
		return nil
	}
	e := platform.AsError(err)
	return platform.Errorf(e.Kind, e.Code, "%s: %s", app.Name, e.Message).WithHint("%s", e.Hint).Because(err)
}

// data lays out what a snapshot holds, the volumes where the engine looks for them.
func (r *rehearsal) data(ctx context.Context, id string) (platform.SnapshotParts, error) {
	row, err := r.db.SnapshotByID(ctx, id)
	if err != nil {
		return platform.SnapshotParts{}, err
	}
	return row.Parts, r.shelf.RestoreVerified(ctx, row.Repository, r.dir)
}

// addon starts a database with nothing in it, and lets it take its rows in.
func (r *rehearsal) addon(ctx context.Context, keeper *volume.Keeper, a platform.SnapshotAddon) error {
	db, err := r.db.AppByID(ctx, a.ID)
	if err != nil {
		return err
	}
	if err := r.healthy(ctx, db, func(platform.Process) bool { return true }); err != nil {
		return err
	}
	compared, err := keeper.Reload(ctx, a, r.dir)
	r.databases++
	if compared {
		r.compared++
	}
	return err
}

// healthy starts a replica of each process type that is wanted, and waits until it is healthy.
func (r *rehearsal) healthy(ctx context.Context, app platform.App, want func(platform.Process) bool) error {
	release, err := r.db.ReleaseByNumber(ctx, app.ID, app.CurrentRelease)
	if err != nil {
		return err
	}
	for _, p := range release.Processes {
		if !want(p) || app.Scale.Of(p.Type) == 0 {
			continue
		}
		replica, err := r.run.Start(ctx, app, release, "", run.Slot{Process: p.Type, Index: 1})
		if err != nil {
			return err
		}
		if _, err := r.run.WaitHealthy(ctx, replica, release, io.Discard); err != nil {
			return err
		}
		if !app.Addon {
			r.started++
		}
	}
	return nil
}

// over removes all that ran, and what was laid out of one app.
func (r *rehearsal) over(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Minute)
	defer cancel()
	return errors.Join(r.engine.Leave(ctx, ""), disk.Remove(filepath.Join(r.dir, "volumes")), disk.Remove(filepath.Join(r.dir, "snapshots")))
}

// comparedLayers compares what the registry keeps with the digests that it is kept under.
func comparedLayers(dir string) (n int, err error) {
	err = filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil || entry.Name() != "data" || !entry.Type().IsRegular() {
			return err
		}
		want := filepath.Base(filepath.Dir(path))
		got, err := digestOf(path)
		if err == nil && got != want {
			err = platform.Errorf(platform.Unavailable, "backup_damaged", "A part of an image is another one than was stored: %s.", strings.TrimPrefix(path, dir+"/")).
				WithHint("Make a new backup: lugsail backups create")
		}
		n++
		return err
	})
	return n, err
}

func digestOf(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer func() { _ = f.Close() }() // nothing was written
	sum := sha256.New()
	_, err = io.Copy(sum, f)
	return hex.EncodeToString(sum.Sum(nil)), err
}
