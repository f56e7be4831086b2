package store

import (
	"context"
	"encoding/base64"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/lugsail/lugsail/platform"
)

// testKey seals by turning bits over and holding purpose and aad: enough to see a moved value.
type testKey struct{}

func (testKey) Seal(purpose, aad string, plain []byte) (string, error) {
	b := []byte(purpose + "\x00" + aad + "\x00" + string(plain))
	for i := range b {
		b[i] ^= 0xa5
	}
	return base64.StdEncoding.EncodeToString(b), nil
}

func (testKey) Open(purpose, aad, sealed string) ([]byte, error) {
	b, err := base64.StdEncoding.DecodeString(sealed)
	if err != nil {
		return nil, err
	}
	for i := range b {
		b[i] ^= 0xa5
	}
	plain, ok := strings.CutPrefix(string(b), purpose+"\x00"+aad+"\x00")
	if !ok {
		return nil, errors.New("sealed for another place")
	}
	return []byte(plain), nil
}

func openTest(t *testing.T, dir string) *Store {
	t.Helper()
	s, err := Open(t.Context(), Config{Dir: dir, Key: testKey{}})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// newTest gives a store on SQLite, or on PostgreSQL in the second run.
func newTest(t *testing.T) *Store {
	t.Helper()
	if onPostgres() {
		return newPostgres(t, newDatabase(t))
	}
	return newSQLite(t)
}

func newSQLite(t *testing.T) *Store {
	t.Helper()
	return closing(t, openTest(t, t.TempDir()))
}

func newDatabase(t *testing.T) string {
	t.Helper()
	address, err := server.Database(t.Context())
	must(t, err)
	return address
}

func newPostgres(t *testing.T, address string) *Store {
	t.Helper()
	s, err := Open(t.Context(), Config{Dir: t.TempDir(), Key: testKey{}, Database: address})
	must(t, err)
	return closing(t, s)
}

func closing(t *testing.T, s *Store) *Store {
	t.Helper()
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func newApp(t *testing.T, s *Store, name string) platform.App {
	t.Helper()
	app := platform.App{Name: name, State: platform.AppActive, Plan: "micro", Scale: platform.Scale{"web": 2}, CreatedBy: "ada@example.com"}
	if err := s.CreateApp(t.Context(), &app); err != nil {
		t.Fatal(err)
	}
	return app
}

func wantKind(t *testing.T, err error, kind platform.Kind, code string) {
	t.Helper()
	var e *platform.Error
	if !errors.As(err, &e) || e.Kind != kind || e.Code != code {
		t.Fatalf("got %v (%+v), want %s %s", err, e, kind, code)
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestApps_AreKeptWholeAndSortedByName(t *testing.T) {
	s := newTest(t)
	b := newApp(t, s, "bravo")
	a := newApp(t, s, "alpha")
	got, err := s.AppByName(t.Context(), "bravo")
	must(t, err)
	if got.ID != b.ID || got.Scale["web"] != 2 || !got.CreatedAt.Equal(b.CreatedAt) || got.CreatedAt.Location() != time.UTC {
		t.Fatalf("got %+v, want %+v", got, b)
	}
	apps, err := s.Apps(t.Context())
	must(t, err)
	if len(apps) != 2 || apps[0].ID != a.ID {
		t.Fatalf("got %+v", apps)
	}
	if _, err := s.AppByName(t.Context(), ""); !platform.IsKind(err, platform.NotFound) {
		t.Fatalf("an empty name found something: %v", err)
	}
	for _, id := range []string{"", "alpha=1) --", "1 OR 1=1"} {
		_, err := s.AppByID(t.Context(), id)
		wantKind(t, err, platform.NotFound, "app_not_found")
	}
}

func TestApps_NameInUseIsAConflictWithAHint(t *testing.T) {
	s := newTest(t)
	newApp(t, s, "shop")
	err := s.CreateApp(t.Context(), &platform.App{Name: "shop", State: platform.AppActive, Plan: "micro"})
	wantKind(t, err, platform.Conflict, "app_exists")
	if platform.AsError(err).Hint == "" {
		t.Fatal("no hint")
	}
	other := newApp(t, s, "other")
	_, err = s.UpdateApp(t.Context(), other.ID, func(a *platform.App) error { a.Name = "shop"; return nil })
	wantKind(t, err, platform.Conflict, "app_exists")
}

func TestUpdateApp_WritesZeroValuesAndUndoesOnError(t *testing.T) {
	s := newTest(t)
	app := newApp(t, s, "shop")
	refused := errors.New("no")
	_, err := s.UpdateApp(t.Context(), app.ID, func(a *platform.App) error { a.Plan = "large"; return refused })
	if !errors.Is(err, refused) {
		t.Fatal(err)
	}
	got, err := s.UpdateApp(t.Context(), app.ID, func(a *platform.App) error {
		if a.Plan != "micro" {
			t.Errorf("the refused change stayed: %s", a.Plan)
		}
		a.ID, a.Scale, a.CreatedBy = "stolen", nil, ""
		return nil
	})
	must(t, err)
	read, err := s.AppByID(t.Context(), app.ID)
	must(t, err)
	if got.ID != app.ID || read.CreatedBy != "" || len(read.Scale) != 0 {
		t.Fatalf("got %+v, read %+v", got, read)
	}
}

func TestDeleteApp_TakesAllButEvents(t *testing.T) {
	s := newTest(t)
	ctx := t.Context()
	gone, kept := newApp(t, s, "gone"), newApp(t, s, "kept")
	for _, app := range []platform.App{gone, kept} {
		d := platform.Deployment{AppID: app.ID, Kind: platform.DeployPush}
		must(t, s.CreateDeployment(ctx, &d, []platform.StepName{platform.StepBuild}))
		must(t, s.CreateBuild(ctx, &platform.Build{AppID: app.ID, DeploymentID: d.ID, State: platform.BuildRunning}))
		must(t, s.AppendRelease(ctx, &platform.Release{AppID: app.ID, Image: "i", Plan: "micro", ConfigVars: map[string]string{"A": "b"}}))
		must(t, s.AddDomain(ctx, &platform.Domain{Host: app.Name + ".example.com", AppID: app.ID}))
		must(t, s.AppendEvent(ctx, &platform.Event{AppID: app.ID, Action: "app.create"}))
		w, err := s.Logs().Writer(d.ID)
		must(t, err)
		_, err = w.Write([]byte("hello\n"))
		must(t, err)
		must(t, w.Close())
	}
	must(t, s.DeleteApp(ctx, gone.ID))
	must(t, s.DeleteApp(ctx, gone.ID))
	for _, table := range []string{"apps", "deployments", "steps", "builds", "releases", "config_vars", "domains"} {
		var n int64
		must(t, s.reader.Table(table).Count(&n).Error)
		if n != 1 {
			t.Errorf("%s has %d rows, want those of the other app only", table, n)
		}
	}
	events, err := s.Events(ctx, gone.ID, 0, 0)
	must(t, err)
	if len(events) != 1 {
		t.Errorf("got %d events", len(events))
	}
}

func TestReleases_NumberedFromOneWithTheirOwnConfigVars(t *testing.T) {
	s := newTest(t)
	ctx := t.Context()
	app := newApp(t, s, "shop")
	for i := range 3 {
		r := platform.Release{
			AppID: app.ID, Image: "image", Plan: "micro", Processes: []platform.Process{{Type: "web", Args: []string{"x"}}},
			ConfigVars: map[string]string{"N": strings.Repeat("x", i+1)},
		}
		must(t, s.AppendRelease(ctx, &r))
		if r.Number != i+1 {
			t.Fatalf("got v%d", r.Number)
		}
	}
	r, err := s.ReleaseByNumber(ctx, app.ID, 2)
	must(t, err)
	if r.ConfigVars["N"] != "xx" || len(r.Processes) != 1 {
		t.Fatalf("got %+v", r)
	}
	list, err := s.ReleasesOf(ctx, app.ID, 2)
	must(t, err)
	if len(list) != 2 || list[0].Number != 3 || list[0].ConfigVars != nil {
		t.Fatalf("got %+v", list)
	}
	_, err = s.ReleaseByNumber(ctx, app.ID, 9)
	wantKind(t, err, platform.NotFound, "release_not_found")
}

func TestConfigVars_ReportWhatChanged(t *testing.T) {
	s := newTest(t)
	ctx := t.Context()
	app := newApp(t, s, "shop")
	set := func(vars map[string]string) []string {
		t.Helper()
		changed, err := s.ReplaceConfigVars(ctx, platform.ConfigChange{AppID: app.ID}, func(v map[string]string) error {
			clear(v)
			for name, value := range vars {
				v[name] = value
			}
			return nil
		})
		must(t, err)
		return changed.Diff().Names()
	}
	if got := set(map[string]string{"A": "1", "B": "2", "C": "3"}); !slices.Equal(got, []string{"A", "B", "C"}) {
		t.Fatalf("got %v", got)
	}
	if got := set(map[string]string{"A": "1", "B": "two", "D": ""}); !slices.Equal(got, []string{"B", "C", "D"}) {
		t.Fatalf("got %v", got)
	}
	vars, err := s.ConfigVars(ctx, app.ID)
	must(t, err)
	if len(vars) != 3 || vars["B"] != "two" {
		t.Fatalf("got %v", vars)
	}
}

func TestMeta_RouteRevisionGrowsAcrossRestartsAndWithAnOlderDatabase(t *testing.T) {
	dir := t.TempDir()
	now := time.Now()
	var last int64
	next := func(s *Store) {
		t.Helper()
		n, err := s.RouteRevision(context.Background())
		must(t, err)
		if n <= last {
			t.Fatalf("got %d after %d", n, last)
		}
		last = n
	}
	opened := func() *Store {
		s, err := Open(t.Context(), Config{Dir: dir, Key: testKey{}, Now: func() time.Time { return now }})
		must(t, err)
		return s
	}
	s := opened()
	next(s)
	next(s)
	must(t, s.Close())
	older, err := os.ReadFile(filepath.Join(dir, File))
	must(t, err)
	now = now.Add(-time.Hour) // the clock goes back
	s = opened()
	for range 10 {
		next(s)
	}
	must(t, s.Close())
	now = now.Add(time.Hour + time.Minute)
	must(t, os.WriteFile(filepath.Join(dir, File), older, 0o600))
	s = opened()
	next(s)
	must(t, s.Close())
}

func TestMeta_RouteRevisionGrowsWhereNothingCanBeSaved(t *testing.T) {
	dir := t.TempDir()
	s := openTest(t, dir)
	last, err := s.RouteRevision(t.Context())
	must(t, err)
	for range 3 {
		must(t, s.writer.Exec("PRAGMA query_only=1").Error)
		for range 2 {
			n, err := s.RouteRevision(t.Context())
			must(t, err)
			if n <= last {
				t.Fatalf("got %d after %d", n, last)
			}
			last = n
		}
		must(t, s.Close())
		s = openTest(t, dir)
	}
	must(t, s.Close())
}
