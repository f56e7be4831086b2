package run_test

import (
	"bytes"
	"context"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/lugsail/lugsail/platform"
	"github.com/lugsail/lugsail/platform/run"
)

// machine is one replica whose life a test scripts.
type machine struct {
	mu        sync.Mutex
	replica   platform.Replica
	listeners []platform.Listener
	probe     platform.ProbeResult
	lost      bool // the image is not there at the first start
	ensured   int
	spec      platform.ReplicaSpec
}

func (m *machine) Start(_ context.Context, spec platform.ReplicaSpec) (platform.Replica, error) {
	m.spec = spec
	if m.lost {
		return platform.Replica{}, platform.Errorf(platform.Conflict, "image_missing", "no such image")
	}
	return m.replica, nil
}
func (m *machine) Keep(context.Context, string) error                       { return nil }
func (m *machine) End(context.Context, string, time.Duration) (bool, error) { return false, nil }
func (m *machine) Replicas(context.Context, string) ([]platform.Replica, error) {
	return []platform.Replica{m.replica}, nil
}

func (m *machine) Replica(context.Context, string) (platform.Replica, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.replica, nil
}

func (m *machine) Listeners(context.Context, string) ([]platform.Listener, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.listeners, nil
}

func (m *machine) Logs(context.Context, string, int, bool, func(platform.LogLine) error) error {
	return nil
}

func (m *machine) Probe(context.Context, platform.Probe) (platform.ProbeResult, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.probe, nil
}

func (m *machine) Ensure(context.Context, string) error {
	m.lost = false
	m.ensured++
	return nil
}

func web() platform.Replica {
	return platform.Replica{ID: "r1", Process: "web", Index: 1, State: platform.ReplicaRunning, Address: "10.1.0.2"}
}

func wait(t *testing.T, m *machine, health platform.Health) (platform.Replica, string, *platform.Error) {
	t.Helper()
	var log bytes.Buffer
	r, err := run.New(m, m, m, m).WaitHealthy(t.Context(), m.replica, platform.Release{Health: health}, &log)
	return r, log.String(), platform.AsError(err)
}

func TestWaitHealthy_TakesTheWantedPort(t *testing.T) {
	m := &machine{replica: web(), probe: platform.ProbeResult{OK: true}, listeners: []platform.Listener{{IP: "::", Port: 3000}, {IP: "::", Port: 8080}}}
	r, log, err := wait(t, m, platform.Health{})
	if err != nil || r.Port != 8080 || log != "" {
		t.Errorf("port %d, log %q, %v", r.Port, log, err)
	}
}

func TestF19_AppOnAnotherPortIsServedThereAndToldSo(t *testing.T) {
	m := &machine{replica: web(), probe: platform.ProbeResult{OK: true}, listeners: []platform.Listener{{IP: "0.0.0.0", Port: 3000}}}
	r, log, err := wait(t, m, platform.Health{})
	if err != nil || r.Port != 3000 || !strings.Contains(log, "web.1 listens on port 3000, not on $PORT (8080)") {
		t.Errorf("port %d, log %q, %v", r.Port, log, err)
	}
}

func TestF19_LoopbackIsNamedByAddressAndNumber(t *testing.T) {
	m := &machine{replica: web(), listeners: []platform.Listener{{IP: "127.0.0.1", Port: 3000, Loopback: true}}}
	_, _, err := wait(t, m, platform.Health{TimeoutSeconds: 1})
	if err == nil || err.Code != "listens_on_loopback" || !strings.Contains(err.Message, "127.0.0.1:3000") || !strings.Contains(err.Hint, "0.0.0.0") {
		t.Errorf("got %+v", err)
	}
}

func TestF19_NeverListening(t *testing.T) {
	m := &machine{replica: web()}
	_, _, err := wait(t, m, platform.Health{TimeoutSeconds: 1})
	if err == nil || err.Code != "never_listened" || !strings.Contains(err.Message, "within 1 second.") {
		t.Errorf("got %+v", err)
	}
}

func TestWaitHealthy_ALongWaitSaysWhatIsAwaited(t *testing.T) {
	for want, m := range map[string]*machine{
		"  Waiting for web.1 to listen on port 8080 (":      {replica: web()},
		"  Waiting for web.1 to be healthy: answered 500 (": {replica: web(), probe: platform.ProbeResult{Reason: "answered 500"}, listeners: []platform.Listener{{IP: "::", Port: 8080}}},
	} {
		var log bytes.Buffer
		s, now := run.New(m, m, m, m), time.Now()
		s.Now = func() time.Time { now = now.Add(time.Second); return now }
		_, err := s.WaitHealthy(t.Context(), m.replica, platform.Release{Health: platform.Health{TimeoutSeconds: 1}}, &log)
		if err == nil || !strings.Contains(log.String(), want) || !strings.Contains(log.String(), " of 1 second)\n") {
			t.Errorf("%v, the log says\n%s\nwant %s", err, &log, want)
		}
	}
}

