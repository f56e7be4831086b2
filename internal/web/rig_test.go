package web

import (
	"cmp"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/lugsail/lugsail/internal/passkey"
	"github.com/lugsail/lugsail/internal/secret"
	"github.com/lugsail/lugsail/internal/store"
	"github.com/lugsail/lugsail/platform"
	"github.com/lugsail/lugsail/platform/account"
	"github.com/lugsail/lugsail/platform/app"
	"github.com/lugsail/lugsail/platform/backup"
	"github.com/lugsail/lugsail/platform/deploy"
	routing "github.com/lugsail/lugsail/platform/route"
)

const (
	testHost     = "console.example.test"
	localHost    = "console.localhost"
	testEmail    = "ada@example.test"
	testPassword = "correct horse battery"
	testSSH      = "SHA256:hostkey"    // fingerprint of the SSH host key
	canary       = "LGS-CANARY-7f3a9b" // the value of a config var; it may leave through few doors
)

// rig is the whole server over a real store, a real account service and a real
// application service. Deployments are only recorded: nothing walks them but the test.
type rig struct {
	t        testing.TB
	dir      string
	store    *store.Store
	accounts *account.Service
	apps     *app.Service
	engine   *engine
	server   *Server
	owner    platform.Actor
	session  string // of the owner's browser
	uploads  string // the directory of uploads; that of sources lies beside it

	undescribed bool // handlers are stood in for, so answers are not as the API describes them
}

// engine tells of replicas and the machine, as Docker would.
type engine struct {
	replicas []platform.Replica
	lines    []platform.LogLine
	memory   int64 // of the machine; 4 GB when zero
}

func (e *engine) Replicas(_ context.Context, appID string) ([]platform.Replica, error) {
	var found []platform.Replica
	for _, r := range e.replicas {
		if appID == "" || r.AppID == appID {
			found = append(found, r)
		}
	}
	return found, nil
}

func (e *engine) Logs(ctx context.Context, _ string, _ int, follow bool, fn func(platform.LogLine) error) error {
	for _, l := range e.lines {
		if err := fn(l); err != nil {
			return err
		}
	}
	if follow {
		<-ctx.Done()
	}
	return nil
}

func (e *engine) Capacity(context.Context) (int64, int, error) {
	return cmp.Or(e.memory, 4<<30), 2, nil
}

func newRig(t testing.TB) *rig {
	t.Helper()
	r := newUnclaimedRig(t)
	ctx := t.Context()
	token, err := r.accounts.IssueSetupLink(ctx)
	must(t, err)
	r.session, err = r.accounts.Claim(ctx, token, testEmail, testPassword, "198.51.100.9", "Test Browser")
	must(t, err)
	r.owner, _, err = r.accounts.Session(ctx, r.session, "198.51.100.9")
	must(t, err)
	return r
}

func newUnclaimedRig(t testing.TB) *rig {
	t.Helper()
	dir := t.TempDir()
	key, err := secret.LoadOrCreateKey(filepath.Join(dir, "key"))
	must(t, err)
	s, err := store.Open(t.Context(), store.Config{Dir: filepath.Join(dir, "data"), Key: key})
	must(t, err)
	t.Cleanup(func() { must(t, s.Close()) })
	r := &rig{t: t, dir: dir, uploads: filepath.Join(dir, "uploads"), store: s, engine: &engine{}, accounts: account.New(s, secret.NewPasswords(), secret.Codes{}, passkey.Passkeys{})}
	r.apps = r.service()
	r.server, err = New(Config{
		Socket: shortPath(t, "web.sock"), Hosts: func() []string { return []string{testHost, localHost} },
		Version: "test",
	}, Deps{
		Apps: r.apps, Accounts: r.accounts, Directory: s, Ready: s.Ping, CA: testCA, SSH: func() string { return testSSH }, Onces: s,
		Git: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, "git "+r.URL.Path) }),
		Log: slog.New(slog.DiscardHandler),
	})
	must(t, err)
	r.watchBodies()
	return r
}

