package docker

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/docker/docker/api/types/container"
	imagetypes "github.com/docker/docker/api/types/image"

	"github.com/lugsail/lugsail/platform"
)

const patience = 30 * time.Second

// newApp is a spec of an app that is removed after the test.
func newApp(t testing.TB, e *Engine, steps ...string) platform.ReplicaSpec {
	t.Helper()
	appID := platform.NewID()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		if err := e.RemoveApp(ctx, appID); err != nil {
			t.Errorf("removing the app: %v", err)
		}
	})
	return platform.ReplicaSpec{
		AppID: appID, App: "shop", Release: 1, Deployment: "ldeployment", Process: "web", Index: 1,
		Image: testImage, Args: steps, Env: map[string]string{"PORT": "8080", "NAME": "shop"}, Port: 8080,
		Plan: platform.Plan{Name: "test", Memory: 64 << 20, CPU: 0.5, CPUBurst: 1, PIDs: 64},
	}
}

func start(t testing.TB, e *Engine, spec platform.ReplicaSpec) platform.Replica {
	t.Helper()
	r, err := e.Start(t.Context(), spec)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !ok(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("not within %v: %s", patience, what)
		}
	}
}

func untilExited(t testing.TB, e *Engine, id string) platform.Replica {
	t.Helper()
	var r platform.Replica
	eventually(t, "the replica's end", func() bool {
		var err error
		r, err = e.Replica(t.Context(), id)
		return err == nil && r.State == platform.ReplicaExited
	})
	return r
}

