package e2e

import (
	"bufio"
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

const (
	crowdApps      = 10
	crowdFollowers = 50
)

// testCrowd is ten people at once: 20 pushes to 10 apps, 10 uploads, 50 followers of logs, and
// deployments cancelled at random. Everything ends, nobody waits for ever, nothing is left.
func testCrowd(t *testing.T, s *server) {
	repos := make([]*repo, crowdApps)
	for i := range repos {
		r := s.repo(t, fmt.Sprintf("crowd%d", i), "")
		r.write(t, "package.json", manifest)
		r.write(t, "server.js", program("first"))
		r.pushed(t, "first")
		repos[i] = r
	}
	defer func() {
		for _, r := range repos {
			s.lugsail(t, "destroy", "--app", r.app, "--confirm", r.app, "--now")
		}
	}()
	s.quiet(t)
	before, memory := s.everything(t), residentKB(t, s.pid(t, "serve"))
	since := time.Now()

	lines := new(atomic.Int64)
	stop := s.followers(t, repos, lines)
	s.rush(t, repos)
	for _, r := range repos {
		s.settled(t, r.app)
	}
	stop()
	if lines.Load() == 0 {
		t.Error("the followers saw no line")
	}
	s.fairness(t, repos, since)
	for _, r := range repos {
		m := monkey{s: s}
		if got, err := m.page(&creature{name: r.app}); err != nil || got.text == "" {
			t.Errorf("%s answers %+v, %v", r.app, got, err)
		}
	}
	s.same(t, before)
	s.memoryBack(t, memory)
}

// rush does everything at the same time and returns when all have their answers.
func (s *server) rush(t *testing.T, repos []*repo) {
	t.Helper()
	var tasks sync.WaitGroup
	for i, r := range repos {
		r.write(t, "server.js", program("second"))
		r.commit(t, "second")
		older := strings.TrimSpace(r.git(t, "rev-parse", "HEAD"))
		r.write(t, "server.js", program("third"))
		r.commit(t, "third")
		folder := filepath.Join(s.dir, "upload", r.app)
		check(t, os.MkdirAll(folder, 0o755))
		check(t, os.WriteFile(filepath.Join(folder, "package.json"), []byte(manifest), 0o644))
		check(t, os.WriteFile(filepath.Join(folder, "server.js"), []byte(program("uploaded")), 0o644))
		tasks.Go(func() { s.answered(t, s.run(t, r.dir, "git", "push", "lugsail", older+":refs/heads/main")) })
		tasks.Go(func() { s.answered(t, s.run(t, r.dir, "git", "push", "lugsail", "main")) })
		tasks.Go(func() { s.answered(t, s.run(t, folder, s.binary(), "deploy", folder, "--app", r.app)) })
		if i%2 == 0 {
			pause := time.Duration(rand.IntN(8000)) * time.Millisecond
			tasks.Go(func() {
				time.Sleep(pause) // a random moment is the point
				s.answered(t, s.run(t, s.home(), s.binary(), "cancel", "--app", r.app))
			})
		}
	}
	tasks.Wait()
}

// answered fails when somebody got an answer that is none of a person: refusals, cancels and
// newer pushes are answers, faults of the server are not.
func (s *server) answered(t *testing.T, got result) {
	t.Helper()
	for _, bad := range []string{"Internal Server Error", "internal error", "status 500", "error 500", "panic", "deadlock", "database is locked", "hung up"} {
		if strings.Contains(got.out, bad) {
			t.Errorf("somebody is answered:\n%s", got.out)
		}
	}
}

// followers follow the logs of all apps until stop is called.
func (s *server) followers(t *testing.T, repos []*repo, lines *atomic.Int64) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	var tasks sync.WaitGroup
	for i := range crowdFollowers {
		url := fmt.Sprintf("%s/api/v1/apps/%s/logs?follow=true", s.console, repos[i%len(repos)].app)
		tasks.Go(func() {
			request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
			if err != nil {
				t.Error(err)
				return
			}
			request.Header.Set("Authorization", "Bearer "+s.token)
			client := &http.Client{Transport: s.client.Transport} // without a time limit
			response, err := client.Do(request)
			if err != nil {
				t.Error(err)
				return
			}
			defer response.Body.Close()
			if response.StatusCode != http.StatusOK {
				t.Errorf("a follower is answered %s", response.Status)
			}
			for in := bufio.NewScanner(response.Body); in.Scan(); {
				lines.Add(1)
			}
		})
	}
	return func() { cancel(); tasks.Wait() }
}