func (r *rig) service() *app.Service {
	return &app.Service{
		BackupRows: r.store, Backuper: &backup.Service{Store: r.store, Now: time.Now}, BackupLogin: noLogin{},
		Store: r.store, History: r.store, Names: r.store, Remotes: r.store, Webhooks: r.store, Volumes: r.store, Snapshots: r.store, Shelf: shelf{}, Directories: directories{}, Files: r.files(), Reachable: reachable, Progress: r.store.Logs(), Changes: r.store, Engine: r.engine, Now: time.Now,
		Conductor: &deploy.Conductor{Deployments: r.store, Apps: r.store, Journal: journal{r.store}, Now: time.Now},
		Routes:    &routing.Service{Store: r.store, Hosts: testHosts},
		Uploads:   r.uploadDoor(),
		Images:    r.images(),
		Sources:   branch{t: r.t},
		Addresses: app.Addresses{
			Hosts: testHosts, Consoles: []string{testHost, localHost}, Port: 443, IPs: []netip.Addr{netip.MustParseAddr("203.0.113.7")},
			Ours: func(host string) bool { return strings.HasSuffix(host, ".example.test") },
		},
	}
}

// directories have nothing in them.
type directories struct{}

func (directories) RemoveVolume(context.Context, string) error     { return nil }
func (directories) VolumeSize(id string) (bytes int64, known bool) { return 4096, true }

// journal is where deployments write what people read later.
type journal struct{ *store.Store }

func (j journal) Writer(id string) (io.WriteCloser, error) { return j.Logs().Writer(id) }

func testHosts(name string) []string { return []string{name + ".example.test", name + ".localhost"} }

func testCA(context.Context) ([]byte, error) {
	return []byte("-----BEGIN CERTIFICATE-----\nAAEC\n-----END CERTIFICATE-----\n"), nil
}

// serving makes an app with a release that serves, one replica, a config var and two deployments.
func (r *rig) serving(name string) platform.App {
	r.t.Helper()
	ctx := r.t.Context()
	_, err := r.apps.Create(ctx, r.owner, app.CreateRequest{Name: name, Plan: "nano"})
	must(r.t, err)
	_, err = r.apps.SetConfigVars(ctx, r.owner, name, map[string]string{"SECRET_KEY": canary}, nil)
	must(r.t, err)
	a, err := r.store.AppByName(ctx, name)
	must(r.t, err)
	d := r.deployment(a, "Say hello", "first line", "second line", "third line")
	vars, err := r.store.ConfigVars(ctx, a.ID)
	must(r.t, err)
	release := platform.Release{
		AppID: a.ID, DeploymentID: d.ID, Cause: d.Cause, Image: "127.0.0.1:5005/apps/x@sha256:00", Plan: "nano",
		Processes: []platform.Process{{Type: "web", Command: "node server.js"}}, ConfigVars: vars,
		Commit: "1a2b3c4d5e6f", CommitTitle: "Say hello", CreatedAt: time.Now(), CreatedBy: testEmail,
	}
	must(r.t, r.store.AppendRelease(ctx, &release))
	must(r.t, r.store.CommitSwitch(ctx, a.ID, release.Number, d.ID))
	r.engine.replicas = append(r.engine.replicas, platform.Replica{
		ID: name + "-1", AppID: a.ID, App: name, Release: release.Number, Process: "web", Index: 1,
		State: platform.ReplicaRunning, Port: 8080, CreatedAt: time.Now(), StartedAt: time.Now(),
	})
	a, err = r.store.AppByName(ctx, name)
	must(r.t, err)
	return a
}

// deployment records a push that runs, with these lines in its log.
func (r *rig) deployment(a platform.App, title string, lines ...string) platform.Deployment {
	r.t.Helper()
	ctx := r.t.Context()
	d := platform.Deployment{
		ID: platform.NewID(), AppID: a.ID, Kind: platform.DeployPush, State: platform.DeploymentWaiting,
		Cause: "push of 1a2b3c4", Source: platform.Source{Commit: "1a2b3c4d5e6f", Title: title, Branch: "main"},
		Actor: testEmail, Via: "git", CreatedAt: time.Now(),
	}
	must(r.t, r.store.CreateDeployment(ctx, &d, []platform.StepName{platform.StepBuild, platform.StepRelease, platform.StepSwitch}))
	_, err := r.store.ClaimDeployment(ctx, d.ID)
	must(r.t, err)
	r.log(d, lines...)
	return d
}

func (r *rig) log(d platform.Deployment, lines ...string) {
	r.t.Helper()
	w, err := r.store.Logs().Writer(d.ID)
	must(r.t, err)
	for _, l := range lines {
		_, err := io.WriteString(w, l+"\n")
		must(r.t, err)
	}
	must(r.t, w.Close())
}

