package gitserver

import (
	"context"
	"crypto/rand"
	"slices"

	"github.com/lugsail/lugsail/platform"
)

// push is one run of receive-pack.
type push struct {
	id    string // known to its own hooks only
	actor platform.Actor
	app   platform.App
	repo  string
	own   []string // refs that the server moves itself; none for a shallow push

	allowed func(context.Context) error // nil as long as the pusher still may

	live *landing // nil until the deployment is live; guarded by Server.mu
}

// landing is what a push brought live.
type landing struct {
	ref    string
	commit string
	number int // of the deployment
}

// flight is a deployment that a push waits for.
type flight struct {
	by         string // id of the pusher's token; "" after a restart
	commit     string
	deployment platform.Deployment
}

// register makes a push known to its hooks. git cannot take a shallow history and leave the
// ref to a hook (it ends with "BUG: connectivity check skipped"), so it moves the ref of a
// shallow push itself.
func (s *Server) register(c call, shallow bool) *push {
	p := &push{id: rand.Text(), actor: c.actor, app: c.app, repo: c.repo, allowed: c.allowed}
	if !shallow {
		for _, branch := range candidates(c.app) {
			p.own = append(p.own, heads+branch)
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.pushes[p.id] = p
	return p
}

func (s *Server) unregister(p *push) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.pushes, p.id)
}

func (s *Server) pushByID(id string) *push {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.pushes[id]
}

func (s *Server) hookEnv(p *push) []string {
	return []string{socketVariable + "=" + s.cfg.HookSocket, pushVariable + "=" + p.id}
}

// newest gives the youngest deployment of the app that a push waits for, or nil.
func (s *Server) newest(appID string) *flight {
	st := s.state(appID)
	s.mu.Lock()
	defer s.mu.Unlock()
	var best *flight
	for _, f := range st.flights {
		if best == nil || f.deployment.Number > best.deployment.Number {
			best = f
		}
	}
	return best
}

// fly records that a push waits for the deployment, until land is called.
func (s *Server) fly(appID string, d platform.Deployment, commit, by string) (land func()) {
	st := s.state(appID)
	f := &flight{by: by, commit: commit, deployment: d}
	s.mu.Lock()
	defer s.mu.Unlock()
	st.flights = append(st.flights, f)
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		st.flights = slices.DeleteFunc(st.flights, func(other *flight) bool { return other == f })
	}
}

// landed remembers for the second hook what the first one brought live.
func (s *Server) landed(p *push, l landing) {
	s.mu.Lock()
	defer s.mu.Unlock()
	p.live = &l
}

func (s *Server) landing(p *push) landing {
	s.mu.Lock()
	defer s.mu.Unlock()
	if p.live == nil {
		return landing{}
	}
	return *p.live
}

// applied is the number of the deployment that the app's branch follows; 0 after a start.
func (s *Server) applied(appID string) int {
	st := s.state(appID)
	st.repo.Lock()
	defer st.repo.Unlock()
	return st.applied
}
