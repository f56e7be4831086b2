package observe

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/lugsail/lugsail/platform"
)

// Sampler tells what each running replica uses.
type Sampler interface {
	Samples(ctx context.Context) ([]platform.Sample, error)
}

// Counter tells what the proxy has counted since its start.
type Counter interface {
	Traffic(ctx context.Context) (platform.TrafficTotals, error)
}

// Lister gives all apps that there are.
type Lister interface {
	Apps(ctx context.Context) ([]platform.App, error)
}

// Meter measures all apps every ten seconds and keeps the last day in memory. It begins anew
// with each start of the control plane. A nil Meter knows nothing.
type Meter struct {
	Engine Sampler
	Proxy  Counter
	Apps   Lister
	Now    func() time.Time

	mu    sync.RWMutex
	apps  map[string]*series
	since time.Time     // of the first look; zero: there was none
	step  int64         // the newest that was measured
	told  chan struct{} // closed by the next look

	used     map[string]time.Duration // processor time by replica, at looked
	looked   time.Time                // when the engine last answered; zero: never
	totals   platform.TrafficTotals   // at counted
	counted  time.Time                // when the proxy last answered; zero: never
	compared time.Time                // with the apps that there are
}

// lookTime bounds one look; the next comes ten seconds later.
const lookTime = 8 * time.Second

// Run measures until ctx ends.
func (m *Meter) Run(ctx context.Context) error {
	for {
		m.Look(ctx)
		now := m.Now()
		next := time.NewTimer(now.Round(short).Add(short).Sub(now)) // rounded: a timer may fire a moment early
		select {
		case <-ctx.Done():
			next.Stop()
			return nil
		case <-next.C:
		}
	}
}

// Look measures once, for the step that ends now. What does not answer leaves a gap.
func (m *Meter) Look(ctx context.Context) {
	within, cancel := context.WithTimeout(ctx, lookTime)
	defer cancel()
	at := m.Now()
	samples, engineErr := m.Engine.Samples(within)
	totals, proxyErr := m.Proxy.Traffic(within)
	if ctx.Err() != nil {
		return
	}
	if engineErr != nil || proxyErr != nil {
		slog.DebugContext(ctx, "a look at what apps use has gaps", "engine", engineErr, "proxy", proxyErr)
	}
	m.note(at, samples, engineErr == nil, totals, proxyErr == nil)
	m.compare(within, at)
}

func (m *Meter) note(at time.Time, samples []platform.Sample, seen bool, totals platform.TrafficTotals, told bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.since.IsZero() {
		m.since, m.apps = at, map[string]*series{}
	}
	before := m.step
	m.step = stepOf(at.Add(short/2), short) - 1
	var uses map[string]usage
	if seen {
		uses = m.usages(samples, at)
	}
	var answers map[string]*answered
	if told {
		answers = m.answers(totals, at)
	}
	for id := range uses {
		m.know(id)
	}
	for id := range answers {
		m.know(id)
	}
	for id, s := range m.apps {
		p := blank()
		if uses != nil {
			uses[id].into(&p)
		}
		var times *times
		if answers != nil {
			times = answers[id].into(&p)
		}
		for missed := before + 1; missed < m.step && m.step-before <= mostMissed; missed++ {
			s.put(missed, p, nil)
		}
		s.put(m.step, p, times)
	}
	if m.told != nil {
		close(m.told)
		m.told = nil
	}
}

// mostMissed is how many steps a late look may stand for: it tells the mean of the time since the one before.
const mostMissed = 6

// Measured is closed by the next look; of a nil Meter it never is.
func (m *Meter) Measured() <-chan struct{} {
	if m == nil {
		return nil
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.told == nil {
		m.told = make(chan struct{})
	}
	return m.told
}

func (m *Meter) know(id string) {
	if m.apps[id] == nil {
		m.apps[id] = newSeries()
	}
}

// compareEvery is how often the apps that there are are asked for: those that went away are forgotten.
const compareEvery = time.Minute

func (m *Meter) compare(ctx context.Context, at time.Time) {
	if at.Sub(m.compared).Abs() < compareEvery {
		return
	}
	all, err := m.Apps.Apps(ctx)
	if err != nil {
		slog.DebugContext(ctx, "apps not read", "error", err) // the next time will do
		return
	}
	there := make(map[string]bool, len(all))
	for _, a := range all {
		there[a.ID] = true
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.compared = at
	for id := range m.apps {
		if !there[id] {
			delete(m.apps, id)
		}
	}
}
