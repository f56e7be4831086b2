package observe

import "time"

// ring keeps the newest points of a fixed count of steps. A step is told by its number since
// the year 1970, so that what nobody measured stays a gap.
type ring struct {
	points []Point
	newest int64
}

func newRing(size int) ring {
	r := ring{points: make([]Point, size)}
	for i := range r.points {
		r.points[i] = blank()
	}
	return r
}

// put keeps the point of a step. Steps that were left out are gaps. When the clock has gone back, what
// was measured from then on is forgotten.
func (r *ring) put(step int64, p Point) {
	size := int64(len(r.points))
	from, to := r.newest+1, step
	if step <= r.newest {
		from, to = step, r.newest
	}
	if to-from >= size {
		from = to - size + 1
	}
	for s := from; s <= to; s++ {
		r.points[s%size] = blank()
	}
	r.points[step%size], r.newest = p, step
}

// read gives the points of count steps, the last of which is to.
func (r *ring) read(to int64, count int) []Point {
	out := make([]Point, count)
	size := int64(len(r.points))
	for i := range out {
		step := to - int64(count-1-i)
		if step < 0 || step > r.newest || step <= r.newest-size {
			out[i] = blank()
			continue
		}
		out[i] = r.points[step%size]
	}
	return out
}

func stepOf(t time.Time, step time.Duration) int64 { return t.UnixNano() / int64(step) }

func stepStart(n int64, step time.Duration) time.Time { return time.Unix(0, n*int64(step)).UTC() }
