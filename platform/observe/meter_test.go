package observe_test

import (
	"context"
	"errors"
	"math"
	"runtime"
	"strconv"
	"testing"
	"time"

	"github.com/lugsail/lugsail/internal/enginetest"
	"github.com/lugsail/lugsail/platform"
	"github.com/lugsail/lugsail/platform/observe"
)

// bench is a meter over the engine in memory, with a clock and counters that the test moves.
type bench struct {
	*testing.T
	engine *enginetest.Fake
	meter  *observe.Meter
	now    time.Time
	totals platform.TrafficTotals
	broken error // of the proxy
	apps   []platform.App
}

func (b *bench) Traffic(context.Context) (platform.TrafficTotals, error) {
	copied := platform.TrafficTotals{Since: b.totals.Since, Apps: map[string]platform.Traffic{}}
	for id, t := range b.totals.Apps {
		copied.Apps[id] = t
	}
	return copied, b.broken
}

func (b *bench) Apps(context.Context) ([]platform.App, error) { return b.apps, nil }

func newBench(t *testing.T) *bench {
	now := time.Now().Truncate(time.Hour)
	b := &bench{T: t, engine: &enginetest.Fake{}, now: now, apps: []platform.App{{ID: "lshop"}, {ID: "lblog"}}}
	b.totals = platform.TrafficTotals{Since: now, Apps: map[string]platform.Traffic{}}
	b.meter = &observe.Meter{Engine: b.engine, Proxy: b, Apps: b, Now: func() time.Time { return b.now }}
	return b
}

// look lets ten seconds pass and measures.
func (b *bench) look() {
	b.now = b.now.Add(10 * time.Second)
	b.meter.Look(b.Context())
}

func (b *bench) start(app string) string {
	r, err := b.engine.Start(b.Context(), platform.ReplicaSpec{AppID: app, Process: "web", Index: 1, Plan: platform.Plan{Memory: 1 << 30}})
	if err != nil {
		b.Fatal(err)
	}
	return r.ID
}

// visit adds answers to an app's totals.
func (b *bench) visit(app string, class int, count uint64, took time.Duration) {
	t := b.totals.Apps[app]
	t.Classes[class-1] += count
	t.Times[platform.TimeBucket(took)] += count
	t.Out += 100 * count
	b.totals.Apps[app] = t
}

func (b *bench) newest(app string, n int) []observe.Point {
	all := b.meter.Series(app, observe.LastHour).Points
	return all[len(all)-n:]
}

func near(got float32, want float64) bool { return math.Abs(float64(got)-want) <= want/8+1e-6 }

func TestMeter_CPUMemoryAndReplicas(t *testing.T) {
	b := newBench(t)
	one, two := b.start("lshop"), b.start("lshop")
	b.engine.Use(one, 5*time.Second, 300<<20)
	b.engine.Use(two, 7*time.Second, 800<<20)
	b.look()
	if p := b.newest("lshop", 1)[0]; observe.Known(p.CPU) || p.Replicas != 2 || p.Memory != 1100<<20 || p.Limit != 2<<30 || p.Fullest != 800.0/1024 {
		t.Errorf("at first: %+v", p)
	}
	b.engine.Use(one, 9*time.Second, 300<<20)
	b.engine.Use(two, 8*time.Second, 800<<20)
	b.look()
	if p := b.newest("lshop", 1)[0]; !near(p.CPU, 0.5) {
		t.Errorf("4 and 1 seconds in ten: %+v", p)
	}
	b.engine.Use(one, 2*time.Second, 300<<20) // it was started again
	b.look()
	if p := b.newest("lshop", 1)[0]; !near(p.CPU, 0.2) {
		t.Errorf("started again: %+v", p)
	}
	b.engine.Fail("Samples", errors.New("no answer"))
	b.look()
	b.engine.Fail("Samples", nil)
	b.engine.Use(one, 6*time.Second, 300<<20)
	b.look()
	if p := b.newest("lshop", 2); observe.Known(p[0].CPU) || observe.Known(p[0].Memory) || !near(p[1].CPU, 0.2) {
		t.Errorf("no answer, then 4 seconds in twenty: %+v", p)
	}
	for _, id := range []string{one, two} {
		if err := b.engine.Stop(t.Context(), id, 0); err != nil {
			t.Fatal(err)
		}
	}
	b.look()
	if p := b.newest("lshop", 1)[0]; p.CPU != 0 || p.Memory != 0 || p.Replicas != 0 || observe.Known(p.Fullest) {
		t.Errorf("all ended: %+v", p)
	}
}

