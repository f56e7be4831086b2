package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/lugsail/lugsail/internal/docker"
	"github.com/lugsail/lugsail/internal/firewall"
	"github.com/lugsail/lugsail/internal/proxy"
	"github.com/lugsail/lugsail/platform"
	"github.com/lugsail/lugsail/platform/app"
	"github.com/lugsail/lugsail/platform/observe"
)

func TestDiagnosis_HoldsNoSecretAndNoValueOfAConfigVar(t *testing.T) {
	const canary, older, password, link = "LGS-CANARY-7f3a9b", "of-the-release-5c1d", "pa55-of-the-database", "lwxnrsexjplxhlos5rRUd5"
	r := newAddressRig(t, "public_ip: 203.0.113.7\nacme_email: ada@example.com\ndatabase: postgres://lugsail:"+password+"@db.example.com/lugsail\n")
	c := r.control
	c.cfg.LogDir, c.cfg.RunDir, c.cfg.DataDir = t.TempDir(), t.TempDir(), t.TempDir()
	c.cfg.KeyFile = filepath.Join(filepath.Dir(r.file), "key")
	a := platform.App{ID: platform.NewID(), Name: "shop", State: platform.AppActive, Plan: "nano", CreatedAt: time.Now()}
	if err := r.store.CreateApp(t.Context(), &a); err != nil {
		t.Fatal(err)
	}
	for _, value := range []string{older, canary} { // the first stays in the release that serves
		if _, err := r.store.ReplaceConfigVars(t.Context(), platform.ConfigChange{AppID: a.ID}, func(vars map[string]string) error { vars["SECRET_KEY"] = value; return nil }); err != nil {
			t.Fatal(err)
		}
		if value == older {
			release := platform.Release{AppID: a.ID, Image: "x", Plan: "nano", ConfigVars: map[string]string{"SECRET_KEY": older}, CreatedAt: time.Now()}
			if err := r.store.AppendRelease(t.Context(), &release); err != nil {
				t.Fatal(err)
			}
			if _, err := r.store.UpdateApp(t.Context(), a.ID, func(a *platform.App) error { a.CurrentRelease = release.Number; return nil }); err != nil {
				t.Fatal(err)
			}
		}
	}
	for part, line := range map[string]string{
		"serve": "level=ERROR msg=\"env SECRET_KEY=" + canary + "\" older=" + older + "\nlevel=INFO msg=ready\n",
		"proxy": "GET /setup/" + link + " 200\nAuthorization: Bearer lgs_abcdef0123456789\nurl=https://ada:" + password + "@git.example.com/x\n",
	} {
		if err := os.WriteFile(filepath.Join(c.cfg.LogDir, part+".log"), []byte(line), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	var err error
	if c.engine, err = docker.New(docker.Config{Host: "unix://" + filepath.Join(c.cfg.RunDir, "none.sock"), Instance: "ltest1", Pool: c.cfg.AppPool.String()}); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.engine.Close() }() // nothing was written
	c.volumes = &volumes{Engine: c.engine, store: r.store}
	c.proxy, c.firewall = proxy.NewClient(filepath.Join(c.cfg.RunDir, "none.sock")), firewall.New(firewall.Config{}, nil)
	c.apps = &app.Service{Store: r.store, History: r.store, DiskMeter: &diskMeter{c: c}, Machine: serverMachine{c}, Now: time.Now}

	var packed bytes.Buffer
	if err := (serverMachine{c}).Diagnose(t.Context(), &packed, []observe.Finding{{Check: "engine", Level: observe.LevelBad, Text: "Docker does not answer."}}); err != nil {
		t.Fatal(err)
	}
	files := unpacked(t, packed.Bytes())
	for name, says := range map[string]string{
		"about.json": `"version"`, "findings.json": "Docker does not answer.", "settings.json": `"public_ip": "203.0.113.7"`, "services.json": `"running": false`,
		"log-serve.txt": "msg=ready", "log-proxy.txt": "GET /setup/[link] 200", "engine.json": "could not be told", "database.json": `"kind"`,
		"apps.json": a.ID, "disks.json": `"Total"`, "firewall.json": `"rules"`, "certificates.json": "could not be told",
	} {
		if !strings.Contains(files[name], says) {
			t.Errorf("%s does not say %q: %q", name, says, files[name])
		}
	}
	for name, text := range files {
		for _, secret := range []string{canary, older, password, link, "lgs_abcdef", "ada@example.com"} {
			if strings.Contains(text, secret) {
				t.Errorf("%s tells %s:\n%s", name, secret, text)
			}
		}
	}
}

func unpacked(t *testing.T, archive []byte) map[string]string {
	t.Helper()
	zipped, err := gzip.NewReader(bytes.NewReader(archive))
	if err != nil {
		t.Fatal(err)
	}
	files := map[string]string{}
	for packed := tar.NewReader(zipped); ; {
		h, err := packed.Next()
		if errors.Is(err, io.EOF) {
			return files
		}
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(packed)
		if err != nil {
			t.Fatal(err)
		}
		files[filepath.Base(h.Name)] = string(text)
	}
}
