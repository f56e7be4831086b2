package proxy

import (
	"cmp"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/lugsail/lugsail/platform"
)

// traffic counts what one app's visitors ask and get. It is shared by all routes of the app.
type traffic struct {
	classes [5]atomic.Uint64
	in, out atomic.Uint64
	times   [platform.TimeBuckets]atomic.Uint64
}

// answered counts one answer by its status; took is how long it was waited for, negative
// where that says nothing of the app.
func (t *traffic) answered(status int, took time.Duration) {
	if class := status/100 - 1; class >= 0 && class < len(t.classes) {
		t.classes[class].Add(1)
	}
	if took >= 0 {
		t.times[platform.TimeBucket(took)].Add(1)
	}
}

func (t *traffic) totals() platform.Traffic {
	out := platform.Traffic{In: t.in.Load(), Out: t.out.Load()}
	for i := range t.classes {
		out.Classes[i] = t.classes[i].Load()
	}
	for i := range t.times {
		out.Times[i] = t.times[i].Load()
	}
	return out
}

// count notes the answer of an exchange, once: when its headers are there. How long the body
// takes depends on the visitor's connection, and WebSockets and event streams last as long as
// somebody looks. A visitor who sends slowly does not count against the app either.
func (e *exchange) count(status int, timed bool) {
	if e.traffic == nil || e.counted {
		return
	}
	e.counted = true
	took := time.Duration(-1)
	if timed {
		took = time.Since(e.body.arrived(e.began))
	}
	e.traffic.answered(status, took)
}

// countFailure notes a request that got no answer from a target. One whose visitor left is not an error of the app.
func (e *exchange) countFailure(w http.ResponseWriter, r *http.Request) {
	status := http.StatusBadGateway
	if a, ok := w.(*answer); ok {
		status = a.status
	}
	if r.Context().Err() != nil {
		status = http.StatusBadRequest
	}
	e.count(status, false)
}

// countInto gives each route of a table its app's counters, and forgets those of apps without
// a route. The lock publishing is held.
func (s *Server) countInto(t *table) {
	kept := make(map[string]*traffic)
	for _, r := range t.hosts {
		if r.console {
			continue
		}
		if kept[r.appID] == nil {
			kept[r.appID] = cmp.Or(s.traffic[r.appID], &traffic{})
		}
		r.traffic = kept[r.appID]
	}
	s.traffic = kept
}

func (s *Server) trafficTotals() platform.TrafficTotals {
	s.publishing.Lock()
	all := s.traffic
	s.publishing.Unlock()
	totals := platform.TrafficTotals{Since: s.began, Apps: make(map[string]platform.Traffic, len(all))}
	for id, t := range all { // the map is never changed once it is there: countInto makes another
		if sum := t.totals(); sum != (platform.Traffic{}) {
			totals.Apps[id] = sum
		}
	}
	return totals
}
