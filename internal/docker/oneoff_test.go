package docker

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/lugsail/lugsail/platform"
)

func runSpec(t *testing.T, e *Engine, steps ...string) platform.RunSpec {
	t.Helper()
	appID := platform.NewID()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		if err := e.RemoveApp(ctx, appID); err != nil {
			t.Error(err)
		}
	})
	return platform.RunSpec{
		Name: "k3f9", Kind: platform.RunCommand, AppID: appID, App: "shop", Release: 1, Image: testImage, Args: steps,
		Plan: platform.Plan{Name: "test", Memory: 64 << 20, CPU: 0.5, PIDs: 32}, Attached: true,
	}
}

// said reads a command's output to its end.
func said(t *testing.T, term platform.Terminal) string {
	t.Helper()
	var text strings.Builder
	if err := term.Output(func(_ string, data []byte) error { text.Write(data); return nil }); err != nil {
		t.Error(err)
	}
	return text.String()
}

func TestRun_ATerminalHasTheSizeOfThePersons(t *testing.T) {
	e := openEngine(t)
	spec := runSpec(t, e, "wait=1s", "size")
	spec.TTY, spec.Size = true, platform.Size{Columns: 101, Rows: 37}
	_, term, err := e.StartRun(t.Context(), spec)
	if err != nil {
		t.Fatal(err)
	}
	if got := said(t, term); got != "size 101 37\r\n" {
		t.Errorf("it says %q", got)
	}
	if _, err := term.Close(t.Context(), time.Second); err != nil {
		t.Error(err)
	}
}

func TestRun_CtrlCOnATerminalInterrupts(t *testing.T) {
	e := openEngine(t)
	spec := runSpec(t, e, "say=ready", "serve")
	spec.TTY = true
	_, term, err := e.StartRun(t.Context(), spec)
	if err != nil {
		t.Fatal(err)
	}
	var once bool
	err = term.Output(func(_ string, data []byte) error {
		if once || !strings.Contains(string(data), "ready") {
			return nil
		}
		once = true
		_, err := term.Write([]byte{3})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if end, err := term.End(t.Context()); err != nil || end.ExitCode == 0 {
		t.Errorf("%+v, %v", end, err)
	}
	if _, err := term.Close(t.Context(), time.Second); err != nil {
		t.Error(err)
	}
}

func TestA37_ARunHasTheLimitsOfItsPlan(t *testing.T) {
	e := openEngine(t)
	_, term, err := e.StartRun(t.Context(), runSpec(t, e, "status=NoNewPrivs", "status=CapEff", "threads=100", "allocate=256"))
	if err != nil {
		t.Fatal(err)
	}
	got := said(t, term)
	if !strings.Contains(got, "NoNewPrivs: 1") || !strings.Contains(got, "refused after") {
		t.Errorf("it says %q", got)
	}
	if end, err := term.End(t.Context()); err != nil || !end.OutOfMemory {
		t.Errorf("%+v, %v; want out of memory", end, err)
	}
	if _, err := term.Close(t.Context(), time.Second); err != nil {
		t.Error(err)
	}
}

func TestRun_WhatACrashLeavesInAReplicaIsEnded(t *testing.T) {
	e := openEngine(t)
	spec := runSpec(t, e)
	replica, err := e.Start(t.Context(), platform.ReplicaSpec{
		AppID: spec.AppID, App: "shop", Release: 1, Process: "web", Index: 1, Image: testImage, Args: []string{"serve"}, Plan: spec.Plan,
	})
	if err != nil {
		t.Fatal(err)
	}
	term, err := e.Exec(t.Context(), replica.ID, platform.ExecSpec{Command: []string{"/app", "child=serve", "exit=0"}})
	if err != nil {
		t.Fatal(err)
	}
	term.(*terminal).hangUp() // as when the control plane is killed
	awaitExecs(t, replica.ID, 1)
	if n, err := e.EndExecs(t.Context()); err != nil || n != 0 {
		t.Errorf("%d of its own commands ended, %v", n, err)
	}
	next, err := New(Config{Host: testHost(), Instance: e.instance, Pool: "10.252.0.0/16"})
	if err != nil {
		t.Fatal(err)
	}
	e = next
	defer func() { _ = e.Close() }()
	if n, err := e.EndExecs(t.Context()); err != nil || n != 1 {
		t.Fatalf("%d ended, %v", n, err)
	}
	if n, err := e.EndExecs(t.Context()); err != nil || n != 0 {
		t.Errorf("once more: %d ended, %v", n, err)
	}
	if now, err := e.Replica(t.Context(), replica.ID); err != nil || now.State != platform.ReplicaRunning {
		t.Errorf("the replica: %+v, %v", now, err)
	}
}

// awaitExecs waits until so many commands run in a replica: the engine starts them in its own time.
func awaitExecs(t *testing.T, id string, n int) {
	t.Helper()
	for end := time.Now().Add(30 * time.Second); len(leadersIn(id, func(string) bool { return true })) != n; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("there are never %d commands", n)
		}
	}
}

func TestExec_IsEndedThoughTheEngineHasForgottenIt(t *testing.T) {
	e := openEngine(t)
	spec := runSpec(t, e)
	replica, err := e.Start(t.Context(), platform.ReplicaSpec{
		AppID: spec.AppID, App: "shop", Release: 1, Process: "web", Index: 1, Image: testImage, Args: []string{"serve"}, Plan: spec.Plan,
	})
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if _, err := e.Exec(t.Context(), replica.ID, platform.ExecSpec{Command: []string{"/app", "serve"}}); err != nil {
			t.Fatal(err)
		}
	}
	awaitExecs(t, replica.ID, 2)
	term, err := e.Exec(t.Context(), replica.ID, platform.ExecSpec{Command: []string{"/app", "serve"}})
	if err != nil {
		t.Fatal(err)
	}
	awaitExecs(t, replica.ID, 3)
	term.(*terminal).of.(*execTerminal).exec = strings.Repeat("0", 64) // as after a restart of the daemon
	if _, err := term.Close(t.Context(), time.Second); err != nil {
		t.Error(err)
	}
	awaitExecs(t, replica.ID, 2) // the others go on
	if now, err := e.Replica(t.Context(), replica.ID); err != nil || now.State != platform.ReplicaRunning {
		t.Errorf("the replica: %+v, %v", now, err)
	}
}