// fairness checks that builds have their turns in the order in which they came to the queue: no
// app's second build comes before the first one of an app that was there earlier. Those that came
// within a moment of each other are not compared: the step is noted just before its place is taken.
func (s *server) fairness(t *testing.T, repos []*repo, since time.Time) {
	t.Helper()
	const moment = 2 * time.Second
	type build struct {
		app         string
		came, ended time.Time
	}
	first, later := map[string]build{}, []build{}
	for _, r := range repos {
		var list struct {
			Deployments []struct {
				State     string
				CreatedAt time.Time `json:"created_at"`
				Steps     []struct {
					Name, State string
					StartedAt   *time.Time `json:"started_at"`
					EndedAt     *time.Time `json:"ended_at"`
				}
			}
		}
		s.json(t, &list, "deployments", "--app", r.app)
		states := map[string]int{}
		for _, d := range slices.Backward(list.Deployments) {
			states[d.State]++
			for _, step := range d.Steps {
				if step.Name != "build" || step.State != "done" || step.StartedAt == nil || step.EndedAt == nil || d.CreatedAt.Before(since) {
					continue
				}
				b := build{r.app, *step.StartedAt, *step.EndedAt}
				if _, ok := first[r.app]; ok {
					later = append(later, b)
				} else {
					first[r.app] = b
				}
			}
		}
		t.Logf("%s: %v", r.app, states)
		if states["running"]+states["waiting"] > 0 {
			t.Errorf("%s has deployments that do not end: %v", r.app, states)
		}
	}
	for _, l := range later {
		for _, f := range first {
			if f.came.Add(moment).Before(l.came) && f.ended.After(l.ended) {
				t.Errorf("%s, in the queue since %s, was built again before %s, there since %s", l.app, l.came, f.app, f.came)
			}
		}
	}
	if len(first) < len(repos) || len(later) == 0 {
		t.Errorf("%d first builds and %d others: too few to say anything", len(first), len(later))
	}
}

// everything counts what the server has on the machine, by kind.
func (s *server) everything(t *testing.T) map[string]int {
	t.Helper()
	count := map[string]int{
		"containers": len(strings.Fields(s.ours(t, "ps", "-aq"))),
		"networks":   len(strings.Fields(s.ours(t, "network", "ls", "-q"))),
		"volumes":    len(strings.Fields(s.ours(t, "volume", "ls", "-q"))),
		"rules":      strings.Count(s.must(t, s.dir, "iptables-save"), "\n-A "),
	}
	for _, dir := range []string{"sources", "repositories", "uploads", "tmp"} {
		entries, err := os.ReadDir(filepath.Join(s.dir, "data", dir))
		if err == nil {
			count["in "+dir] = len(entries)
		}
	}
	files, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", s.pid(t, "serve")))
	check(t, err)
	count["open files, in tens"] = len(files) / 10
	return count
}

// quiet waits until the server has done what follows a deployment.
func (s *server) quiet(t *testing.T) {
	t.Helper()
	eventually(t, 60*time.Second, func() bool {
		return len(strings.Fields(s.ours(t, "ps", "-aq"))) == crowdApps
	}, func() string { return "containers: " + s.ours(t, "ps", "-a") })
}

// same waits until there is as much of everything as before.
func (s *server) same(t *testing.T, before map[string]int) {
	t.Helper()
	var now map[string]int
	eventually(t, 2*time.Minute, func() bool {
		now = s.everything(t)
		return maps.EqualFunc(before, now, func(a, b int) bool { return b <= a })
	}, func() string {
		return fmt.Sprintf("before %v, now %v; open:\n%s", before, now, s.must(t, s.dir, "ss", "-xnp"))
	})
}

// memoryBack waits until the control plane holds at most a fifth more than before.
func (s *server) memoryBack(t *testing.T, before int) {
	t.Helper()
	now, most := 0, 0
	eventually(t, 3*time.Minute, func() bool {
		now = residentKB(t, s.pid(t, "serve"))
		most = max(most, now)
		return now <= before+before/5
	}, func() string { return fmt.Sprintf("the control plane held %d KiB before, now %d KiB", before, now) })
	t.Logf("the control plane held %d MiB before, up to %d MiB afterwards, then %d MiB", before>>10, most>>10, now>>10)
}