func linesOf(t testing.TB, e *Engine, id string) []string {
	t.Helper()
	var lines []string
	err := e.Logs(t.Context(), id, -1, false, func(l platform.LogLine) error {
		lines = append(lines, l.Text)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return lines
}

func TestStart_TheReplicaAnswersOnItsAddressAlone(t *testing.T) {
	e := openEngine(t)
	r := start(t, e, newApp(t, e, "listen=0.0.0.0:$PORT", "serve"))
	var body string
	eventually(t, "an answer", func() bool {
		res, err := http.Get("http://" + net.JoinHostPort(r.Address, "8080"))
		if err != nil {
			return false
		}
		defer func() { _ = res.Body.Close() }()
		b, err := io.ReadAll(res.Body)
		body = string(b)
		return err == nil
	})
	if body != "hello from shop\n" {
		t.Errorf("answered %q", body)
	}
	info, err := e.inspect(t.Context(), r.ID)
	if err != nil {
		t.Fatal(err)
	}
	for port, bindings := range info.NetworkSettings.Ports {
		if len(bindings) > 0 {
			t.Errorf("port %s is published at %v", port, bindings)
		}
	}
}

// A34–A37: what a replica may not do.
func TestStart_TheProfileHolds(t *testing.T) {
	e := openEngine(t)
	spec := newApp(t, e, "status=CapEff", "status=CapBnd", "status=NoNewPrivs", "status=Seccomp", "file=/proc/self/limits",
		"file=/etc/hostname", "file=/proc/1/cmdline", "threads=500", "exit=0")
	r := start(t, e, spec)
	info, err := e.inspect(t.Context(), r.ID)
	if err != nil {
		t.Fatal(err)
	}
	untilExited(t, e, r.ID)
	said := strings.Join(linesOf(t, e, r.ID), "\n")
	// CHOWN 0, DAC_OVERRIDE 1, FOWNER 3, KILL 5, SETGID 6, SETUID 7, NET_BIND_SERVICE 10
	for _, want := range []string{"CapEff: 00000000000004eb", "CapBnd: 00000000000004eb", "NoNewPrivs: 1", "Seccomp: 2", "web-1", "docker-init", "refused after"} {
		if !strings.Contains(said, want) {
			t.Errorf("no %q in:\n%s", want, said)
		}
	}
	files := fmt.Sprint(e.machine.openFiles(t.Context(), e.host))
	for limit, want := range map[string]string{"Max open files": files, "Max core file size": "0"} {
		if got := strings.Fields(lineAfter(said, limit)); len(got) < 2 || got[0] != want || got[1] != want {
			t.Errorf("%s: %v, want %s", limit, got, want)
		}
	}
	wantHostConfig(t, info.HostConfig)
}

func wantHostConfig(t *testing.T, h *container.HostConfig) {
	t.Helper()
	if h.Privileged || h.PublishAllPorts || len(h.Binds) > 0 || len(h.Mounts) > 0 || len(h.Devices) > 0 || h.PidMode.IsHost() || h.UTSMode.IsHost() {
		t.Errorf("something of the host is shared: %+v", h)
	}
	if !h.IpcMode.IsPrivate() || !h.CgroupnsMode.IsPrivate() || h.NetworkMode.IsHost() {
		t.Errorf("namespaces: ipc %q, cgroup %q, network %q", h.IpcMode, h.CgroupnsMode, h.NetworkMode)
	}
	if h.Memory != 64<<20 || h.MemorySwap != h.Memory || *h.PidsLimit != 64 || h.CPUShares != 512 || h.CPUQuota != cpuPeriod {
		t.Errorf("limits: %+v", h.Resources)
	}
	if h.LogConfig.Type != "local" || h.LogConfig.Config["max-size"] != "10m" || h.LogConfig.Config["max-file"] != "3" {
		t.Errorf("log: %+v", h.LogConfig)
	}
	if h.RestartPolicy.Name != container.RestartPolicyDisabled {
		t.Errorf("restart policy %q before Keep", h.RestartPolicy.Name)
	}
}

func TestStart_TheEnvironmentArrivesWhole(t *testing.T) {
	e := openEngine(t)
	spec := newApp(t, e, "env=ODD", "env=EMPTY", "exit=0")
	spec.Env["ODD"], spec.Env["EMPTY"] = "a b=c \"$HOME\" 'é' \\n", ""
	r := start(t, e, spec)
	untilExited(t, e, r.ID)
	if got, want := linesOf(t, e, r.ID), []string{spec.Env["ODD"], ""}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}

func TestStart_ACommandThatIsNotThereEndsWith127(t *testing.T) {
	e := openEngine(t)
	spec := newApp(t, e)
	for entrypoint, code := range map[string]int{"/nowhere": 127, "nowhere": 127, "/etc": 126} {
		spec.Entrypoint = []string{entrypoint}
		r := start(t, e, spec)
		if r := untilExited(t, e, r.ID); r.ExitCode != code {
			t.Errorf("%s: %+v, want exit code %d", entrypoint, r, code)
		}
		if said := linesOf(t, e, r.ID); len(said) != 1 || !strings.Contains(said[0], entrypoint) {
			t.Errorf("%s: the log is %q", entrypoint, said)
		}
	}
}

func TestStart_AnImageThatCannotStartIsToldAndLeavesNothing(t *testing.T) {
	e := openEngine(t)
	spec := newApp(t, e, "serve")
	made, err := e.client.ContainerCreate(t.Context(), &container.Config{Image: testImage}, nil, nil, nil, "")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = e.client.ContainerRemove(context.Background(), made.ID, container.RemoveOptions{}) }()
	image, err := e.client.ContainerCommit(t.Context(), made.ID, container.CommitOptions{Config: &container.Config{User: "nobody-here"}})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _, _ = e.client.ImageRemove(context.Background(), image.ID, imagetypes.RemoveOptions{}) }()
	spec.Image = image.ID
	_, err = e.Start(t.Context(), spec)
	if got := platform.AsError(err); err == nil || got.Code != "start_refused" {
		t.Errorf("%v, want start_refused", err)
	}
	if list, err := e.Replicas(t.Context(), spec.AppID); err != nil || len(list) != 0 {
		t.Errorf("left %v, %v", list, err)
	}
}