func TestMeter_ANewReplicaHasUsedAllSinceTheLastLook(t *testing.T) {
	b := newBench(t)
	b.now = time.Now().Add(-time.Minute)
	b.look()
	id := b.start("lshop") // made after the look
	b.engine.Use(id, 5*time.Second, 1<<20)
	b.look()
	if p := b.newest("lshop", 1)[0]; !near(p.CPU, 0.5) {
		t.Errorf("%+v", p)
	}
}

func TestMeter_RequestsErrorsAndTimes(t *testing.T) {
	b := newBench(t)
	b.visit("lshop", 2, 1000, time.Second) // before anybody looked
	b.look()
	if p := b.newest("lshop", 1)[0]; observe.Known(p.Requests) || observe.Known(p.Median) {
		t.Errorf("nobody knows when these were: %+v", p)
	}
	b.visit("lshop", 2, 90, 40*time.Millisecond)
	b.visit("lshop", 5, 7, 40*time.Millisecond)
	b.visit("lshop", 4, 3, 2*time.Second)
	b.visit("lblog", 2, 4, time.Millisecond)
	b.look()
	p := b.newest("lshop", 1)[0]
	if p.Requests != 100 || p.Errors != 7 || p.Refused != 3 || p.Out != 10_000 || p.In != 0 || !near(p.Median, 0.04) || !near(p.P95, 0.04) {
		t.Errorf("%+v", p)
	}
	if p := b.newest("lblog", 1)[0]; p.Requests != 4 {
		t.Errorf("an app that had no visitors before: %+v", p)
	}
	b.look()
	if p := b.newest("lshop", 1)[0]; p.Requests != 0 || observe.Known(p.Median) {
		t.Errorf("no visitors: %+v", p)
	}
	b.totals = platform.TrafficTotals{Since: b.now.Add(time.Second), Apps: map[string]platform.Traffic{}} // the proxy starts anew
	b.visit("lshop", 2, 2000, time.Millisecond)
	b.look()
	if p := b.newest("lshop", 1)[0]; p.Requests != 2000 {
		t.Errorf("a new proxy: %+v", p)
	}
	b.broken = errors.New("no answer")
	b.look()
	b.visit("lshop", 2, 300, time.Millisecond)
	b.look()
	b.broken = nil
	b.look()
	if p := b.newest("lshop", 3); observe.Known(p[0].Requests) || observe.Known(p[1].Requests) || p[2].Requests != 100 {
		t.Errorf("a proxy that was silent: its requests are spread over the time, %+v", p)
	}
}

func TestMeter_ForgetsAppsThatWentAway(t *testing.T) {
	b := newBench(t)
	id := b.start("lshop")
	b.look()
	if err := b.engine.Stop(t.Context(), id, 0); err != nil {
		t.Fatal(err)
	}
	b.apps = b.apps[1:]
	for range 7 {
		b.look()
	}
	for _, p := range b.newest("lshop", 360) {
		if observe.Known(p.Replicas) {
			t.Fatalf("%+v", p)
		}
	}
}

