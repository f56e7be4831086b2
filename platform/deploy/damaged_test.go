package deploy_test

import (
	"errors"
	"slices"
	"testing"

	"github.com/lugsail/lugsail/internal/secret"
	"github.com/lugsail/lugsail/platform"
)

// damagedKey does not open the values that are in seals.
type damagedKey struct {
	*secret.Key
	seals *[]string
}

func (k damagedKey) Open(purpose, aad, sealed string) ([]byte, error) {
	if slices.Contains(*k.seals, aad) {
		return nil, errors.New("the seal is broken")
	}
	return k.Key.Open(purpose, aad, sealed)
}

func TestConfig_ADamagedVarThatIsSetAgainIsDeployed(t *testing.T) {
	r := newRig(t)
	app := r.app("shop")
	set := func() {
		_, err := r.store.ReplaceConfigVars(t.Context(), platform.ConfigChange{AppID: app.ID}, func(v map[string]string) error { v["KEY"] = "value"; return nil })
		r.check(err)
	}
	set()
	r.ended(r.push(app, "one"), platform.DeploymentLive)
	r.stop()
	r.seals = []string{app.ID + "/0/KEY", app.ID + "/1/KEY"}
	r.start()
	config := platform.Deployment{AppID: app.ID, Kind: platform.DeployConfig, Cause: "config"}
	if d := r.ended(r.begin(config), platform.DeploymentFailed); d.FailureCode != "config_unreadable" || d.FailureHint == "" {
		t.Errorf("%s: %s", d.FailureCode, d.FailureHint)
	}
	r.stop()
	r.seals = r.seals[1:] // the person set it again; the copy in v1 is as it was
	r.start()
	set()
	r.ended(r.begin(config), platform.DeploymentLive)
	r.converged(app, 2)
	r.scale(app, 2)
}
