package enginetest

import (
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/lugsail/lugsail/platform"
)

// runSpec is a run of an app that is removed after the test.
func (c *contract) runSpec(appID string, steps ...string) platform.RunSpec {
	of := c.spec(appID)
	return platform.RunSpec{
		Name: "k3f9", Kind: platform.RunCommand, AppID: appID, App: "shop", Release: 3, Account: "lada", By: "ada@example.com",
		Image: c.image, Args: steps, Env: map[string]string{"GREETING": "hello = you"}, Plan: of.Plan, Until: time.Now().Add(time.Hour).UTC().Truncate(time.Second),
	}
}

// heard gathers the output of a command.
type heard struct {
	mu   sync.Mutex
	of   map[string]string
	done chan error
}

func hear(t platform.Terminal) *heard {
	h := &heard{of: map[string]string{}, done: make(chan error, 1)}
	go func() {
		h.done <- t.Output(func(stream string, data []byte) error {
			h.mu.Lock()
			defer h.mu.Unlock()
			h.of[stream] += string(data)
			return nil
		})
	}()
	return h
}

func (h *heard) said(stream string) string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.of[stream]
}

func (c *contract) end(h *heard) {
	c.Helper()
	select {
	case err := <-h.done:
		if err != nil {
			c.Fatalf("output: %v", err)
		}
	case <-time.After(patience):
		c.Fatal("the output does not end")
	}
}

func (c *contract) wantRuns(appID string, n int) []platform.Run {
	c.Helper()
	runs, err := c.Runs(c.ctx(), appID)
	if err != nil {
		c.Fatal(err)
	}
	if len(runs) != n {
		c.Fatalf("%d runs, want %d: %+v", len(runs), n, runs)
	}
	return runs
}

func endTellsWhetherItKilled(c *contract) {
	stubborn := c.start(c.spec("lappa", "ignore-term", "say=ready", "serve"))
	c.untilSaid(stubborn.ID, "ready")
	if killed, err := c.End(c.ctx(), stubborn.ID, time.Second); err != nil || !killed {
		c.Errorf("one that ignores SIGTERM: killed %v, %v", killed, err)
	}
	docile := c.start(c.spec("lappa", "say=ready", "serve"))
	c.untilSaid(docile.ID, "ready")
	if killed, err := c.End(c.ctx(), docile.ID, 20*time.Second); err != nil || killed {
		c.Errorf("one that ends on SIGTERM: killed %v, %v", killed, err)
	}
	if killed, err := c.End(c.ctx(), docile.ID, time.Second); err != nil || killed {
		c.Errorf("one that is gone: killed %v, %v", killed, err)
	}
}

func aRunTellsItsOutputAndItsCode(c *contract) {
	spec := c.runSpec("lappa", "say=first", "complain=oh", "env=GREETING", "cat", "exit=3")
	spec.Attached = true
	run, t, err := c.StartRun(c.ctx(), spec)
	if err != nil {
		c.Fatal(err)
	}
	if run.Name != "run.k3f9" || run.State != platform.ReplicaRunning || !run.Attached || run.Account != "lada" || run.By != "ada@example.com" || run.Release != 3 || !run.Until.Equal(spec.Until) {
		c.Errorf("%+v", run)
	}
	out := hear(t)
	if _, err := t.Write([]byte("typed\n")); err != nil {
		c.Fatal(err)
	}
	if err := t.CloseInput(); err != nil {
		c.Fatal(err)
	}
	c.end(out)
	if got := out.said("stdout"); got != "first\nhello = you\ntyped\n" || out.said("stderr") != "oh\n" {
		c.Errorf("it said %q and %q", got, out.said("stderr"))
	}
	if end, err := t.End(c.ctx()); err != nil || end.ExitCode != 3 || end.OutOfMemory {
		c.Errorf("end %+v, %v", end, err)
	}
	if killed, err := t.Close(c.ctx(), time.Second); err != nil || killed {
		c.Errorf("close: killed %v, %v", killed, err)
	}
	c.wantRuns("lappa", 0)
	_, err = c.RunByID(c.ctx(), run.ID)
	c.wantKind(err, platform.NotFound, "run_not_found")
}

