package observe

import (
	"cmp"
	"slices"
	"time"

	"github.com/lugsail/lugsail/platform"
)

// Range is how far back a series goes.
type Range string

// The ranges that are kept.
const (
	LastHour Range = "1h"  // in steps of 10 seconds
	LastDay  Range = "24h" // in steps of a minute
)

// ParseRange reads a range; "" means the last hour. Another one is Invalid, code range_invalid.
func ParseRange(text string) (Range, error) {
	switch r := Range(text); r {
	case "":
		return LastHour, nil
	case LastHour, LastDay:
		return r, nil
	}
	return "", platform.Errorf(platform.Invalid, "range_invalid", "There are no numbers for the range %.20q.", text).
		WithHint("Ask for 1h or 24h.")
}

// Series is the recent past of one app.
type Series struct {
	Range  Range
	From   time.Time     // when the first step began
	Step   time.Duration // how long each lasts
	Since  time.Time     // when the measuring began; what is older is a gap
	Points []Point
}

// Series gives the past of an app, by its id. One that was never seen has gaps only.
func (m *Meter) Series(appID string, r Range) Series {
	step, count := short, shorts
	if r == LastDay {
		step, count = long, longs
	}
	out := Series{Range: r, Step: step}
	var to int64
	out.Points, to, out.Since = m.last(appID, step, count)
	out.From = stepStart(to-int64(count)+1, step)
	return out
}

// last reads the newest points that there are, up to the step that it gives, and tells since when there are any.
func (m *Meter) last(appID string, step time.Duration, count int) (points []Point, to int64, since time.Time) {
	if m == nil {
		to = stepOf(time.Now(), step) - 1
		return m.points(appID, step, to, count), to, since
	}
	m.mu.RLock()
	defer m.mu.RUnlock()
	to = m.newest(step, stepOf(m.Now(), step)-1)
	return m.points(appID, step, to, count), to, m.since
}

// newest is the last step that was measured, unless that is long ago: a look may be under way, or have come a moment early.
func (m *Meter) newest(step time.Duration, over int64) int64 {
	measured := m.step
	if step == long {
		measured = (m.step+1)/perMinute - 1
	}
	if off := over - measured; off >= -1 && off <= 1 {
		return measured
	}
	return over
}

func (m *Meter) points(appID string, step time.Duration, to int64, count int) []Point {
	var r ring
	if m != nil && m.apps[appID] != nil {
		r = m.apps[appID].shorts
		if step == long {
			r = m.apps[appID].longs
		}
	}
	return r.read(to, count)
}

// Minutes gives the last hour of an app in steps of a minute, for small drawings.
func (m *Meter) Minutes(appID string) []Point {
	points, _, _ := m.last(appID, long, 60)
	return points
}

// Recent is the last hour of an app in a few numbers.
type Recent struct {
	Measured time.Duration // how much of the hour is known of its visitors; 0: nothing
	Requests float64       // in that time
	Errors   float64       // of these
	Median   time.Duration // until an answer began; 0: there was none
	CPU      float32       // processors in the last minute; unknown is NaN
	Memory   float32       // bytes, newest
	Limit    float32       // bytes, newest
	Replicas float32       // newest
	Fullest  float32       // how full the fullest replica has been for five minutes without a break; NaN: not known for so long
}

// Recent sums the last hour of an app up.
func (m *Meter) Recent(appID string) Recent { return recent(m.Series(appID, LastHour).Points) }

func recent(points []Point) Recent {
	r := Recent{CPU: unknown, Memory: unknown, Limit: unknown, Replicas: unknown, Fullest: lasting(points)}
	var cpu mean
	for i, p := range points {
		if Known(p.Requests) {
			r.Measured += short
			r.Requests, r.Errors = r.Requests+float64(p.Requests), r.Errors+float64(p.Errors)
		}
		if i >= len(points)-int(perMinute) {
			cpu.add(p.CPU)
		}
		if Known(p.Memory) {
			r.Memory, r.Limit, r.Replicas = p.Memory, p.Limit, p.Replicas
		}
	}
	r.CPU, r.Median = cpu.average(), middle(points)
	return r
}

const (
	lastingSteps = int(5 * time.Minute / short)
	lastingKnown = lastingSteps * 4 / 5 // the rest may be gaps
)

// lasting is the least that the fullest replica has held in the last five minutes: a single spike is not it.
func lasting(points []Point) float32 {
	least, known := unknown, 0
	for _, p := range points[max(0, len(points)-lastingSteps):] {
		if !Known(p.Fullest) {
			continue
		}
		if known++; !Known(least) || p.Fullest < least {
			least = p.Fullest
		}
	}
	if known < lastingKnown {
		return unknown
	}
	return least
}

// middle is the median of the steps' medians, each as often as it had requests: close to that of all answers.
func middle(points []Point) time.Duration {
	all := make([]Point, 0, len(points))
	var sum, below float64
	for _, p := range points {
		if Known(p.Median) && p.Requests > 0 {
			all, sum = append(all, p), sum+float64(p.Requests)
		}
	}
	slices.SortFunc(all, func(a, b Point) int { return cmp.Compare(a.Median, b.Median) })
	for _, p := range all {
		if below += float64(p.Requests); 2*below >= sum {
			return time.Duration(float64(p.Median) * float64(time.Second))
		}
	}
	return 0
}
