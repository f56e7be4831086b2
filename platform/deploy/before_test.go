package deploy_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/lugsail/lugsail/platform"
)

// wantsFirst sets whether an app's deployments make a snapshot.
func (r *rig) wantsFirst(app platform.App, on bool) {
	r.t.Helper()
	_, err := r.store.UpdateApp(r.t.Context(), app.ID, func(a *platform.App) error { a.SnapshotFirst = on; return nil })
	r.check(err)
}

func TestSnapshotFirst_IsAStepBetweenTheReleaseAndWhatRunsOfIt(t *testing.T) {
	r, f, app := newRewind(t)
	r.ended(r.push(app, "three"), platform.DeploymentLive)
	if f.log() != "" {
		t.Errorf("nobody wants that yet: %s", f.log())
	}
	r.wantsFirst(app, true)
	d := r.ended(r.push(app, "four+release=exit=0"), platform.DeploymentLive)
	r.eventually("the old one to go", func() bool { // the record of it is the last step
		d, _ = r.store.DeploymentByID(t.Context(), d.ID)
		return d.Steps[len(d.Steps)-1].State == platform.StepDone
	})
	var steps []platform.StepName
	for _, s := range d.Steps {
		steps = append(steps, s.Name)
		if s.Name == platform.StepSave && (s.Detail != "1 MB" || s.State != platform.StepDone) {
			t.Errorf("the step is %+v", s)
		}
	}
	want := []platform.StepName{platform.StepBuild, platform.StepRelease, platform.StepSave, platform.StepCommand, platform.StepStart, platform.StepHealth, platform.StepSwitch, platform.StepRetire}
	if f.log() != "before" || !slices.Equal(steps, want) {
		t.Errorf("did %q by the steps %v", f.log(), steps)
	}
	for _, kind := range []platform.DeploymentKind{platform.DeployRestart, platform.DeployScale} {
		r.ended(r.begin(platform.Deployment{AppID: app.ID, Kind: kind}), platform.DeploymentLive)
	}
	if f.log() != "before" {
		t.Errorf("what brings no release made one: %s", f.log())
	}
	r.ended(r.begin(platform.Deployment{AppID: app.ID, Kind: platform.DeployRollback, FromRelease: 2}), platform.DeploymentLive)
	r.ended(r.begin(platform.Deployment{AppID: app.ID, Kind: platform.DeployConfig}), platform.DeploymentLive)
	if f.log() != "before before before" {
		t.Errorf("did %q", f.log())
	}
}

func TestSnapshotFirst_WithoutOneNothingIsDeployed(t *testing.T) {
	r, f, app := newRewind(t)
	r.wantsFirst(app, true)
	f.fails["before"] = platform.Errorf(platform.NoRoom, "disk_full", "The disk is full.").WithHint("Remove files.")
	d := r.ended(r.push(app, "three"), platform.DeploymentFailed)
	r.converged(app, 2)
	if d.FailureCode != "disk_full" || d.FailureText != "No snapshot could be made before the release: The disk is full." ||
		!strings.HasPrefix(d.FailureHint, "Remove files. To deploy without one: lugsail snapshots before-deployments off --app shop") {
		t.Errorf("%s %q %q", d.FailureCode, d.FailureText, d.FailureHint)
	}
	r.wantsFirst(app, false)
	r.ended(r.push(app, "three"), platform.DeploymentLive)
	other := r.app("first")
	r.wantsFirst(other, true)
	r.ended(r.push(other, "one"), platform.DeploymentLive) // it has nothing yet
	if f.log() != "before" {
		t.Errorf("did %q", f.log())
	}
}