func TestMeter_TheDayIsInMinutes(t *testing.T) {
	b := newBench(t)
	b.start("lshop")
	b.look()
	for range 6 * 60 {
		b.visit("lshop", 2, 5, 20*time.Millisecond)
		b.look()
	}
	s := b.meter.Series("lshop", observe.LastDay)
	if len(s.Points) != 1440 || s.Step != time.Minute || !s.Since.Equal(b.now.Add(-time.Hour)) {
		t.Fatalf("%d points of %v, measured since %v", len(s.Points), s.Step, s.Since)
	}
	known := 0
	for i, p := range s.Points {
		if !observe.Known(p.Requests) {
			continue
		}
		known++
		at := s.From.Add(time.Duration(i) * s.Step)
		if at.Before(b.now.Add(-61*time.Minute)) || at.After(b.now) || p.Requests != 30 && known > 1 {
			t.Fatalf("%v: %+v", at, p)
		}
	}
	if known != 60 || len(b.meter.Minutes("lshop")) != 60 {
		t.Errorf("%d minutes are known", known)
	}
	if r := b.meter.Recent("lshop"); r.Measured != time.Hour || r.Requests != 1800 || r.Median < 17*time.Millisecond || r.Median > 23*time.Millisecond {
		t.Errorf("%+v", r)
	}
}

func TestMeter_NobodyHasLooked(t *testing.T) {
	var none *observe.Meter
	for _, m := range []*observe.Meter{none, {Now: time.Now}} {
		if s := m.Series("lshop", observe.LastHour); len(s.Points) != 360 || !s.Since.IsZero() || observe.Known(s.Points[359].CPU) {
			t.Errorf("%+v", s)
		}
	}
}

func TestMeter_AHundredAppsStaySmall(t *testing.T) {
	b := newBench(t)
	b.apps = nil
	for i := range 100 {
		id := "l" + strconv.Itoa(i)
		b.apps = append(b.apps, platform.App{ID: id})
		b.start(id)
		b.visit(id, 2, 1, time.Millisecond)
	}
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	for range 20 {
		b.look()
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	grown := int64(after.HeapAlloc) - int64(before.HeapAlloc)
	t.Logf("%d KB an app", grown/100>>10)
	if grown < 5<<20 || grown > 12<<20 {
		t.Errorf("100 apps take %d MB", grown>>20)
	}
	if p := b.newest("l99", 1)[0]; p.Replicas != 1 {
		t.Errorf("%+v", p)
	}
}

func BenchmarkLookAtAHundredApps(b *testing.B) {
	engine := &enginetest.Fake{}
	totals := platform.TrafficTotals{Apps: map[string]platform.Traffic{}}
	var apps []platform.App
	for i := range 100 {
		id := "l" + strconv.Itoa(i)
		apps = append(apps, platform.App{ID: id})
		if _, err := engine.Start(b.Context(), platform.ReplicaSpec{AppID: id, Process: "web", Index: 1, Plan: platform.Plan{Memory: 1 << 30}}); err != nil {
			b.Fatal(err)
		}
		totals.Apps[id] = platform.Traffic{Classes: [5]uint64{0, 1}}
	}
	now := time.Now()
	m := &observe.Meter{Engine: engine, Proxy: still{totals}, Apps: all(apps), Now: func() time.Time { now = now.Add(10 * time.Second); return now }}
	for b.Loop() {
		m.Look(b.Context())
	}
}

type still struct{ totals platform.TrafficTotals }

func (s still) Traffic(context.Context) (platform.TrafficTotals, error) { return s.totals, nil }

type all []platform.App

func (a all) Apps(context.Context) ([]platform.App, error) { return a, nil }

func TestMeter_ALateLookStandsForAllItsTime(t *testing.T) {
	b := newBench(t)
	id := b.start("lshop")
	b.engine.Use(id, time.Second, 1<<20)
	b.look()
	b.engine.Use(id, 7*time.Second, 1<<20)
	b.visit("lshop", 2, 90, 40*time.Millisecond)
	b.now = b.now.Add(20 * time.Second) // the machine was busy
	b.look()
	for _, p := range b.newest("lshop", 3) {
		if !near(p.CPU, 0.2) || p.Requests != 30 || p.Replicas != 1 {
			t.Errorf("%+v", p)
		}
	}
	if r := b.meter.Recent("lshop"); r.Requests != 90 || r.Measured != 30*time.Second {
		t.Errorf("%+v", r)
	}
}
