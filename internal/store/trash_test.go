package store

import (
	"testing"
	"time"

	"github.com/lugsail/lugsail/platform"
)

// The end of an app's time in the trash may come in the moment in which somebody has it back.
func TestTrash_TheEndOfItsTimeDoesNotTakeAnAppThatCameBack(t *testing.T) {
	s := newTest(t)
	app := newApp(t, s, "shop")
	at := time.Now()
	record := func(kind platform.DeploymentKind, via string) error {
		d := platform.Deployment{AppID: app.ID, Kind: kind, Via: via, CreatedAt: at}
		if err := s.CreateDeployment(t.Context(), &d, nil); err != nil {
			return err
		}
		_, err := s.UpdateDeployment(t.Context(), d.ID, func(d *platform.Deployment) error { d.State = platform.DeploymentLive; return nil })
		return err
	}
	must(t, record(platform.DeployTrash, "api"))
	must(t, record(platform.DeployRestore, "api"))
	if err := record(platform.DeployDestroy, platform.System().Via); !platform.IsKind(err, platform.Conflict) {
		t.Errorf("got %v", err)
	}
	if a, err := s.AppByID(t.Context(), app.ID); err != nil || a.State != platform.AppActive {
		t.Errorf("%s, %v", a.State, err)
	}
	must(t, record(platform.DeployTrash, "api")) // anew: its time has only begun
	if err := record(platform.DeployDestroy, platform.System().Via); !platform.IsKind(err, platform.Conflict) {
		t.Errorf("got %v", err)
	}
	if a, err := s.AppByID(t.Context(), app.ID); err != nil || a.State != platform.AppTrashed {
		t.Errorf("%s, %v", a.State, err)
	}
	at = at.Add(platform.TrashTime + time.Minute)
	must(t, record(platform.DeployDestroy, platform.System().Via))
}
