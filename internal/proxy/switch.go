package proxy

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/lugsail/lugsail/platform"
)

// targetKey tells targets apart: a replica that came back under another address is another one.
type targetKey struct{ id, address string }

// bell wakes everyone who waits for a change of table or targets.
type bell struct {
	mu sync.Mutex
	ch chan struct{}
}

// next is closed by the next ring.
func (b *bell) next() <-chan struct{} {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.ch == nil {
		b.ch = make(chan struct{})
	}
	return b.ch
}

func (b *bell) ring() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.ch != nil {
		close(b.ch)
		b.ch = nil
	}
}

// publish makes doc the table that serves. Counters and health of targets that stay are kept.
func (s *Server) publish(doc platform.RouteTable) error {
	s.publishing.Lock()
	defer s.publishing.Unlock()
	if now := s.table.Load().doc.Revision; doc.Revision < now {
		return platform.Errorf(platform.Conflict, "table_outdated", "The routing table %d is older than %d, which serves now.", doc.Revision, now).
			WithHint("Publish one with a revision of at least %d.", now)
	}
	if err := s.swap(doc); err != nil {
		return err
	}
	if err := saveTable(s.tablePath(), doc); err != nil {
		slog.Error("routing table not stored; it serves all the same", "error", err)
		s.saveLater()
	}
	return nil
}

// saveLater tries until the table that serves is on disk: a proxy that starts while it is
// not would serve an old one, and nobody would tell it. The lock publishing is held.
func (s *Server) saveLater() {
	if s.unsaved {
		return
	}
	s.unsaved = true
	s.background.Go(func() {
		tick := time.NewTicker(s.config.limits.resave)
		defer tick.Stop()
		for !s.saveAgain() {
			select {
			case <-s.life.Done():
				return
			case <-tick.C:
			}
		}
	})
}

func (s *Server) saveAgain() bool {
	s.publishing.Lock()
	defer s.publishing.Unlock()
	s.unsaved = saveTable(s.tablePath(), s.table.Load().doc) != nil
	return !s.unsaved
}

func (s *Server) swap(doc platform.RouteTable) error {
	next, err := compile(doc, s.bootID, s.sharedTarget)
	if err != nil {
		s.retireUnused(s.table.Load())
		return err
	}
	for _, r := range next.hosts {
		for _, t := range r.targets {
			t.retired.Store(false)
		}
	}
	s.countInto(next)
	s.table.Store(next)
	s.retireUnused(next)
	s.certs.follow(next)
	s.ports.follow(next.ports())
	s.changed.ring()
	return nil
}

func (s *Server) sharedTarget(t platform.Target) *target {
	key := targetKey{t.ID, t.Address}
	if s.targets[key] == nil {
		s.targets[key] = newTarget(t, s.config.limits)
	}
	return s.targets[key]
}

// retireUnused retires the targets that now names no more, and forgets those without requests.
func (s *Server) retireUnused(now *table) {
	used := make(map[*target]bool)
	for _, r := range now.hosts {
		for _, t := range r.targets {
			used[t] = true
		}
	}
	for key, t := range s.targets {
		if used[t] {
			continue
		}
		t.retire()
		if t.inFlight.Load() == 0 {
			delete(s.targets, key)
		}
	}
}

// restore takes up the last good table from disk; without one every host is unknown.
func (s *Server) restore() {
	s.publishing.Lock()
	defer s.publishing.Unlock()
	doc, err := loadTable(s.tablePath())
	switch {
	case err == nil:
		err = s.swap(doc)
	case errors.Is(err, os.ErrNotExist):
		return
	}
	if err != nil {
		slog.Error("stored routing table not usable; waiting for a new one", "path", s.tablePath(), "error", err)
		return
	}
	slog.Info("routing table loaded", "revision", doc.Revision, "routes", len(doc.Routes), "of_this_boot", doc.BootID == s.bootID)
}

func (s *Server) tablePath() string { return TableFile(s.config.DataDir) }

// drain waits until no request but WebSockets is under way on the targets, and tells how many are left.
func (s *Server) drain(ctx context.Context, ids []string, timeout time.Duration) int {
	deadline := time.NewTimer(timeout)
	defer deadline.Stop()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for {
		left := s.underWay(ids)
		if left == 0 {
			return 0
		}
		select {
		case <-ctx.Done():
			return left
		case <-deadline.C:
			return s.underWay(ids)
		case <-tick.C:
		}
	}
}

func (s *Server) underWay(ids []string) int {
	s.publishing.Lock()
	defer s.publishing.Unlock()
	n := 0
	for key, t := range s.targets {
		if slices.Contains(ids, key.id) {
			n += int(t.awaited.Load())
		}
	}
	return n
}

func (s *Server) status() platform.ProxyStatus {
	s.publishing.Lock()
	defer s.publishing.Unlock()
	st := platform.ProxyStatus{
		Revision: s.table.Load().doc.Revision,
		InFlight: make(map[string]int, len(s.targets)),
		Dead:     []string{},
		Requests: s.requests.Load(),
	}
	for key, t := range s.targets {
		st.InFlight[key.id] += int(t.inFlight.Load())
		if t.dead.Load() && !t.retired.Load() {
			st.Dead = append(st.Dead, key.id)
		}
	}
	slices.Sort(st.Dead)
	st.Ports = s.ports.failures()
	if acme := s.certs.acme.Load(); acme != nil {
		st.Certificates = acme.statuses()
	}
	return st
}

// suspect takes a target that refused a connection out of turn until it accepts one.
func (s *Server) suspect(t *target) {
	if !t.dead.CompareAndSwap(false, true) {
		return
	}
	s.background.Go(func() {
		t.revive(s.life, s.config.limits.reprobe)
		s.changed.ring()
	})
}
