package main

import (
	"context"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/lugsail/lugsail/internal/host"
	"github.com/lugsail/lugsail/internal/store"
	"github.com/lugsail/lugsail/platform"
	"github.com/lugsail/lugsail/platform/app"
	"github.com/lugsail/lugsail/platform/observe"
)

// serverMachine tells what this server is, and looks after Lugsail itself.
type serverMachine struct{ c *control }

func (m serverMachine) Facts(ctx context.Context) app.ServerFacts {
	c := m.c
	f := app.ServerFacts{Version: version, StartedAt: c.began, System: host.System("/"), Kernel: host.Kernel("/"), Database: c.store.Kind(), DataDir: c.cfg.DataDir, KeyFile: c.cfg.KeyFile}
	f.Program, f.InstalledAt, f.Previous = installed()
	if facts, err := c.engine.Facts(ctx); err == nil {
		f.Engine = facts.Version
	}
	return f
}

// installed tells where this program lies, since when, and whether the one before lies beside it.
func installed() (path string, since time.Time, previous bool) {
	path, err := os.Executable()
	if err != nil {
		return "", since, false
	}
	path = strings.TrimSuffix(path, " (deleted)")
	if info, err := os.Stat(path); err == nil {
		since = info.ModTime()
	}
	_, err = os.Stat(path + ".previous")
	return path, since, err == nil
}

func (m serverMachine) Certificates(ctx context.Context) ([]platform.ServedCertificate, error) {
	return m.c.proxy.Certificates(ctx)
}

func (m serverMachine) Copies(context.Context) []app.DatabaseCopy {
	var all []app.DatabaseCopy
	for _, c := range store.Copies(m.c.cfg.DataDir) {
		all = append(all, app.DatabaseCopy(c))
	}
	return all
}

func (m serverMachine) Copy(ctx context.Context) (app.DatabaseCopy, error) {
	path, err := m.c.store.Copy(ctx)
	if err != nil {
		return app.DatabaseCopy{}, err
	}
	for _, c := range store.Copies(m.c.cfg.DataDir) {
		if filepath.Base(c.Path) == filepath.Base(path) {
			return app.DatabaseCopy(c), nil
		}
	}
	return app.DatabaseCopy{Path: path, At: time.Now()}, nil
}

func (m serverMachine) Diagnose(ctx context.Context, to io.Writer, findings []observe.Finding) error {
	d, err := m.c.diagnosis(ctx, findings)
	if err != nil {
		return err
	}
	return d.Write(ctx, to)
}
