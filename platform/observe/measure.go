package observe

import (
	"time"

	"github.com/lugsail/lugsail/platform"
)

// usage is what the replicas of one app use together.
type usage struct {
	cores    float32 // unknown when one of them was not seen before
	memory   int64
	limit    int64
	fullest  float32
	replicas int
}

// usages adds the samples up by app and remembers them for the next look.
func (m *Meter) usages(samples []platform.Sample, at time.Time) map[string]usage {
	all := make(map[string]usage)
	used := make(map[string]time.Duration, len(samples))
	for _, s := range samples {
		u, there := all[s.AppID]
		if !there {
			u.fullest = unknown
		}
		u.cores += m.cores(s, at)
		u.memory, u.limit, u.replicas = u.memory+s.Memory, u.limit+s.Limit, u.replicas+1
		if s.Limit > 0 {
			if full := float32(float64(s.Memory) / float64(s.Limit)); !Known(u.fullest) || full > u.fullest {
				u.fullest = full
			}
		}
		all[s.AppID], used[s.ReplicaID] = u, s.CPU
	}
	m.used, m.looked = used, at
	return all
}

// madeLag is how much later than said a replica may have been made: engines tell whole seconds.
const madeLag = time.Second

// cores is what a replica has used since the look before. One that began since then has used all
// of it in that time, and so has one that was started again; of an unknown older one nothing can be said.
func (m *Meter) cores(s platform.Sample, at time.Time) float32 {
	elapsed := at.Sub(m.looked)
	before, known := m.used[s.ReplicaID]
	if m.looked.IsZero() || elapsed <= 0 || !known && s.CreatedAt.Before(m.looked.Add(-madeLag)) {
		return unknown
	}
	if s.CPU < before {
		before = 0
	}
	return float32(float64(s.CPU-before) / float64(elapsed))
}

// into writes what is known into a point. An app without replicas uses nothing.
func (u usage) into(p *Point) {
	p.CPU, p.Memory, p.Limit, p.Fullest, p.Replicas = u.cores, float32(u.memory), float32(u.limit), u.fullest, float32(u.replicas)
	if u.replicas == 0 {
		p.Fullest = unknown
	}
}

// answered is what the visitors of one app got in a step.
type answered struct {
	platform.Traffic
	share float64 // of that which lies in this step: less than all after the proxy was silent for a while
	known bool    // whether it is known when the counting began
}

// answers tells what was counted since the last look and remembers it for the next. A proxy that
// started since then began at zero.
func (m *Meter) answers(totals platform.TrafficTotals, at time.Time) map[string]*answered {
	base := m.totals.Apps
	if !totals.Since.Equal(m.totals.Since) {
		base = nil
	}
	elapsed, known := at.Sub(m.counted), !m.counted.IsZero()
	share := 1.0
	if elapsed > short*3/2 {
		share = float64(short) / float64(elapsed)
	}
	all := make(map[string]*answered, len(totals.Apps))
	for id, now := range totals.Apps {
		all[id] = &answered{grown(now, base[id]), share, known}
	}
	for id := range m.apps {
		if all[id] == nil {
			all[id] = &answered{known: known}
		}
	}
	m.totals, m.counted = totals, at
	return all
}

// into writes what is known into a point, and gives how long the answers took.
func (a *answered) into(p *Point) *times {
	if a == nil || !a.known {
		return nil
	}
	var requests uint64
	for _, n := range a.Classes {
		requests += n
	}
	part := func(n uint64) float32 { return float32(float64(n) * a.share) }
	t := times(a.Times)
	p.Requests, p.Refused, p.Errors, p.In, p.Out = part(requests), part(a.Classes[3]), part(a.Classes[4]), part(a.In), part(a.Out)
	p.Median, p.P95 = t.quantile(0.5), t.quantile(0.95)
	return &t
}
