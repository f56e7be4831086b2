package web

import (
	"context"
	"net/http"
	"testing"
	"time"

	"github.com/lugsail/lugsail/platform"
	"github.com/lugsail/lugsail/platform/observe"
)

// measured is an engine and a proxy that tell what a test decides, and a clock that it moves.
type measured struct {
	now     time.Time
	samples []platform.Sample
	totals  platform.TrafficTotals
}

func (m *measured) Samples(context.Context) ([]platform.Sample, error) { return m.samples, nil }

func (m *measured) Traffic(context.Context) (platform.TrafficTotals, error) {
	copied := platform.TrafficTotals{Since: m.totals.Since, Apps: map[string]platform.Traffic{}}
	for id, t := range m.totals.Apps {
		copied.Apps[id] = t
	}
	return copied, nil
}

// measure gives the rig a meter over an app with one replica that used 2 of 10 seconds, half of a
// GiB, and answered 30 requests in 40 ms, 3 of them with errors, in each of the last steps.
func (r *rig) measure(a platform.App, steps int) *measured {
	r.t.Helper()
	m := &measured{now: time.Now().Add(-time.Duration(steps) * 10 * time.Second), totals: platform.TrafficTotals{Since: time.Now(), Apps: map[string]platform.Traffic{}}}
	r.apps.Meter = &observe.Meter{Engine: m, Proxy: m, Apps: r.store, Now: func() time.Time { return m.now }}
	m.samples = []platform.Sample{{ReplicaID: "one", AppID: a.ID, CreatedAt: m.now.Add(-time.Hour), CPU: time.Hour, Memory: 512 << 20, Limit: 1 << 30}}
	r.apps.Meter.Look(r.t.Context())
	for range steps {
		m.now = m.now.Add(10 * time.Second)
		m.samples[0].CPU += 2 * time.Second
		t := m.totals.Apps[a.ID]
		t.Classes[1] += 27
		t.Classes[4] += 3
		t.Times[platform.TimeBucket(40*time.Millisecond)] += 30
		t.Out += 30_000
		m.totals.Apps[a.ID] = t
		r.apps.Meter.Look(r.t.Context())
	}
	return m
}

type metricsAnswer struct {
	Range       string
	From        time.Time
	Step        int
	Since       *time.Time
	Series      map[string][]*float64
	Deployments []struct {
		At              time.Time
		Number, Release int
	}
}

func TestAPI_MetricsAreSeriesWithGaps(t *testing.T) {
	r := newRig(t)
	a := r.serving("shop")
	before := r.do(ask{path: "/api/v1/apps/shop/metrics", session: r.session}).want(t, http.StatusOK)
	var none metricsAnswer
	before.decode(t, &none)
	if none.Since != nil || len(none.Series["cpu"]) != 360 || none.Series["cpu"][359] != nil {
		t.Errorf("nobody has looked: %+v", none)
	}
	r.measure(a, 18)
	for _, c := range []struct {
		path                string
		count, step, known  int
		requests, processor float64
	}{{"/api/v1/apps/shop/metrics", 360, 10, 18, 30, 0.2}, {"/api/v1/apps/shop/metrics?range=24h", 1440, 60, 2, 180, 0.2}} {
		var got metricsAnswer
		r.do(ask{path: c.path, token: r.token(a.ID, platform.ScopeRead)}).want(t, http.StatusOK).decode(t, &got)
		if got.Since == nil || got.Step != c.step || got.From.Add(time.Duration(c.count*c.step)*time.Second).After(time.Now().Add(time.Minute)) {
			t.Errorf("%s: %+v", c.path, got)
		}
		if len(got.Deployments) != 1 || got.Deployments[0].Number != 1 || got.Deployments[0].Release != 1 {
			t.Errorf("%s: deployments %+v", c.path, got.Deployments)
		}
		for name, values := range got.Series {
			if len(values) != c.count {
				t.Errorf("%s: %d values of %s", c.path, len(values), name)
			}
		}
		known, last := 0, 0.0
		for i, v := range got.Series["requests"] {
			if v != nil {
				known, last = known+1, *v
				if cpu := got.Series["cpu"][i]; cpu == nil || *cpu != c.processor {
					t.Errorf("%s: CPU %v", c.path, cpu)
				}
				if ms := got.Series["median"][i]; ms == nil || *ms < 0.035 || *ms > 0.045 {
					t.Errorf("%s: median %v", c.path, ms)
				}
			}
		}
		if known < c.known || known > c.known+1 || last > c.requests || last <= 0 {
			t.Errorf("%s: %d values of requests are known, the last is %v", c.path, known, last)
		}
	}
	if got := r.do(ask{path: "/api/v1/apps/shop/metrics?range=9y", session: r.session}).want(t, http.StatusUnprocessableEntity); got.code() != "range_invalid" {
		t.Error(got.body)
	}
}
