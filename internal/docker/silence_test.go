package docker

import (
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/lugsail/lugsail/platform"
)

// standIn answers for a daemon on a socket of its own.
func standIn(t *testing.T, serve http.Handler) (path string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "docker.sock")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: serve, ReadHeaderTimeout: time.Minute}
	done := make(chan struct{})
	go func() { defer close(done); _ = server.Serve(l) }()
	t.Cleanup(func() { _ = server.Close(); <-done })
	return path
}

func impatient(t *testing.T, path string) *Engine {
	t.Helper()
	e, err := New(Config{Host: "unix://" + path, Instance: "ltest"})
	if err != nil {
		t.Fatal(err)
	}
	short := 100 * time.Millisecond
	e.limits = timeouts{quick: short, start: short, stop: short, retry: short}
	t.Cleanup(func() { _ = e.Close() })
	return e
}

// wantSilence asks everything and wants the same answer, soon.
func wantSilence(t *testing.T, e *Engine) {
	t.Helper()
	ctx := context.Background()
	spec := platform.ReplicaSpec{AppID: "lapp", App: "shop", Process: "web", Index: 1, Image: "x", Plan: platform.Plan{Memory: 64 << 20}}
	calls := map[string]func() error{
		"Ping":      func() error { return e.Ping(ctx) },
		"Version":   func() error { _, err := e.Version(ctx); return err },
		"Capacity":  func() error { _, _, err := e.Capacity(ctx); return err },
		"Start":     func() error { _, err := e.Start(ctx, spec); return err },
		"Keep":      func() error { return e.Keep(ctx, "id") },
		"Resize":    func() error { return e.Resize(ctx, "id", spec.Plan) },
		"Stop":      func() error { return e.Stop(ctx, "id", time.Second) },
		"Replica":   func() error { _, err := e.Replica(ctx, "id"); return err },
		"Replicas":  func() error { _, err := e.Replicas(ctx, ""); return err },
		"Listeners": func() error { _, err := e.Listeners(ctx, "id"); return err },
		"Stats":     func() error { _, _, err := e.Stats(ctx, "id"); return err },
		"Samples":   func() error { _, err := e.Samples(ctx); return err },
		"RemoveApp": func() error { return e.RemoveApp(ctx, "lapp") },
		"Logs": func() error {
			return e.Logs(ctx, "id", -1, true, func(platform.LogLine) error { return nil })
		},
	}
	for name, ask := range calls {
		began := time.Now()
		err := ask()
		if !platform.IsKind(err, platform.Unavailable) || platform.AsError(err).Message != "Docker is not answering." {
			t.Errorf("%s: %v, want that Docker is not answering", name, err)
		}
		if took := time.Since(began); took > 5*time.Second {
			t.Errorf("%s took %v", name, took)
		}
	}
}

// F14: a daemon that hangs takes connections and says nothing.
func TestEngine_AHangingDaemonIsToldInTime(t *testing.T) {
	hang := func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }
	wantSilence(t, impatient(t, standIn(t, http.HandlerFunc(hang))))
}

func TestEngine_AHangAfterAGoodBeginningIsToldInTime(t *testing.T) {
	var hangs atomic.Bool
	e := impatient(t, standIn(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if hangs.Load() {
			<-r.Context().Done()
		}
		w.Header().Set("Api-Version", "1.41")
	})))
	if err := e.Ping(context.Background()); err != nil {
		t.Fatal(err)
	}
	hangs.Store(true)
	wantSilence(t, e)
}

func TestEngine_AnAbsentDaemonIsTold(t *testing.T) {
	wantSilence(t, impatient(t, filepath.Join(t.TempDir(), "none.sock")))
}

func TestEngine_AnAskerWhoLeavesGetsHisOwnError(t *testing.T) {
	e := impatient(t, filepath.Join(t.TempDir(), "none.sock"))
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := e.Ping(ctx); err == nil || platform.IsKind(err, platform.Unavailable) {
		t.Errorf("%v, want the context's error", err)
	}
}

