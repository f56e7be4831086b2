package web

import (
	"bufio"
	"context"
	"html"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/lugsail/lugsail/internal/web/request"
	"github.com/lugsail/lugsail/platform"
	"github.com/lugsail/lugsail/platform/observe"
)

// measured is an engine and a proxy that tell what a test decides, and a clock that it moves.
type measured struct {
	mu      sync.Mutex
	now     time.Time
	samples []platform.Sample
	totals  platform.TrafficTotals
}

func (m *measured) Samples(context.Context) ([]platform.Sample, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.samples), nil
}

func (m *measured) Traffic(context.Context) (platform.TrafficTotals, error) {
	copied := platform.TrafficTotals{Since: m.totals.Since, Apps: map[string]platform.Traffic{}}
	for id, t := range m.totals.Apps {
		copied.Apps[id] = t
	}
	return copied, nil
}

// pass lets ten seconds go by, in which the replica uses that much of a processor.
func (m *measured) pass(cpu time.Duration) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.now = m.now.Add(10 * time.Second)
	m.samples[0].CPU += cpu
}

func (m *measured) clock() time.Time {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.now
}

// measure gives the rig a meter over an app with one replica that used 2 of 10 seconds, half of a
// GiB, and answered 30 requests in 40 ms, 3 of them with errors, in each of the last steps.
func (r *rig) measure(a platform.App, steps int) *measured {
	r.t.Helper()
	m := &measured{now: time.Now().Add(-time.Duration(steps) * 10 * time.Second), totals: platform.TrafficTotals{Since: time.Now(), Apps: map[string]platform.Traffic{}}}
	r.apps.Meter = &observe.Meter{Engine: m, Proxy: m, Apps: r.store, Now: m.clock}
	m.samples = []platform.Sample{{ReplicaID: "one", AppID: a.ID, CreatedAt: m.now.Add(-time.Hour), CPU: time.Hour, Memory: 512 << 20, Limit: 1 << 30}}
	r.apps.Meter.Look(r.t.Context())
	for range steps {
		m.pass(2 * time.Second)
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

func TestPages_MetricsAreDrawnByTheServer(t *testing.T) {
	r := newRig(t)
	a := r.serving("shop")
	get := func(path string) string { return r.do(ask{path: path, session: r.session}).want(t, http.StatusOK).body }
	mustHave(t, get("/apps/shop/metrics"), "Nothing is measured yet")
	for _, path := range []string{"/", "/apps/shop"} {
		if page := get(path); strings.Contains(page, "last-hour") || strings.Contains(page, `class="spark"`) {
			t.Errorf("%s draws what nobody has measured", path)
		}
	}
	r.measure(a, 36)
	hour := get("/apps/shop/metrics")
	mustHave(t, hour, `data-chart="requests"`, "<b>180 / min</b>", "<b>20 %</b>", "<b>512 MB</b>", "of 1 GB", `<path class="mark"`, "v1 at ", "Measured since Lugsail started", "As a table", `data-events="measured"`)
	mustHave(t, get("/apps/shop/metrics?range=24h"), "Last 24 hours", "<b>180 / min</b>", "range=24h")
	overview := get("/apps/shop")
	mustHave(t, overview, `id="last-hour" data-live`, "<b>180 / min</b>")
	if _, sentence, _ := strings.Cut(overview, `id="app-state"`); !strings.Contains(sentence, "v1 serves: 1,080 requests in the last 6 minutes, 108 of them failed, answers in 37 ms.") {
		t.Errorf("%.900s", sentence)
	}
	mustHave(t, get("/"), `class="spark"`, "Memory of the last hour, now 512 MB")
	r.do(ask{path: "/apps/shop/metrics?range=9y", session: r.session}).want(t, http.StatusUnprocessableEntity)
	for _, bad := range []string{"NaN", "+Inf", "-Inf"} {
		if strings.Contains(hour, bad) {
			t.Errorf("%s is on the page", bad)
		}
	}
}

func TestPages_EachNewPointComesByTheStream(t *testing.T) {
	r := newRig(t)
	m := r.measure(r.serving("shop"), 2)
	client := r.listen()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+testHost+"/apps/shop/live?measured=points", nil)
	must(t, err)
	req.AddCookie(&http.Cookie{Name: request.SessionCookie, Value: r.session})
	res, err := client.Do(req)
	must(t, err)
	defer func() { _ = res.Body.Close() }()
	look := time.NewTicker(50 * time.Millisecond) // the stream may not listen yet at the first
	defer look.Stop()
	done, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		for {
			select {
			case <-done:
				return
			case <-look.C:
				m.pass(5 * time.Second)
				r.apps.Meter.Look(t.Context())
			}
		}
	}()
	defer func() { close(done); <-ended }()
	lines := bufio.NewScanner(res.Body)
	for {
		e, ok := nextEvent(lines)
		if !ok {
			t.Fatal("the stream ended")
		}
		if e.event == "measured" {
			mustHave(t, e.data, `"cpu":0.5`, `"memory":536870912`, `"median":null`, `"requests":0`)
			return
		}
	}
}

func TestPages_AChangeBetweenPageAndStreamIsTold(t *testing.T) {
	r := newRig(t)
	a := r.serving("shop")
	client := r.listen()
	for _, path := range []string{"/", "/apps/shop"} {
		page := r.do(ask{path: path, session: r.session}).want(t, http.StatusOK).body
		_, rest, _ := strings.Cut(page, `data-stream="`)
		address, _, _ := strings.Cut(rest, `"`)
		_, err := r.store.UpdateApp(t.Context(), a.ID, func(a *platform.App) error { a.DeployBranch += "x"; return nil })
		must(t, err)
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+testHost+html.UnescapeString(address), nil)
		must(t, err)
		req.AddCookie(&http.Cookie{Name: request.SessionCookie, Value: r.session})
		res, err := client.Do(req)
		must(t, err)
		if e, ok := nextEvent(bufio.NewScanner(res.Body)); !ok || e.event != "change" {
			t.Errorf("%s by %q: %+v", path, address, e)
		}
		_ = res.Body.Close()
	}
}

func mustHave(t *testing.T, page string, parts ...string) {
	t.Helper()
	for _, part := range parts {
		if !strings.Contains(page, part) {
			t.Errorf("%q is not in\n%.3000s", part, page)
		}
	}
}