func TestStart_CancelledOnItsWayLeavesNothing(t *testing.T) {
	e := openEngine(t)
	spec := newApp(t, e, "serve")
	for wait := 10 * time.Millisecond; wait < 500*time.Millisecond; wait *= 3 {
		ctx, cancel := context.WithTimeout(t.Context(), wait)
		_, err := e.Start(ctx, spec)
		cancel()
		list, listErr := e.Replicas(t.Context(), spec.AppID)
		if listErr != nil || err != nil && len(list) != 0 {
			t.Errorf("after %v: error %v, left %v, %v", wait, err, list, listErr)
		}
		if err := e.RemoveApp(t.Context(), spec.AppID); err != nil {
			t.Fatal(err)
		}
	}
}

func TestStart_RefusesWhatHasNoLimits(t *testing.T) {
	e := openEngine(t)
	spec := newApp(t, e, "serve")
	spec.Plan = platform.Plan{}
	if _, err := e.Start(t.Context(), spec); err == nil {
		t.Error("started without a memory limit")
	}
}

// F17: the container lives on, only a child was killed.
func TestReplica_AChildKilledForMemoryIsTold(t *testing.T) {
	e := openEngine(t)
	r := start(t, e, newApp(t, e, "child=allocate=256", "say=still here", "serve"))
	eventually(t, "the parent's word", func() bool { return slices.Contains(linesOf(t, e, r.ID), "still here") })
	r, err := e.Replica(t.Context(), r.ID)
	if err != nil || r.State != platform.ReplicaRunning || !r.OutOfMemory {
		t.Errorf("%+v, %v: want running and out of memory", r, err)
	}
}

func TestListeners_CostLittleAndSurviveARestart(t *testing.T) {
	e := openEngine(t)
	r := start(t, e, newApp(t, e, "listen=0.0.0.0:3000", "wait=1s", "exit=0"))
	look := func() bool {
		found, err := e.Listeners(t.Context(), r.ID)
		return err == nil && len(found) == 1 && found[0].Port == 3000
	}
	eventually(t, "the listener", look)
	const times = 200
	began := time.Now()
	for range times {
		if _, err := e.Listeners(t.Context(), r.ID); err != nil {
			t.Fatal(err)
		}
	}
	each := time.Since(began) / times
	t.Logf("one look: %v", each)
	if each > 10*time.Millisecond {
		t.Errorf("one look takes %v", each)
	}
	untilExited(t, e, r.ID)
	if err := e.client.ContainerStart(t.Context(), r.ID, container.StartOptions{}); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the listener again", look)
}

func TestResize_TheKernelKnows(t *testing.T) {
	e := openEngine(t)
	spec := newApp(t, e, "serve")
	r := start(t, e, spec)
	spec.Plan.Memory, spec.Plan.PIDs = 128<<20, 99
	if err := e.Resize(t.Context(), r.ID, spec.Plan); err != nil {
		t.Fatal(err)
	}
	g, err := e.groupsOf(t.Context(), r.ID)
	if err != nil {
		t.Fatal(err)
	}
	memoryFile, pidsDir := g.v2+"/memory.max", g.v2
	if dir, ok := g.byName["memory"]; ok {
		memoryFile, pidsDir = dir+"/memory.limit_in_bytes", g.byName["pids"]
	}
	memory, err := numberIn(memoryFile)
	pids, pidsErr := numberIn(pidsDir + "/pids.max")
	if err != nil || pidsErr != nil || memory != 128<<20 || pids != 99 {
		t.Errorf("memory %d (%v), pids %d (%v)", memory, err, pids, pidsErr)
	}
}

func BenchmarkStart(b *testing.B) {
	e, err := New(Config{Host: testHost(), Instance: platform.NewID(), Pool: "10.252.0.0/16"})
	if err != nil {
		b.Fatal(err)
	}
	spec := newApp(b, e, "listen=0.0.0.0:8080", "serve")
	var first time.Duration
	var took []time.Duration
	for b.Loop() {
		began := time.Now()
		r := start(b, e, spec)
		if first == 0 {
			first = time.Since(began)
		} else {
			took = append(took, time.Since(began))
		}
		if err := e.Stop(b.Context(), r.ID, 0); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(first.Milliseconds()), "ms/first")
	if len(took) > 0 {
		slices.Sort(took)
		b.ReportMetric(float64(took[len(took)/2].Milliseconds()), "ms/median")
	}
}