func TestEngine_ATooOldDaemonIsRefused(t *testing.T) {
	e := impatient(t, standIn(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Api-Version", "1.40")
	})))
	if err := e.Ping(context.Background()); platform.AsError(err).Code != "docker_too_old" {
		t.Errorf("%v, want docker_too_old", err)
	}
}

// A daemon that restarts ends the stream of events; nothing says what was missed.
func TestWatch_ResyncsAfterEachConnection(t *testing.T) {
	e := impatient(t, standIn(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Api-Version", "1.41")
		if filepath.Base(r.URL.Path) == "events" {
			w.WriteHeader(http.StatusOK)
			_, _ = w.Write([]byte(`{"Type":"container","Action":"die","Actor":{"ID":"abc","Attributes":{"lugsail.app":"lapp","exitCode":"3"}}}`))
		}
	})))
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	died := platform.ReplicaChange{ReplicaID: "abc", AppID: "lapp", Action: "die", ExitCode: 3}
	resyncs, deaths := 0, 0
	err := e.Watch(ctx, func(change platform.ReplicaChange) {
		switch change {
		case platform.ReplicaChange{Action: Resync}:
			resyncs++
		case died:
			deaths++
		default:
			t.Errorf("unexpected %+v", change)
		}
		if resyncs == 3 {
			cancel()
		}
	})
	if err == nil || resyncs != 3 || deaths < 1 || deaths > 3 {
		t.Errorf("%d resyncs, %d deaths, error %v; want 3 resyncs and the deaths between them", resyncs, deaths, err)
	}
}

// F14: one container that hangs inside Docker takes neither the list of runs nor the time of everybody.
func TestRuns_OneHangingContainerIsAsTheListHasIt(t *testing.T) {
	labels := func(name string) map[string]string {
		return map[string]string{labelInstance: "ltest", labelApp: "lapp", labelRun: name, labelRunKind: string(platform.RunCommand), labelRunAccount: "ada"}
	}
	sick := []string{"hangs", "ended"}
	daemon := func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Api-Version", "1.41")
		w.Header().Set("Content-Type", "application/json")
		id := strings.TrimSuffix(strings.TrimPrefix(r.URL.Path, "/v1.41/containers/"), "/json")
		switch {
		case r.URL.Path == "/v1.41/containers/json":
			writeJSON(t, w, []map[string]any{
				{"Id": "fine", "State": "running", "Created": 100, "Labels": labels("fine")},
				{"Id": "hangs", "State": "running", "Created": 200, "Labels": labels("hangs")},
				{"Id": "ended", "State": "exited", "Created": 300, "Labels": labels("ended")},
			})
		case slices.Contains(sick, id):
			<-r.Context().Done()
		case id == "fine":
			writeJSON(t, w, map[string]any{
				"Id": "fine", "Created": "1970-01-01T00:01:40Z", "HostConfig": map[string]any{}, "Config": map[string]any{"Labels": labels("fine")},
				"State": map[string]any{"Status": "running", "Running": true, "StartedAt": "1970-01-01T00:01:41Z"},
			})
		}
	}
	e := impatient(t, standIn(t, http.HandlerFunc(daemon)))
	e.limits.quick = 5 * time.Second
	began := time.Now()
	runs, err := e.Runs(t.Context(), "")
	if err != nil || time.Since(began) > 4*time.Second {
		t.Fatalf("after %v: %v", time.Since(began), err)
	}
	if len(runs) != 2 || runs[0].Name != "run.fine" || runs[1].Name != "run.hangs" {
		t.Fatalf("%+v", runs)
	}
	if r := runs[1]; r.State != platform.ReplicaRunning || r.AppID != "lapp" || r.Account != "ada" || r.CreatedAt.Unix() != 200 {
		t.Errorf("%+v", r)
	}
}

func writeJSON(t *testing.T, w io.Writer, v any) {
	if err := json.NewEncoder(w).Encode(v); err != nil {
		t.Error(err)
	}
}