func (r *rig) end(d platform.Deployment, state platform.DeploymentState, change func(*platform.Deployment)) {
	r.t.Helper()
	_, err := r.store.UpdateDeployment(r.t.Context(), d.ID, func(d *platform.Deployment) error {
		now := time.Now()
		d.State, d.EndedAt = state, &now
		if change != nil {
			change(d)
		}
		return nil
	})
	must(r.t, err)
}

// token makes an API token of the owner.
func (r *rig) token(appID string, scopes ...platform.Scope) string {
	r.t.Helper()
	secret, _, err := r.accounts.CreateToken(r.t.Context(), r.owner, "test", scopes, appID, 0)
	must(r.t, err)
	return secret
}

// viewer makes an account that may only look, and signs it in.
func (r *rig) viewer() (session string) { return r.signedIn("vic@example.test", platform.RoleViewer) }

// signedIn makes an account and signs it in.
func (r *rig) signedIn(email string, role platform.Role) (session string) {
	r.t.Helper()
	ctx := r.t.Context()
	hash, err := secret.NewPasswords().Hash(ctx, testPassword)
	must(r.t, err)
	must(r.t, r.store.CreateAccount(ctx, &platform.Account{
		ID: platform.NewID(), Email: email, PasswordHash: hash, Role: role, CreatedAt: time.Now(),
	}))
	session, err = r.accounts.Login(ctx, email, testPassword, "", "198.51.100.8", "Another Browser")
	must(r.t, err)
	return session
}

// ask is one request as the proxy hands it over.
type ask struct {
	method, path string
	token        string
	session      string
	json         string
	form         url.Values
	header       http.Header
	host         string
}

type answer struct {
	*http.Response
	body string
}

func (r *rig) do(a ask) answer {
	r.t.Helper()
	w := httptest.NewRecorder()
	r.server.Handler().ServeHTTP(w, a.request(r.t.Context()))
	res := w.Result()
	got := answer{Response: res, body: w.Body.String()}
	r.checkAnswer(a, got)
	return got
}

func (a ask) request(ctx context.Context) *http.Request {
	if a.method == "" {
		a.method = http.MethodGet
	}
	body, kind := a.json, "application/json"
	if a.form != nil {
		body, kind = a.form.Encode(), "application/x-www-form-urlencoded"
	}
	req := httptest.NewRequestWithContext(ctx, a.method, a.path, strings.NewReader(body))
	req.Host = testHost
	if a.host != "" {
		req.Host = a.host
	}
	req.Header.Set("X-Forwarded-For", "198.51.100.9")
	if body != "" {
		req.Header.Set("Content-Type", kind)
	}
	if a.token != "" {
		req.Header.Set("Authorization", "Bearer "+a.token)
	}
	if a.session != "" {
		req.AddCookie(&http.Cookie{Name: "__Host-lugsail", Value: a.session})
	}
	for name, values := range a.header {
		req.Header[name] = values
	}
	return req
}

func (a answer) decode(t testing.TB, v any) {
	t.Helper()
	if err := json.Unmarshal([]byte(a.body), v); err != nil {
		t.Fatalf("answer %d is not JSON: %v\n%s", a.StatusCode, err, a.body)
	}
}

// code is the problem's code, "" when the answer is none.
func (a answer) code() string {
	var p struct{ Code, Message string }
	_ = json.Unmarshal([]byte(a.body), &p) // no problem is fine
	return p.Code
}

func (a answer) want(t testing.TB, status int) answer {
	t.Helper()
	if a.StatusCode != status {
		t.Fatalf("answer %d, want %d\n%s", a.StatusCode, status, a.body)
	}
	return a
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// inDatabase looks for bytes in the files of the store.
func (r *rig) inDatabase(text string) bool {
	r.t.Helper()
	files, err := filepath.Glob(filepath.Join(r.dir, "data", "*"))
	must(r.t, err)
	for _, f := range files {
		content, err := os.ReadFile(f)
		if err == nil && strings.Contains(string(content), text) {
			return true
		}
	}
	return false
}

// shortPath is in a directory whose name does not grow with the test's: a socket's path has 107 bytes.
func shortPath(t testing.TB, name string) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "web")
	must(t, err)
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return filepath.Join(dir, name)
}

// noLogin has a key that no SFTP server knows.
type noLogin struct{}

func (noLogin) PublicKey() (string, error) { return "ssh-ed25519 AAAA lugsail-backups", nil }
func (noLogin) ForgetHost() error          { return nil }
