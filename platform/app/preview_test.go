package app_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/lugsail/lugsail/internal/store"
	"github.com/lugsail/lugsail/platform"
	"github.com/lugsail/lugsail/platform/app"
)

func TestNameFree_SaysWhyNotAndWhatInstead(t *testing.T) {
	s, db := newService(t)
	for _, name := range []string{"shop", "gone"} {
		_, err := s.Create(t.Context(), owner, app.CreateRequest{Name: name, Plan: "pico"})
		check(t, err)
	}
	gone, err := db.AppByName(t.Context(), "gone")
	check(t, err)
	check(t, db.CreateDeployment(t.Context(), &platform.Deployment{AppID: gone.ID, Kind: platform.DeployTrash}, nil))
	for name, want := range map[string][3]string{
		"blog":     {"", "", ""},
		"shop":     {"app_exists", "already an app", "my-shop"},
		"gone":     {"app_exists", "in the trash until", "my-gone"},
		"api":      {"app_name_reserved", "reserved", "my-api"},
		"My Shop!": {"app_name_invalid", "cannot be the name", "my-shop"},
		"":         {"app_name_invalid", "cannot be the name", ""},
	} {
		got, err := s.NameFree(t.Context(), owner, name)
		check(t, err)
		code, text := "", ""
		if got.Refused != nil {
			code, text = got.Refused.Code, got.Refused.Message
		}
		if code != want[0] || !strings.Contains(text, want[1]) || got.Instead != want[2] {
			t.Errorf("%q: %s %q, instead %q", name, code, text, got.Instead)
		}
	}
	_, err = s.NameFree(t.Context(), viewer, "blog")
	want(t, err, platform.Forbidden, "forbidden")
}

func TestEffect_IsWhatTheChangeDoes(t *testing.T) {
	s, db := newService(t) // 3.6 GB may be promised
	_, err := s.Create(t.Context(), owner, app.CreateRequest{Name: "shop", Plan: "pico"})
	check(t, err)
	e, err := s.ScaleEffect(t.Context(), owner, "shop", "micro", nil)
	check(t, err)
	if e.Restarts != 0 || e.Sentence != "Takes effect with the first deployment, uses 768 MB of the 3.4 GB left." {
		t.Errorf("before the first release: %+v", e)
	}
	live(t, db, "shop", 1)
	_, err = s.Scale(t.Context(), owner, "shop", platform.Scale{"web": 2})
	check(t, err)
	for _, test := range []struct {
		plan     string
		scale    platform.Scale
		sentence string
	}{
		{"", platform.Scale{"web": 3}, "Starts 1 replica more, no downtime, uses 256 MB of the 3.1 GB left."},
		{"", platform.Scale{"web": 1}, "Stops 1 replica, no downtime, gives 256 MB back."},
		{"", platform.Scale{"web": 0}, "Stops 2 replicas, nothing answers its visitors then, gives 512 MB back."},
		{"nano", nil, "Restarts 2 replicas, no downtime, uses 512 MB of the 3.1 GB left."},
		{"medium", nil, "Restarts 2 replicas, no downtime, needs 4.4 GB more than the 3.1 GB left."},
	} {
		e, err := s.ScaleEffect(t.Context(), owner, "shop", test.plan, test.scale)
		check(t, err)
		if e.Sentence != test.sentence {
			t.Errorf("%s %v: %s", test.plan, test.scale, e.Sentence)
		}
	}
	if e, err = s.RestartEffect(t.Context(), viewer, "shop"); err != nil || e.Restarts != 2 || e.Memory.More != 0 {
		t.Errorf("%+v, %v", e, err)
	}
	if e, err = s.StopEffect(t.Context(), owner, "shop"); err != nil || e.Stops != 2 || !e.Downtime || e.Memory.More != -(512<<20) {
		t.Errorf("%+v, %v", e, err)
	}
	_, err = s.ScaleEffect(t.Context(), owner, "shop", "", platform.Scale{"worker": 1})
	want(t, err, platform.Invalid, "process_unknown")
}