func TestWaitHealthy_SickAnswerSaysWhy(t *testing.T) {
	m := &machine{replica: web(), probe: platform.ProbeResult{Reason: "answered 500"}, listeners: []platform.Listener{{IP: "::", Port: 8080}}}
	_, _, err := wait(t, m, platform.Health{Path: "/health", TimeoutSeconds: 1})
	if err == nil || err.Code != "health_check_failed" || !strings.Contains(err.Message, "answered 500") || !strings.Contains(err.Hint, "/health") {
		t.Errorf("got %+v", err)
	}
}

func TestWaitHealthy_EndOfTheReplicaIsToldAtOnce(t *testing.T) {
	gone := web()
	gone.State, gone.ExitCode = platform.ReplicaExited, 3
	began := time.Now()
	_, _, err := wait(t, &machine{replica: gone}, platform.Health{})
	if err == nil || err.Code != "replica_stopped" || !strings.Contains(err.Message, "exit code 3") {
		t.Errorf("got %+v", err)
	}
	gone.ExitCode = 0
	if _, _, err := wait(t, &machine{replica: gone}, platform.Health{}); err == nil || !strings.Contains(err.Hint, "ended by itself") || !strings.Contains(err.Hint, "lugsail run") {
		t.Errorf("without an error: %+v", err)
	}
	gone.OutOfMemory = true
	if _, _, err := wait(t, &machine{replica: gone}, platform.Health{}); err == nil || err.Code != "replica_out_of_memory" {
		t.Errorf("got %+v", err)
	}
	if time.Since(began) > 30*time.Second {
		t.Error("it waited for the time limit")
	}
}

func TestWaitHealthy_AWorkerNeedsNoPort(t *testing.T) {
	worker := web()
	worker.Process = "worker"
	if _, _, err := wait(t, &machine{replica: worker}, platform.Health{}); err != nil {
		t.Errorf("got %+v", err)
	}
}

func TestStart_BringsALostImageBack(t *testing.T) {
	m := &machine{replica: web(), lost: true}
	release := platform.Release{Number: 4, Plan: "nano", Image: "i", Processes: []platform.Process{{Type: "web"}}, ConfigVars: map[string]string{"A": "b"}}
	s := run.New(m, m, m, m)
	s.URL = func(name string) string { return "https://" + name + ".example.com" }
	_, err := s.Start(t.Context(), platform.App{Name: "shop"}, release, "d1", run.Slot{Process: "web", Index: 1})
	if err != nil || m.ensured != 1 {
		t.Fatalf("ensured %d times, %v", m.ensured, err)
	}
	for name, value := range map[string]string{"A": "b", "PORT": "8080", "LUGSAIL_RELEASE": "v4", "LUGSAIL_PROCESS": "web.1", "LUGSAIL_APP": "shop", "LUGSAIL_URL": "https://shop.example.com"} {
		if m.spec.Env[name] != value {
			t.Errorf("%s is %q, want %q", name, m.spec.Env[name], value)
		}
	}
	if m.spec.Plan.Memory != 512<<20 {
		t.Errorf("memory %d is not nano's", m.spec.Plan.Memory)
	}
}

func TestCompare(t *testing.T) {
	release := platform.Release{Number: 2, Processes: []platform.Process{{Type: "worker"}, {Type: "web"}}}
	wanted := run.Wanted(release, platform.Scale{"web": 2, "worker": 1})
	if len(wanted) != 3 || wanted[0] != (run.Slot{Process: "web", Index: 1}) {
		t.Fatalf("wanted %v", wanted)
	}
	at := func(id string, release int, process string, index int, state platform.ReplicaState) platform.Replica {
		return platform.Replica{ID: id, Release: release, Process: process, Index: index, State: state, Address: "10.1.0.2"}
	}
	cutOff := at("cut off", 2, "web", 1, platform.ReplicaRunning)
	cutOff.Address = ""
	d := run.Compare(release, wanted, []platform.Replica{
		cutOff, // its network was removed by hand
		at("keep", 2, "web", 1, platform.ReplicaRunning),
		at("double", 2, "web", 1, platform.ReplicaRunning),
		at("old", 1, "web", 1, platform.ReplicaRunning),
		at("ended", 2, "web", 2, platform.ReplicaExited),
		at("surplus", 2, "web", 3, platform.ReplicaRunning),
		at("again", 2, "worker", 1, platform.ReplicaRestarting),
	})
	if len(d.Have) != 2 || len(d.Missing) != 1 || d.Missing[0].Index != 2 || len(d.Extra) != 5 {
		t.Errorf("have %v, missing %v, extra %v", d.Have, d.Missing, d.Extra)
	}
}
