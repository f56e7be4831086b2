package main

import (
	"encoding/pem"
	"fmt"
	"net/http/cgi"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/lugsail/lugsail/internal/command"
	"github.com/lugsail/lugsail/internal/config"
	"github.com/lugsail/lugsail/internal/firewall"
	"github.com/lugsail/lugsail/internal/proxy"
	"github.com/lugsail/lugsail/internal/secret"
	"github.com/lugsail/lugsail/internal/store"
	"github.com/lugsail/lugsail/platform"
	"github.com/lugsail/lugsail/platform/app"
)

// wired is a control plane as it is wired, on an engine that is not there.
func wired(t *testing.T, dir, settings string) *control {
	t.Helper()
	file := filepath.Join(dir, "config.yaml")
	text := fmt.Sprintf("data_dir: %s/data\nrun_dir: %s/run\nlog_dir: %s/log\nkey_file: %s/key\ndocker_host: unix://%s/docker.sock\ninstance: test1234\n%s", dir, dir, dir, dir, dir, settings)
	must(t, os.WriteFile(file, []byte(text), 0o600))
	cfg, err := config.Load(config.Sources{File: file})
	must(t, err)
	must(t, os.MkdirAll(cfg.RunDir, 0o700))
	key, err := secret.LoadOrCreateKey(cfg.KeyFile)
	must(t, err)
	db, err := store.Open(t.Context(), store.Config{Dir: cfg.DataDir, Key: key})
	must(t, err)
	t.Cleanup(func() { must(t, db.Close()) })
	c := &control{cfg: cfg, store: db, firewall: firewall.New(firewallConfig(cfg), nil), proxy: proxy.NewClient(cfg.ControlSocket()), preparing: make(chan struct{}, 1)}
	for _, part := range []func() error{c.wireEngine, c.wireConductor, c.wireDoors} { // all but builds, which take a port of the machine
		must(t, part())
	}
	return c
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func git(t *testing.T, dir string, args ...string) string {
	t.Helper()
	out, err := command.Command{Name: "git", Args: args, Dir: dir, Env: []string{
		"HOME=" + dir, "GIT_CONFIG_NOSYSTEM=1", "GIT_AUTHOR_NAME=Ada", "GIT_AUTHOR_EMAIL=a@example.com", "GIT_COMMITTER_NAME=Ada", "GIT_COMMITTER_EMAIL=a@example.com",
	}}.Output(t.Context())
	must(t, err)
	return strings.TrimSpace(string(out))
}

// gitHost serves one repository by git itself over TLS, and gives its address and certificate.
func gitHost(t *testing.T, dir string) (url, roots string) {
	t.Helper()
	work, served := filepath.Join(dir, "work"), filepath.Join(dir, "served")
	must(t, os.MkdirAll(work, 0o700))
	git(t, work, "init", "-q", "-b", "main")
	must(t, os.WriteFile(filepath.Join(work, "index.html"), []byte("Hello"), 0o600))
	git(t, work, "add", ".")
	git(t, work, "commit", "-q", "-m", "First page")
	git(t, dir, "clone", "-q", "--bare", work, filepath.Join(served, "site.git"))
	host := httptest.NewTLSServer(&cgi.Handler{Path: filepath.Join(git(t, dir, "--exec-path"), "git-http-backend"), Root: "/", Dir: dir, Env: []string{
		"GIT_PROJECT_ROOT=" + served, "GIT_HTTP_EXPORT_ALL=1", "GIT_CONFIG_NOSYSTEM=1", "HOME=" + dir,
		"GIT_CONFIG_COUNT=1", "GIT_CONFIG_KEY_0=safe.directory", "GIT_CONFIG_VALUE_0=*",
	}})
	t.Cleanup(host.Close)
	roots = filepath.Join(dir, "roots.pem")
	must(t, os.WriteFile(roots, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: host.Certificate().Raw}), 0o600))
	return host.URL + "/site.git", roots
}

func TestServe_FetchesFromWhereTheSettingsAllowAndNowhereElseInside(t *testing.T) {
	address, roots := gitHost(t, t.TempDir())
	owner := platform.Actor{Name: "ada@example.com", Role: platform.RoleOwner, Via: "api"}
	bind := func(c *control) (platform.Remote, error) {
		a := platform.App{ID: platform.NewID(), Name: "shop", State: platform.AppActive, Plan: "nano"}
		must(t, c.store.CreateApp(t.Context(), &a))
		return c.apps.Bind(t.Context(), owner, "shop", address, "main")
	}
	closed := wired(t, t.TempDir(), "")
	if _, err := bind(closed); platform.AsError(err).Code != "url_refused" {
		t.Errorf("A41: %v", err)
	}
	if _, err := closed.fetch(t.Context(), platform.Source{Remote: address}, "", func(string) {}); platform.AsError(err).Code != "url_refused" {
		t.Errorf("A41: git itself came through: %v", err)
	}
	open := wired(t, t.TempDir(), fmt.Sprintf("outbound_allow: %s\nfetch_roots: %s\n", strings.Split(address, "/")[2], roots))
	remote, err := bind(open)
	must(t, err)
	var said []string
	src, err := open.conductor.Fetch(t.Context(), platform.Source{Remote: remote.URL, Branch: remote.Branch}, "", func(line string) { said = append(said, line) })
	must(t, err)
	page, err := os.ReadFile(filepath.Join(src.Dir, "index.html"))
	if err != nil || string(page) != "Hello" || src.Title != "First page" || len(said) != 2 {
		t.Errorf("%q, %v, %+v, said %q", page, err, src, said)
	}
	v, err := open.apps.TurnWebhookOn(t.Context(), owner, "shop")
	if err != nil || !strings.Contains(v.URL, app.WebhookPath) {
		t.Errorf("%+v, %v", v, err)
	}
}
