package store

import (
	"testing"
	"time"

	"github.com/lugsail/lugsail/platform"
)

func TestPrune_KeepsTheNewestAndWhatReleasesName(t *testing.T) {
	s := newTest(t)
	ctx := t.Context()
	app := newApp(t, s, "shop")
	must(t, s.AppendEvent(ctx, &platform.Event{Text: "two years ago", At: time.Now().AddDate(-2, 0, 0)}))
	for range 20 {
		d := platform.Deployment{AppID: app.ID, Kind: platform.DeployConfig}
		must(t, s.CreateDeployment(ctx, &d, []platform.StepName{platform.StepBuild}))
		must(t, s.CreateBuild(ctx, &platform.Build{AppID: app.ID, DeploymentID: d.ID, State: platform.BuildRunning}))
		if d.Number == 2 {
			must(t, s.AppendRelease(ctx, &platform.Release{AppID: app.ID, Image: "i", Plan: "micro", DeploymentID: d.ID}))
		}
		if d.Number != 3 { // it waits
			now := time.Now()
			_, err := s.UpdateDeployment(ctx, d.ID, func(d *platform.Deployment) error {
				d.State, d.EndedAt = platform.DeploymentFailed, &now
				return nil
			})
			must(t, err)
		}
		must(t, s.AppendEvent(ctx, &platform.Event{Text: "new"}))
	}
	dropped, err := s.prune(ctx, 10, 5)
	must(t, err)
	if dropped != 11+13 {
		t.Errorf("%d rows were dropped", dropped)
	}
	events, err := s.Events(ctx, "", 0, 0)
	must(t, err)
	list, err := s.DeploymentsOf(ctx, app.ID, 0)
	must(t, err)
	if len(events) != 10 || len(list) != 7 || list[5].Number != 3 || list[6].Number != 2 || len(list[6].Steps) != 1 {
		t.Fatalf("%d events and %d deployments are left", len(events), len(list))
	}
	if again, err := s.prune(ctx, 10, 5); err != nil || again != 0 {
		t.Fatalf("once more drops %d, %v", again, err)
	}
}
