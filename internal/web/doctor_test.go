package web

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/lugsail/lugsail/platform"
	"github.com/lugsail/lugsail/platform/observe"
)

// seen is a doctor that finds Docker away, and everything else as it should be.
type seen struct{}

func (seen) Machine(context.Context) observe.Machine {
	return observe.Machine{
		Engine: observe.Engine{Err: errors.New("away")}, Systemd: true, Clock: observe.Clock{Synced: true},
		Memory: observe.Memory{Total: 4 << 30, Available: 2 << 30, Swap: 1 << 30}, Ports: []observe.Port{{Number: 80, What: "HTTP", Ours: true}},
	}
}

func (seen) Inside(context.Context, platform.Replica) (observe.Inside, error) {
	return observe.Inside{Listeners: []platform.Listener{{IP: "127.0.0.1", Port: 3000, Loopback: true}}}, nil
}

func (seen) Probe(context.Context, platform.Probe) (platform.ProbeResult, error) {
	return platform.ProbeResult{OK: true}, nil
}

func (seen) Certificates(context.Context) ([]platform.CertificateStatus, error) { return nil, nil }

func TestDoctor_TheSameByAPIAndConsole(t *testing.T) {
	r := newRig(t)
	r.serving("mine")
	r.apps.Doctor = seen{}
	token := r.token("", platform.ScopeAdmin)
	for path, wants := range map[string][]string{
		"/api/v1/doctor":           {`"level":"bad"`, "Docker is not answering", "systemctl restart docker", "Lugsail listens on port 80"},
		"/api/v1/apps/mine/doctor": {`"level":"bad"`, "127.0.0.1:3000 only", "0.0.0.0"},
	} {
		got := r.do(ask{path: path, token: token}).want(t, http.StatusOK)
		for _, want := range wants {
			if !strings.Contains(got.body, want) {
				t.Errorf("%s does not tell %q: %s", path, want, got.body)
			}
		}
	}
	for path, wants := range map[string][]string{
		"/server":            {"/server/checkup"},
		"/server/checkup":    {"to mend now", "Docker is not answering", "systemctl restart docker"},
		"/apps/mine/checkup": {"to mend now", "127.0.0.1:3000 only", "lugsail doctor mine"},
		"/apps/mine":         {"/apps/mine/checkup"},
	} {
		got := r.do(ask{path: path, session: r.session}).want(t, http.StatusOK)
		for _, want := range wants {
			if !strings.Contains(got.body, want) {
				t.Errorf("%s does not show %q", path, want)
			}
		}
	}
}

func TestDoctor_AnAppInTroubleShowsWhatIsWrong(t *testing.T) {
	r := newRig(t)
	r.serving("mine")
	r.apps.Doctor = seen{}
	for i := range r.engine.replicas {
		r.engine.replicas[i].OutOfMemory = true
	}
	got := r.do(ask{path: "/apps/mine", session: r.session}).want(t, http.StatusOK)
	if !strings.Contains(got.body, "What is wrong") || !strings.Contains(got.body, "ran out of the memory") {
		t.Error("the overview does not tell what is wrong")
	}
}

func TestDoctor_ViewersSeeTheAppAndNotTheServer(t *testing.T) {
	r := newRig(t)
	r.serving("mine")
	r.apps.Doctor = seen{}
	viewer := r.viewer()
	r.do(ask{path: "/apps/mine/checkup", session: viewer}).want(t, http.StatusOK)
	if got := r.do(ask{path: "/server", session: viewer}).want(t, http.StatusOK); strings.Contains(got.body, "checkup") {
		t.Error("a viewer is offered the server's check-up")
	}
}