func aRunOnItsOwnIsReadLater(c *contract) {
	spec := c.runSpec("lappa", "say=hello", "exit=4")
	spec.Kind, spec.Deployment = platform.RunRelease, "ldeployment"
	run, t, err := c.StartRun(c.ctx(), spec)
	if err != nil || t != nil {
		c.Fatalf("terminal %v, %v", t, err)
	}
	c.eventually(func() (bool, any) {
		run, err = c.RunByID(c.ctx(), run.ID)
		return err == nil && run.State == platform.ReplicaExited, run
	})
	if run.ExitCode != 4 || run.Deployment != "ldeployment" || run.Name != "release.k3f9" || run.EndedAt.IsZero() {
		c.Errorf("%+v", run)
	}
	lines, err := c.logs(run.ID, -1)
	if err != nil || !slices.Equal(lines, []string{"stdout hello"}) {
		c.Errorf("log %q, %v", lines, err)
	}
	if killed, err := c.End(c.ctx(), run.ID, time.Second); err != nil || killed {
		c.Errorf("end: killed %v, %v", killed, err)
	}
	c.wantRuns("lappa", 0)
}

func aRunIsNoReplica(c *contract) {
	events := c.watch()
	run, _, err := c.StartRun(c.ctx(), c.runSpec("lappa", "serve"))
	if err != nil {
		c.Fatal(err)
	}
	replica := c.start(c.spec("lappa", "serve"))
	events.wait(c, platform.ReplicaChange{ReplicaID: replica.ID, AppID: "lappa", Action: "start"})
	for _, seen := range events.all() {
		if seen.ReplicaID == run.ID {
			c.Errorf("watchers of replicas are told of a run: %+v", seen)
		}
	}
	if list := c.wantReplicas("lappa", 1); list[0].ID != replica.ID {
		c.Errorf("replicas %+v", list)
	}
	c.wantRuns("lappa", 1)
	if err := c.RemoveApp(c.ctx(), "lappa"); err != nil {
		c.Fatal(err)
	}
	c.wantRuns("lappa", 0)
}

func closingEndsARun(c *contract) {
	spec := c.runSpec("lappa", "ignore-term", "say=ready", "serve")
	spec.Attached = true
	_, t, err := c.StartRun(c.ctx(), spec)
	if err != nil {
		c.Fatal(err)
	}
	out := hear(t)
	c.eventually(func() (bool, any) { return out.said("stdout") == "ready\n", out.said("stdout") })
	if killed, err := t.Close(c.ctx(), time.Second); err != nil || !killed {
		c.Errorf("killed %v, %v", killed, err)
	}
	c.end(out)
	c.wantRuns("lappa", 0)
}

func aCommandInAReplica(c *contract) {
	replica := c.start(c.spec("lappa", "serve"))
	t, err := c.Exec(c.ctx(), replica.ID, platform.ExecSpec{Command: []string{"/app", "complain=oh", "cat", "exit=6"}})
	if err != nil {
		c.Fatal(err)
	}
	out := hear(t)
	if _, err := t.Write([]byte("typed\n")); err != nil {
		c.Fatal(err)
	}
	if err := t.CloseInput(); err != nil {
		c.Fatal(err)
	}
	c.end(out)
	if out.said("stdout") != "typed\n" || out.said("stderr") != "oh\n" {
		c.Errorf("it said %q and %q", out.said("stdout"), out.said("stderr"))
	}
	if end, err := t.End(c.ctx()); err != nil || end.ExitCode != 6 {
		c.Errorf("end %+v, %v", end, err)
	}
	if _, err := t.Close(c.ctx(), 0); err != nil {
		c.Error(err)
	}
	c.wantReplicas("lappa", 1)
	if err := c.Stop(c.ctx(), replica.ID, 0); err != nil {
		c.Fatal(err)
	}
	_, err = c.Exec(c.ctx(), replica.ID, platform.ExecSpec{Command: []string{"/app"}})
	c.wantKind(err, platform.NotFound, "replica_not_found")
}

func closingEndsACommandInAReplica(c *contract) {
	replica := c.start(c.spec("lappa", "serve"))
	for _, steps := range []string{"say=ready serve", "ignore-term say=ready serve"} {
		t, err := c.Exec(c.ctx(), replica.ID, platform.ExecSpec{Command: append([]string{"/app"}, strings.Fields(steps)...)})
		if err != nil {
			c.Fatal(err)
		}
		out := hear(t)
		c.eventually(func() (bool, any) { return out.said("stdout") == "ready\n", out.said("stdout") })
		killed, err := t.Close(c.ctx(), time.Second)
		if stubborn := strings.HasPrefix(steps, "ignore"); err != nil || stubborn && !killed {
			c.Errorf("%s: killed %v, %v", steps, killed, err)
		}
		c.end(out)
	}
	if now, err := c.Replica(c.ctx(), replica.ID); err != nil || now.State != platform.ReplicaRunning {
		c.Errorf("the replica: %+v, %v", now, err)
	}
}
