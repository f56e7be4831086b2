package store

import (
	"slices"
	"strings"
	"testing"

	"github.com/lugsail/lugsail/platform"
)

func TestConfigVars_ADamagedOneIsNamedAndCanBeSetAgainOrRemoved(t *testing.T) {
	s, ctx := newTest(t), t.Context()
	app := newApp(t, s, "shop")
	set := func(names []string, change func(map[string]string)) {
		t.Helper()
		got, err := s.ReplaceConfigVars(ctx, platform.ConfigChange{AppID: app.ID}, func(v map[string]string) error { change(v); return nil })
		must(t, err)
		if !slices.Equal(got.Diff().Names(), names) {
			t.Errorf("changed %v, want %v", got, names)
		}
	}
	set([]string{"A", "B", "C", "D"}, func(v map[string]string) { v["A"], v["B"], v["C"], v["D"] = "a", "b", "c", "" })
	must(t, s.writer.Exec("UPDATE config_vars SET sealed = 'AAAA' WHERE name IN ('A', 'B', 'D')").Error)
	_, err := s.ConfigVars(ctx, app.ID)
	wantKind(t, err, platform.Internal, "config_unreadable")
	if hint := platform.AsError(err).Hint; !strings.Contains(hint, "lugsail config set ") {
		t.Errorf("hint %q", hint)
	}
	names, err := s.ConfigNames(ctx, app.ID)
	must(t, err)
	if !slices.Equal(names, []string{"A", "B", "C", "D"}) {
		t.Errorf("names %v", names)
	}
	set([]string{"A"}, func(v map[string]string) { v["A"] = "a" }) // the same value is a change: it was not there any more
	set([]string{"E"}, func(v map[string]string) { v["E"] = "e" }) // and what is damaged and not asked for stays so
	_, err = s.ConfigVars(ctx, app.ID)
	wantKind(t, err, platform.Internal, "config_unreadable")
	set([]string{"B"}, func(v map[string]string) { delete(v, "B") })
	set([]string{"D"}, func(v map[string]string) { v["D"] = "" })
	vars, err := s.ConfigVars(ctx, app.ID)
	must(t, err)
	if len(vars) != 4 || vars["A"] != "a" || vars["C"] != "c" || vars["D"] != "" || vars["E"] != "e" {
		t.Errorf("config vars %v", vars)
	}
}

func TestRelease_ADamagedCopyIsNamedAndTheRestCanBeRead(t *testing.T) {
	s := newTest(t)
	app := furnish(t, s)
	must(t, s.writer.Exec("UPDATE config_vars SET sealed = 'AAAA' WHERE release = 1").Error)
	_, err := s.ReleaseByNumber(t.Context(), app.ID, 1)
	wantKind(t, err, platform.Internal, "config_unreadable")
	if e := platform.AsError(err); !strings.Contains(e.Message, "A of v1") {
		t.Errorf("%q", e.Message)
	}
	release, err := s.ReleaseWithoutVars(t.Context(), app.ID, 1)
	if err != nil || release.Image != "i" {
		t.Errorf("%+v, %v", release, err)
	}
	_, err = s.ReleaseWithoutVars(t.Context(), app.ID, 2)
	wantKind(t, err, platform.NotFound, "release_not_found")
}

func TestMoveTo_AnAnswerThatDoesNotOpenDoesNotStopIt(t *testing.T) {
	s := newSQLite(t)
	furnish(t, s)
	for _, key := range []string{"good", "damaged"} {
		must(t, s.EndOnce(t.Context(), platform.Once{Holder: "a", Key: key, Body: []byte("answer")}))
	}
	must(t, s.writer.Exec("UPDATE onces SET sealed = 'AAAA' WHERE key = 'damaged'").Error)
	move, err := s.MoveTo(t.Context(), newDatabase(t), nothing, quiet)
	if err != nil || move.Values != 5 { // three config vars, a second factor and one answer
		t.Errorf("%+v, %v", move, err)
	}
}
