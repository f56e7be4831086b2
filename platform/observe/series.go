package observe

import (
	"time"

	"github.com/lugsail/lugsail/platform"
)

const (
	short     = 10 * time.Second
	long      = time.Minute
	perMinute = int64(long / short)
	shorts    = int(time.Hour / short)
	longs     = int(24 * time.Hour / long)
)

// series is the recent past of one app: 10-second points of an hour and minutes of a day,
// 86 KB whatever happens.
type series struct {
	shorts ring
	longs  ring
	minute minute
}

func newSeries() *series { return &series{shorts: newRing(shorts), longs: newRing(longs)} }

// put keeps the point of a short step, and its minute when it is over.
func (s *series) put(step int64, p Point, answers *times) {
	if now := step / perMinute; now != s.minute.number {
		s.flush()
		s.minute = minute{number: now}
	}
	s.shorts.put(step, p)
	s.minute.add(p, answers)
	if step%perMinute == perMinute-1 {
		s.flush()
	}
}

func (s *series) flush() {
	if s.minute.points > 0 {
		s.longs.put(s.minute.number, s.minute.point())
	}
	s.minute.points = 0
}

// minute gathers the points of one minute.
type minute struct {
	number  int64
	points  int
	means   [5]mean // of CPU, memory, limit, fullest, replicas
	sums    [5]mean // of requests, refused, errors, in, out
	answers times
}

// mean adds up what is known.
type mean struct {
	sum   float64
	count int
}

func (m *mean) add(v float32) {
	if Known(v) {
		m.sum, m.count = m.sum+float64(v), m.count+1
	}
}

func (m *mean) average() float32 { return m.over(m.count) }
func (m *mean) total() float32   { return m.over(min(m.count, 1)) }

func (m *mean) over(n int) float32 {
	if n == 0 {
		return unknown
	}
	return float32(m.sum / float64(n))
}

func (m *minute) add(p Point, answers *times) {
	m.points++
	for i, v := range [5]float32{p.CPU, p.Memory, p.Limit, p.Fullest, p.Replicas} {
		m.means[i].add(v)
	}
	for i, v := range [5]float32{p.Requests, p.Refused, p.Errors, p.In, p.Out} {
		m.sums[i].add(v)
	}
	if answers == nil {
		return
	}
	for i, n := range answers {
		m.answers[i] += n
	}
}

func (m *minute) point() Point {
	return Point{
		CPU: m.means[0].average(), Memory: m.means[1].average(), Limit: m.means[2].average(), Fullest: m.means[3].average(), Replicas: m.means[4].average(),
		Requests: m.sums[0].total(), Refused: m.sums[1].total(), Errors: m.sums[2].total(), In: m.sums[3].total(), Out: m.sums[4].total(),
		Median: m.answers.quantile(0.5), P95: m.answers.quantile(0.95),
	}
}

// Sum makes one point of several: means of what is used, sums of what is counted, and of the answer
// times the middle of the steps' medians and the largest p95. known is false when nothing of it is.
func Sum(points []Point) (sum Point, known bool) {
	m, worst := minute{}, unknown
	for _, p := range points {
		m.add(p, nil)
		if Known(p.P95) && (!Known(worst) || p.P95 > worst) {
			worst = p.P95
		}
	}
	sum = m.point()
	sum.P95 = worst
	if d := middle(points); d > 0 {
		sum.Median = float32(d.Seconds())
	}
	return sum, Known(sum.Memory) || Known(sum.Requests)
}

// grown tells what was counted since base. Where a count has fallen, the app was forgotten meanwhile and began at zero.
func grown(now, base platform.Traffic) platform.Traffic {
	fell := now.In < base.In || now.Out < base.Out
	for i := range now.Classes {
		fell = fell || now.Classes[i] < base.Classes[i]
	}
	for i := range now.Times {
		fell = fell || now.Times[i] < base.Times[i]
	}
	if fell {
		return now
	}
	d := now
	d.In, d.Out = now.In-base.In, now.Out-base.Out
	for i := range now.Classes {
		d.Classes[i] -= base.Classes[i]
	}
	for i := range now.Times {
		d.Times[i] -= base.Times[i]
	}
	return d
}
