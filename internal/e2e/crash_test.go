package e2e

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"
)

// testKilledDuringBuild is F04: the deployment is taken up again and becomes live.
func testKilledDuringBuild(t *testing.T, s *server) {
	r := s.open("hello-go")
	r.edit(t, "main.go", "Hello two", "Hello three")
	r.commit(t, "third")
	pushed := make(chan result, 1)
	go func() { pushed <- r.push(t) }()
	var list struct {
		Deployments []struct {
			Number int
			State  string
			Steps  []struct{ Name, State string }
		}
	}
	eventually(t, 30*time.Second, func() bool {
		s.json(t, &list, "deployments", "--app", "hello-go")
		return len(list.Deployments) > 0 && list.Deployments[0].State == "running"
	}, func() string { return fmt.Sprintf("no deployment runs: %+v", list) })
	s.kill(t, "serve")
	s.answers(t)
	if got := <-pushed; got.code == 0 {
		t.Logf("the push got through in spite of the kill:\n%s", got.out)
	}
	s.wantPage(t, "hello-go", "/", "Hello three")
	if got := r.push(t); got.code != 0 {
		t.Errorf("the same push afterwards: exit code %d\n%s", got.code, got.out)
	}
	s.wantPage(t, "hello-go", "/", "Hello three")
}

// testNoFailedRequest is F01, F05 and F06 together: traffic of 50 requests a second through
// 10 pushes, 5 rollbacks and 10 kills of the control plane at random moments.
func testNoFailedRequest(t *testing.T, s *server) {
	seed := uint64(time.Now().UnixNano())
	random := rand.New(rand.NewPCG(seed, 0))
	t.Logf("seed %d", seed)
	r := s.open("hello-node")
	r.back(t)
	tr := drive(t, s.client, s.url("hello-node"), 50)
	acts := strings.Fields(strings.Repeat("push ", 10) + strings.Repeat("rollback ", 5))
	random.Shuffle(len(acts), func(i, j int) { acts[i], acts[j] = acts[j], acts[i] })
	kills := random.Perm(len(acts))[:10]
	for i, act := range acts {
		done := make(chan result, 1)
		if act == "push" {
			r.edit(t, "server.js", commitLine+"'", fmt.Sprintf("%s'%d ", commitLine, i))
			r.commit(t, act)
			go func() { done <- r.push(t) }()
		} else {
			go func() { done <- s.run(t, s.home(), s.binary(), "rollback", "--app", "hello-node") }()
		}
		killed := false
		for _, k := range kills {
			killed = killed || k == i
		}
		if killed {
			time.Sleep(time.Duration(random.IntN(2000)) * time.Millisecond) // a random moment is the point
			s.kill(t, "serve")
			s.answers(t)
		}
		if got := <-done; got.code != 0 && !killed {
			t.Errorf("%s %d: exit code %d\n%s", act, i, got.code, got.out)
		}
		s.settled(t, "hello-node")
	}
	checkTraffic(t, tr.end())
}

// settled waits until no deployment of an app is under way.
func (s *server) settled(t *testing.T, app string) {
	t.Helper()
	var list struct {
		Deployments []struct {
			Number int
			State  string
		}
	}
	eventually(t, 90*time.Second, func() bool {
		s.json(t, &list, "deployments", "--app", app)
		for _, d := range list.Deployments {
			if d.State == "running" || d.State == "waiting" {
				return false
			}
		}
		return true
	}, func() string { return fmt.Sprintf("deployments do not end: %+v", list.Deployments[0]) })
}

// testEngineKilled is F12: the engine dies under load, the apps serve on, and all is as before afterwards.
func testEngineKilled(t *testing.T, s *server) {
	tr := drive(t, s.client, s.url("hello-node"), 50)
	before := s.ours(t, "ps", "-q")
	start := s.killEngine(t)
	time.Sleep(time.Second) // traffic without an engine
	start()
	r := s.open("hello-node")
	r.edit(t, "server.js", commitLine+"'", commitLine+"'after the engine ")
	r.pushed(t, "after the engine")
	s.wantPage(t, "hello-node", "/", "after the engine")
	checkTraffic(t, tr.end())
	eventually(t, 60*time.Second, func() bool {
		return len(strings.Fields(s.ours(t, "ps", "-aq"))) == len(strings.Fields(before))
	}, func() string { return fmt.Sprintf("containers before %q, now %q", before, s.ours(t, "ps", "-aq")) })
}

func testFootprint(t *testing.T, s *server) {
	for part, limit := range map[string]int{"serve": 60, "proxy": 25} {
		t.Logf("%s holds %d MiB resident (aim: %d, idle with 10 apps)", part, residentKB(t, s.pid(t, part))>>10, limit)
	}
}