func TestPreviewRollback_TellsWhatChangesAndRefusesWhatRollbackDoes(t *testing.T) {
	s, db := newService(t)
	_, err := s.Create(t.Context(), owner, app.CreateRequest{Name: "shop", Plan: "pico"})
	check(t, err)
	_, err = s.PreviewRollback(t.Context(), owner, "shop", 0)
	want(t, err, platform.Conflict, "nothing_before")
	live(t, db, "shop", 1)
	nano := "nano"
	_, err = s.Configure(t.Context(), owner, "shop", app.Settings{Plan: &nano})
	check(t, err)
	live(t, db, "shop", 1)
	p, err := s.PreviewRollback(t.Context(), viewer, "shop", 0)
	check(t, err)
	if d := p.Difference; d.From != 2 || d.To != 1 || d.Plan == nil || d.Plan.To != "pico" || d.Image != nil || p.Release.Number != 1 {
		t.Errorf("%+v", p)
	}
	const smaller = "Restarts 1 replica, no downtime. Each replica then has plan pico: 256 MB of memory instead of 512 MB; one that needs more is ended and started again."
	if p.Effect.Restarts != 1 || p.Effect.Sentence != smaller || p.Effect.Memory.More != 0 {
		t.Errorf("%+v", p.Effect)
	}
	if stays := strings.Join(p.Stays, " "); !strings.Contains(stays, "plan nano: the next push has it again") || !strings.Contains(stays, "The memory of plan nano stays promised to the app. Choose plan pico") {
		t.Errorf("%q", p.Stays)
	}
	free := func() int64 {
		t.Helper()
		capacity, err := s.Plans(t.Context(), owner)
		check(t, err)
		return capacity.Free
	}
	before := free()
	_, err = db.UpdateApp(t.Context(), p.Release.AppID, func(a *platform.App) error { a.CurrentRelease = 1; return nil }) // the roll back is done
	check(t, err)
	if now := free(); now != before {
		t.Errorf("%d bytes became free, which the preview did not say", now-before)
	}
	p, err = s.PreviewRollback(t.Context(), owner, "shop", 2)
	check(t, err)
	if p.Effect.Sentence != "Restarts 1 replica, no downtime. Each replica then has plan nano: 512 MB of memory instead of 256 MB." || len(p.Stays) != 1 {
		t.Errorf("to the larger one: %+v %q", p.Effect, p.Stays)
	}
	_, err = db.UpdateApp(t.Context(), p.Release.AppID, func(a *platform.App) error { a.CurrentRelease = 2; return nil })
	check(t, err)
	sick(t, db, "shop")
	_, err = s.PreviewRollback(t.Context(), owner, "shop", 3)
	want(t, err, platform.Conflict, "release_never_live")
	_, err = s.PreviewRollback(t.Context(), owner, "shop", 2)
	want(t, err, platform.Conflict, "release_serves")
}

func TestConfigVars_HistoryTellsNamesAndTheWayBack(t *testing.T) {
	s, db := newService(t)
	_, err := s.Create(t.Context(), owner, app.CreateRequest{Name: "shop", Plan: "pico"})
	check(t, err)
	_, err = s.SetConfigVars(t.Context(), owner, "shop", map[string]string{"A": "LGS-CANARY", "B": "2"}, nil)
	check(t, err)
	a, err := db.AppByName(t.Context(), "shop")
	check(t, err)
	released(t, db, a)
	d, err := s.ChangeConfig(t.Context(), owner, "shop", app.ConfigEdit{Set: map[string]string{"A": "other", "C": "3"}, Unset: []string{"B"}, Later: true})
	if err != nil || d.Number != 0 {
		t.Errorf("saved for later, and deployment %d began, %v", d.Number, err)
	}
	waits, err := s.ConfigWaiting(t.Context(), viewer, "shop")
	check(t, err)
	if got := strings.Join(slices.Concat(waits.Added, waits.Changed, waits.Removed), " "); got != "C A B" {
		t.Errorf("waiting: %s", got)
	}
	history, err := s.ConfigHistory(t.Context(), viewer, "shop", 0, 10)
	check(t, err)
	if len(history) != 2 || history[0].Number != 2 || !history[0].Later || history[0].Release != 0 || history[1].Release != 1 || history[1].Actor != owner.Name {
		t.Errorf("history %+v", history)
	}
	diff, err := s.PreviewConfig(t.Context(), owner, "shop", app.ConfigEdit{FromRelease: 1})
	check(t, err)
	if strings.Join(diff.Added, "") != "B" || strings.Join(diff.Changed, "") != "A" || strings.Join(diff.Removed, "") != "C" {
		t.Errorf("back to v1: %+v", diff)
	}
	_, err = s.PreviewConfig(t.Context(), viewer, "shop", app.ConfigEdit{Set: map[string]string{"A": "a guess"}})
	want(t, err, platform.Forbidden, "forbidden")
	_, err = s.ChangeConfig(t.Context(), owner, "shop", app.ConfigEdit{FromRelease: 1, Later: true})
	check(t, err)
	if vars, err := s.ConfigVars(t.Context(), owner, "shop"); err != nil || vars["A"] != "LGS-CANARY" || len(vars) != 2 {
		t.Errorf("back: %d vars, %v", len(vars), err)
	}
	if waits, err = s.ConfigWaiting(t.Context(), owner, "shop"); err != nil || !waits.Nothing() {
		t.Errorf("what runs has them: %+v, %v", waits, err)
	}
	_, err = s.ChangeConfig(t.Context(), owner, "shop", app.ConfigEdit{FromRelease: 9})
	want(t, err, platform.NotFound, "release_not_found")
}

// released gives an app a live release with its config vars, as a push does.
func released(t *testing.T, db *store.Store, a platform.App) {
	t.Helper()
	vars, number, err := db.ConfigSet(t.Context(), a.ID)
	check(t, err)
	d := platform.Deployment{AppID: a.ID, Kind: platform.DeployPush}
	check(t, db.CreateDeployment(t.Context(), &d, nil))
	_, err = db.ClaimDeployment(t.Context(), d.ID)
	check(t, err)
	r := platform.Release{AppID: a.ID, DeploymentID: d.ID, Image: "i", Plan: a.Plan, Processes: []platform.Process{{Type: "web"}}, ConfigVars: vars, ConfigNumber: number}
	check(t, db.AppendRelease(t.Context(), &r))
	check(t, db.CommitSwitch(t.Context(), a.ID, r.Number, d.ID))
}
