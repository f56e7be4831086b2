package app_test

import (
	"context"
	"fmt"
	"io"
	"net/netip"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/lugsail/lugsail/internal/enginetest"
	"github.com/lugsail/lugsail/internal/secret"
	"github.com/lugsail/lugsail/internal/store"
	"github.com/lugsail/lugsail/platform"
	"github.com/lugsail/lugsail/platform/app"
	"github.com/lugsail/lugsail/platform/deploy"
	"github.com/lugsail/lugsail/platform/route"
)

var (
	owner  = platform.Actor{Name: "ada@example.com", Role: platform.RoleOwner, Via: "api"}
	viewer = platform.Actor{Name: "vic@example.com", Role: platform.RoleViewer, Via: "api"}
)

type proxy struct{}

func (proxy) Publish(context.Context, platform.RouteTable) error { return nil }

func (proxy) Status(context.Context) (platform.ProxyStatus, error) {
	return platform.ProxyStatus{}, nil
}

type journal struct{ *store.Store }

func (j journal) Writer(id string) (io.WriteCloser, error) { return j.Logs().Writer(id) }

// newService makes the application on a real store; its deployments are recorded and not walked.
func newService(t *testing.T) (*app.Service, *store.Store) {
	t.Helper()
	dir := t.TempDir()
	key, err := secret.LoadOrCreateKey(filepath.Join(dir, "key"))
	check(t, err)
	db, err := store.Open(t.Context(), store.Config{Dir: filepath.Join(dir, "data"), Key: key})
	check(t, err)
	t.Cleanup(func() { check(t, db.Close()) })
	hosts := func(name string) []string { return []string{name + ".example.com", name + ".localhost"} }
	engine := &enginetest.Fake{}
	return &app.Service{
		Store: db, History: db, Names: db, Remotes: db, Webhooks: db, Reachable: reachable, Progress: db.Logs(), Changes: db, Engine: engine,
		Conductor: &deploy.Conductor{Deployments: db, Apps: db, Journal: journal{db}, Now: time.Now},
		Routes:    &route.Service{Publisher: proxy{}, Store: db, Hosts: hosts}, Now: time.Now,
		Addresses: app.Addresses{Hosts: hosts, Consoles: []string{"console.example.com", "console.localhost"}, Port: 8443, IPs: []netip.Addr{netip.MustParseAddr("203.0.113.7")}, Ours: func(host string) bool { return host == "console.example.com" }},
	}, db
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func want(t *testing.T, err error, kind platform.Kind, code string) {
	t.Helper()
	if !platform.IsKind(err, kind) || platform.AsError(err).Code != code {
		t.Errorf("got %v, want %s %s", err, kind, code)
	}
}

// live gives an app a release that serves.
func live(t *testing.T, db *store.Store, name string, releases int) platform.App {
	t.Helper()
	a, err := db.AppByName(t.Context(), name)
	check(t, err)
	for range releases {
		d := platform.Deployment{AppID: a.ID, Kind: platform.DeployPush}
		check(t, db.CreateDeployment(t.Context(), &d, nil))
		_, err := db.ClaimDeployment(t.Context(), d.ID)
		check(t, err)
		r := platform.Release{AppID: a.ID, DeploymentID: d.ID, Image: "i", Plan: a.Plan, Processes: []platform.Process{{Type: "web"}}}
		check(t, db.AppendRelease(t.Context(), &r))
		check(t, db.CommitSwitch(t.Context(), a.ID, r.Number, d.ID))
	}
	a, err = db.AppByName(t.Context(), name)
	check(t, err)
	return a
}

func TestCreate(t *testing.T) {
	s, _ := newService(t)
	o, err := s.Create(t.Context(), owner, app.CreateRequest{Name: "shop"})
	check(t, err)
	if o.App.Plan != "micro" || o.URL != "https://shop.example.com:8443" || o.GitURL != "https://console.example.com:8443/git/shop.git" || o.Health.Word != "New" {
		t.Errorf("overview %+v", o)
	}
	_, err = s.Create(t.Context(), owner, app.CreateRequest{Name: "shop"})
	want(t, err, platform.Conflict, "app_exists")
	_, err = s.Create(t.Context(), owner, app.CreateRequest{Name: "Shop;id"})
	want(t, err, platform.Invalid, "app_name_invalid")
	_, err = s.Create(t.Context(), owner, app.CreateRequest{Name: "huge", Plan: "2xlarge"})
	want(t, err, platform.NoRoom, "does_not_fit")
	_, err = s.Create(t.Context(), owner, app.CreateRequest{Name: "odd", Plan: "gigantic"})
	want(t, err, platform.Invalid, "plan_unknown")
	_, err = s.Create(t.Context(), viewer, app.CreateRequest{Name: "blog"})
	want(t, err, platform.Forbidden, "forbidden")
}

func TestApp_OutOfSightIsNotFound(t *testing.T) {
	s, db := newService(t)
	for _, name := range []string{"shop", "blog"} {
		_, err := s.Create(t.Context(), owner, app.CreateRequest{Name: name, Plan: "pico"})
		check(t, err)
	}
	shop, err := db.AppByName(t.Context(), "shop")
	check(t, err)
	token := platform.Actor{Role: platform.RoleOwner, Scopes: []platform.Scope{platform.ScopeDeploy}, AppID: shop.ID}
	if list, err := s.Apps(t.Context(), token); err != nil || len(list) != 1 || list[0].App.Name != "shop" {
		t.Errorf("the token sees %d apps, %v", len(list), err)
	}
	_, err = s.App(t.Context(), token, "blog")
	want(t, err, platform.NotFound, "app_not_found")
	_, err = s.App(t.Context(), owner, "team=2) --")
	want(t, err, platform.NotFound, "app_not_found")
	_, err = s.ConfigVars(t.Context(), token, "shop")
	want(t, err, platform.Forbidden, "forbidden")
}

func TestSetConfigVars(t *testing.T) {
	s, db := newService(t)
	o, err := s.Create(t.Context(), owner, app.CreateRequest{Name: "shop"})
	check(t, err)
	d, err := s.SetConfigVars(t.Context(), owner, "shop", map[string]string{"A": "1", "B": "2"}, nil)
	if err != nil || d.Number != 0 {
		t.Errorf("before the first release: deployment %d, %v", d.Number, err)
	}
	first, err := s.Deploy(t.Context(), owner, o.App.ID, platform.Source{})
	check(t, err)
	d, err = s.SetConfigVars(t.Context(), owner, "shop", map[string]string{"B": "3"}, nil)
	if err != nil || d.Number != first.Number+1 {
		t.Errorf("during the first deployment, which may have the old values: deployment %d, %v", d.Number, err)
	}
	for _, waits := range []platform.Deployment{first, d} {
		_, err = s.Cancel(t.Context(), owner, "shop", waits.Number)
		check(t, err)
	}
	live(t, db, "shop", 1)
	d, err = s.SetConfigVars(t.Context(), owner, "shop", map[string]string{"A": "LGS-CANARY"}, []string{"B"})
	if err != nil || d.Kind != platform.DeployConfig || !strings.Contains(d.Cause, "A, B") {
		t.Errorf("deployment %+v, %v", d, err)
	}
	d, err = s.SetConfigVars(t.Context(), owner, "shop", map[string]string{"A": "LGS-CANARY"}, nil)
	if err != nil || d.Number != 0 {
		t.Errorf("nothing changed, yet deployment %d, %v", d.Number, err)
	}
	_, err = s.SetConfigVars(t.Context(), owner, "shop", map[string]string{"PORT": "1"}, nil)
	want(t, err, platform.Invalid, "config_name_reserved")
	events, err := s.Events(t.Context(), owner, "shop", 0, 50)
	check(t, err)
	for _, e := range events {
		if strings.Contains(e.Text, "CANARY") {
			t.Errorf("A73: an event tells a value: %s", e.Text)
		}
	}
}

func TestGitDoor_AnAppThatIsNotThereCanBeCreated(t *testing.T) {
	s, _ := newService(t)
	_, err := app.GitDoor{Service: s}.App(t.Context(), owner, "nosuch", true)
	want(t, err, platform.NotFound, "app_not_found")
	if e := platform.AsError(err); !strings.Contains(e.Hint, "lugsail create nosuch") {
		t.Error(e.Hint)
	}
}

func TestRollback(t *testing.T) {
	s, db := newService(t)
	_, err := s.Create(t.Context(), owner, app.CreateRequest{Name: "shop"})
	check(t, err)
	_, err = s.Rollback(t.Context(), owner, "shop", 0)
	want(t, err, platform.Conflict, "nothing_before")
	live(t, db, "shop", 3)
	_, err = s.Rollback(t.Context(), owner, "shop", 3)
	want(t, err, platform.Conflict, "release_serves")
	_, err = s.Rollback(t.Context(), owner, "shop", 9)
	want(t, err, platform.NotFound, "release_not_found")
	d, err := s.Rollback(t.Context(), owner, "shop", 0)
	if err != nil || d.FromRelease != 2 {
		t.Errorf("back to v%d, %v; want v2", d.FromRelease, err)
	}
}

func TestRollback_OnlyToWhatWasLive(t *testing.T) {
	s, db := newService(t)
	_, err := s.Create(t.Context(), owner, app.CreateRequest{Name: "shop"})
	check(t, err)
	live(t, db, "shop", 1)
	sick(t, db, "shop") // v2
	live(t, db, "shop", 1)
	sick(t, db, "shop") // v4
	for _, release := range []int{2, 4} {
		_, err = s.Rollback(t.Context(), owner, "shop", release)
		want(t, err, platform.Conflict, "release_never_live")
		if e := platform.AsError(err); !strings.Contains(e.Hint, "lugsail rollback v1") {
			t.Errorf("the good one is not named: %s", e.Hint)
		}
	}
	releases, err := s.Releases(t.Context(), owner, "shop", 0, 10)
	check(t, err)
	var states []string
	for _, r := range releases {
		states = append(states, string(r.State))
	}
	if got := strings.Join(states, " "); got != "failed live failed live" {
		t.Errorf("the releases are %s", got)
	}
}

// sick gives an app a release that never became live.
func sick(t *testing.T, db *store.Store, name string) {
	t.Helper()
	a, err := db.AppByName(t.Context(), name)
	check(t, err)
	d := platform.Deployment{AppID: a.ID, Kind: platform.DeployPush}
	check(t, db.CreateDeployment(t.Context(), &d, nil))
	check(t, db.AppendRelease(t.Context(), &platform.Release{AppID: a.ID, DeploymentID: d.ID, Image: "i", Plan: a.Plan}))
	_, err = db.UpdateDeployment(t.Context(), d.ID, func(d *platform.Deployment) error {
		d.State = platform.DeploymentFailed
		return nil
	})
	check(t, err)
}

func TestLedger_CountsThePlanOfWhatServes(t *testing.T) {
	s, db := newService(t) // 4 GB, of which 3.6 may be promised
	for name, plan := range map[string]string{"shop": "small", "blog": "pico"} {
		_, err := s.Create(t.Context(), owner, app.CreateRequest{Name: name, Plan: plan})
		check(t, err)
	}
	live(t, db, "shop", 1)
	free := func() int64 {
		t.Helper()
		capacity, err := s.Plans(t.Context(), owner)
		check(t, err)
		return capacity.Free
	}
	before, nano, small := free(), "nano", "small"
	_, err := s.Configure(t.Context(), owner, "shop", app.Settings{Plan: &nano})
	check(t, err)
	if now := free(); now != before {
		t.Errorf("%d bytes became free although the larger release still serves", now-before)
	}
	live(t, db, "shop", 1)
	if now := free(); now != before+3<<29 {
		t.Errorf("%d bytes became free when the smaller one went live, want 1.5 GB", now-before)
	}
	_, err = s.Configure(t.Context(), owner, "blog", app.Settings{Plan: &small})
	check(t, err)
	_, err = s.Rollback(t.Context(), owner, "shop", 1)
	want(t, err, platform.NoRoom, "does_not_fit")
}

// branch gives an empty tree.
type branch struct{ t *testing.T }

func (b branch) Export(context.Context, platform.App) (platform.Source, error) {
	return platform.Source{Dir: b.t.TempDir(), Commit: strings.Repeat("a", 40), Branch: "main"}, nil
}

func (b branch) Tip(context.Context, platform.App) (string, error) {
	return strings.Repeat("a", 40), nil
}

func (b branch) Begin(_ context.Context, _ platform.App, src platform.Source) (platform.Source, error) {
	return src, nil
}

func TestRedeploy_NeverOvertakesANewerPush(t *testing.T) {
	s, db := newService(t)
	s.Sources = branch{t}
	o, err := s.Create(t.Context(), owner, app.CreateRequest{Name: "shop"})
	check(t, err)
	live(t, db, "shop", 1)
	pushed, err := s.Deploy(t.Context(), owner, o.App.ID, platform.Source{Commit: strings.Repeat("b", 40)})
	check(t, err)
	_, err = s.Redeploy(t.Context(), owner, "shop", false)
	want(t, err, platform.Conflict, "push_under_way")
	_, err = s.Cancel(t.Context(), owner, "shop", pushed.Number)
	check(t, err)
	d, err := s.Redeploy(t.Context(), owner, "shop", false)
	if err != nil || d.Cause != "deploy of aaaaaaa" {
		t.Errorf("deployment %+v, %v", d, err)
	}
}

func TestScaleAndConfigure(t *testing.T) {
	s, db := newService(t)
	_, err := s.Create(t.Context(), owner, app.CreateRequest{Name: "shop", Plan: "nano"})
	check(t, err)
	live(t, db, "shop", 1)
	_, err = s.Scale(t.Context(), owner, "shop", platform.Scale{"web": 21})
	want(t, err, platform.Invalid, "scale_out_of_range")
	_, err = s.Scale(t.Context(), owner, "shop", platform.Scale{"worker": 1})
	want(t, err, platform.Invalid, "process_unknown")
	_, err = s.Scale(t.Context(), owner, "shop", platform.Scale{"web": 20})
	want(t, err, platform.NoRoom, "does_not_fit")
	d, err := s.Scale(t.Context(), owner, "shop", platform.Scale{"web": 2})
	if err != nil || d.Kind != platform.DeployScale {
		t.Errorf("deployment %+v, %v", d, err)
	}
	small, branch := "small", "release"
	if d, err = s.Configure(t.Context(), owner, "shop", app.Settings{DeployBranch: &branch}); err != nil || d.Number != 0 {
		t.Errorf("a branch needs no deployment: %d, %v", d.Number, err)
	}
	_, err = s.Configure(t.Context(), owner, "shop", app.Settings{Plan: &small}) // 2 × 2 GB do not fit 3.6
	want(t, err, platform.NoRoom, "does_not_fit")
	bad := "--upload-pack=x"
	_, err = s.Configure(t.Context(), owner, "shop", app.Settings{DeployBranch: &bad})
	want(t, err, platform.Invalid, "branch_invalid")
}

func TestDomains(t *testing.T) {
	s, _ := newService(t)
	for _, name := range []string{"shop", "blog"} {
		_, err := s.Create(t.Context(), owner, app.CreateRequest{Name: name, Plan: "pico"})
		check(t, err)
	}
	d, advice, err := s.AddDomain(t.Context(), owner, "shop", "Shop.Example.ORG")
	if err != nil || d.Host != "shop.example.org" || advice.Value != "203.0.113.7" || advice.Here {
		t.Errorf("%+v, %+v, %v", d, advice, err)
	}
	_, _, err = s.AddDomain(t.Context(), owner, "blog", "shop.example.org")
	want(t, err, platform.Conflict, "domain_taken")
	if _, _, err = s.AddDomain(t.Context(), owner, "shop", "shop.example.org"); !strings.Contains(platform.AsError(err).Message, "has the domain shop.example.org already") {
		t.Errorf("its own once more: %v", err)
	}
	_, _, err = s.AddDomain(t.Context(), owner, "blog", "console.example.com")
	want(t, err, platform.Conflict, "domain_taken")
	check(t, s.RemoveDomain(t.Context(), owner, "shop", " SHOP.example.org."))
	left, err := s.Domains(t.Context(), owner, "shop")
	if err != nil || len(left) > 0 {
		t.Errorf("left are %v, %v", left, err)
	}
}

func TestRename_ChangesNameAndAddressAndNothingElse(t *testing.T) {
	s, db := newService(t)
	for _, name := range []string{"shop", "blog"} {
		_, err := s.Create(t.Context(), owner, app.CreateRequest{Name: name})
		check(t, err)
	}
	before, err := db.AppByName(t.Context(), "shop")
	check(t, err)
	_, err = s.Rename(t.Context(), owner, "shop", "blog")
	want(t, err, platform.Conflict, "app_exists")
	_, err = s.Rename(t.Context(), owner, "shop", "Shop;id")
	want(t, err, platform.Invalid, "app_name_invalid")
	o, err := s.Rename(t.Context(), owner, "shop", "store")
	if err != nil || o.App.Name != "store" || !strings.Contains(o.URL, "store.") || !strings.HasSuffix(o.GitURL, "/git/store.git") {
		t.Errorf("%+v, %v", o, err)
	}
	after, err := db.AppByID(t.Context(), before.ID)
	check(t, err)
	after.Name = before.Name
	if !reflect.DeepEqual(before, after) {
		t.Errorf("before %+v, after %+v", before, after)
	}
	_, err = s.App(t.Context(), owner, "shop")
	want(t, err, platform.NotFound, "app_not_found")
}

func TestA73_LogsHideTheValuesOfConfigVars(t *testing.T) {
	s, _ := newService(t)
	o, err := s.Create(t.Context(), owner, app.CreateRequest{Name: "shop"})
	check(t, err)
	s.Hide = func(_ context.Context, appID string) (func(string) string, error) {
		if appID != o.App.ID {
			t.Errorf("values of %s", appID)
		}
		return secret.Lines([]string{"LGS-CANARY-value"}), nil
	}
	engine := s.Engine.(*enginetest.Fake)
	_, err = engine.Start(t.Context(), platform.ReplicaSpec{
		AppID: o.App.ID, App: "shop", Release: 1, Process: "web", Index: 1, Image: "i", Port: 8080, Plan: platform.Plan{Memory: 1 << 20},
	})
	check(t, err)
	replicas, err := engine.Replicas(t.Context(), o.App.ID)
	check(t, err)
	engine.Say(replicas[0].ID, "stdout", "token=LGS-CANARY-value;")
	for _, follow := range []bool{false, true} {
		ctx, cancel := context.WithCancel(t.Context())
		var lines []string
		err = s.Logs(ctx, viewer, "shop", app.LogOptions{Tail: 10, Follow: follow}, func(l platform.LogLine) error {
			lines = append(lines, l.Text)
			cancel()
			return nil
		})
		cancel()
		if err != nil || len(lines) != 1 || lines[0] != "token="+secret.Redacted+";" {
			t.Errorf("following %v: %q, %v", follow, lines, err)
		}
	}
}

func TestLogs_HoldTheNewestLinesOfAllReplicasWithinABound(t *testing.T) {
	s, _ := newService(t)
	o, err := s.Create(t.Context(), owner, app.CreateRequest{Name: "shop"})
	check(t, err)
	engine := s.Engine.(*enginetest.Fake)
	var ids []string
	for i := range 2 {
		r, err := engine.Start(t.Context(), platform.ReplicaSpec{AppID: o.App.ID, App: "shop", Release: 1, Process: "web", Index: i + 1, Image: "i", Port: 8080})
		check(t, err)
		ids = append(ids, r.ID)
	}
	read := func(tail int) (lines []platform.LogLine, bytes int) {
		check(t, s.Logs(t.Context(), owner, "shop", app.LogOptions{Tail: tail}, func(l platform.LogLine) error {
			lines, bytes = append(lines, l), bytes+len(l.Text)
			return nil
		}))
		return lines, bytes
	}
	for _, text := range []string{"1", "2", "3", "4"} {
		engine.Say(ids[len(text)%2], "", text)
		engine.Say(ids[0], "", text)
	}
	if lines, _ := read(3); len(lines) != 3 || lines[2].Text != "4" || lines[0].At.After(lines[1].At) {
		t.Errorf("got %+v", lines)
	}
	for range 700 {
		engine.Say(ids[1], "", strings.Repeat("x", 16<<10))
	}
	engine.Say(ids[0], "", "the last")
	lines, bytes := read(10000)
	if bytes > 8<<20 || bytes < 7<<20 || lines[len(lines)-1].Text != "the last" {
		t.Errorf("%d lines, %d bytes, the last %.20q", len(lines), bytes, lines[len(lines)-1].Text)
	}
}

func TestDeployments_TellWhichOneServes(t *testing.T) {
	s, db := newService(t)
	_, err := s.Create(t.Context(), owner, app.CreateRequest{Name: "shop", Plan: "pico"})
	check(t, err)
	live(t, db, "shop", 2)
	all, err := s.DeploymentsLike(t.Context(), viewer, "shop", platform.DeploymentFilter{}, 0, 10)
	check(t, err)
	if len(all) != 2 || all[0].Word() != "Live" || all[1].Word() != "Was live" || all[1].State != platform.DeploymentLive {
		t.Errorf("%+v", all)
	}
	first, err := s.Deployment(t.Context(), viewer, "shop", 1)
	check(t, err)
	second, err := s.FollowDeployment(t.Context(), viewer, "shop", 2, 0, func(app.Progress) error { return nil })
	check(t, err)
	if o, err := s.App(t.Context(), viewer, "shop"); err != nil || first.Serves || !second.Serves || !o.Latest.Serves {
		t.Errorf("%v, %v, %+v %v", first.Serves, second.Serves, o.Latest, err)
	}
}

func TestLogs_HaveTheLastLinesOfReplicasThatAreGone(t *testing.T) {
	s, db := newService(t)
	o, err := s.Create(t.Context(), owner, app.CreateRequest{Name: "shop"})
	check(t, err)
	began := time.Now().Add(-time.Minute)
	log, err := db.Logs().Writer(platform.AppLog(o.App.ID))
	check(t, err)
	for i, l := range []platform.LogLine{{Replica: "web.1", Release: 1, Stream: "stderr", Text: "a\x1fb died"}, {Replica: "worker.1", Release: 1, Stream: "stdout", Text: "worked"}} {
		l.At = began.Add(time.Duration(i) * time.Second)
		_, err := io.WriteString(log, platform.KeptLine(l)+"\n")
		check(t, err)
	}
	_, err = io.WriteString(log, "web.1 of v1 is stopped\n")
	check(t, err)
	check(t, log.Close())
	engine := s.Engine.(*enginetest.Fake)
	r, err := engine.Start(t.Context(), platform.ReplicaSpec{AppID: o.App.ID, App: "shop", Release: 2, Process: "web", Index: 1, Image: "i", Port: 8080})
	check(t, err)
	engine.Say(r.ID, "stdout", "hello")
	for _, c := range []struct {
		options app.LogOptions
		want    string
	}{
		{app.LogOptions{Tail: 10}, "web.1 1 a\x1fb died|worker.1 1 worked|lugsail 0 web.1 of v1 is stopped|web.1 2 hello|"},
		{app.LogOptions{Tail: 10, Process: "web"}, "web.1 1 a\x1fb died|web.1 2 hello|"},
		{app.LogOptions{Tail: 10, Release: 1}, "web.1 1 a\x1fb died|worker.1 1 worked|"},
		{app.LogOptions{Tail: 10, Contains: "DIED"}, "web.1 1 a\x1fb died|"},
		{app.LogOptions{Tail: 10, Process: "lugsail"}, "lugsail 0 web.1 of v1 is stopped|"},
		{app.LogOptions{Tail: 1}, "web.1 2 hello|"},
	} {
		got := ""
		check(t, s.Logs(t.Context(), owner, "shop", c.options, func(l platform.LogLine) error {
			got += fmt.Sprintf("%s %d %s|", l.Replica, l.Release, l.Text)
			return nil
		}))
		if got != c.want {
			t.Errorf("%+v: %q, want %q", c.options, got, c.want)
		}
	}
}
