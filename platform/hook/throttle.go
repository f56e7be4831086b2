package hook

import (
	"sync"
	"time"
)

// Rate is so many at once, and one more each period.
type Rate struct {
	Burst  int
	Period time.Duration
}

// Throttle counts what is too much, by key, in memory. The zero value is ready; it is asked with
// the same rate always.
type Throttle struct {
	mu   sync.Mutex
	debt map[string]spent
}

type spent struct {
	debt  float64
	since time.Time
}

// maxKeys bounds the memory that strangers can make us use.
const maxKeys = 10_000

// Take counts one, and reports false and how long to wait when it is too much.
func (t *Throttle) Take(now time.Time, key string, r Rate) (wait time.Duration, ok bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	s := t.at(now, key, r)
	if s.debt > float64(r.Burst-1)+1e-9 {
		return max(time.Second, time.Duration((s.debt-float64(r.Burst-1))*float64(r.Period))), false
	}
	s.debt++
	t.keep(now, key, s, r)
	return 0, true
}

// Full reports whether the next one would be too much, without counting.
func (t *Throttle) Full(now time.Time, key string, r Rate) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.at(now, key, r).debt > float64(r.Burst-1)+1e-9
}

func (t *Throttle) at(now time.Time, key string, r Rate) spent {
	s := t.debt[key]
	if passed := now.Sub(s.since); passed > 0 {
		s.debt = max(0, s.debt-float64(passed)/float64(r.Period))
	}
	s.since = now
	return s
}

// keep drops keys that owe nothing any more, or all, when there are too many.
func (t *Throttle) keep(now time.Time, key string, s spent, r Rate) {
	if t.debt == nil {
		t.debt = map[string]spent{}
	}
	if _, known := t.debt[key]; !known && len(t.debt) >= maxKeys {
		for k := range t.debt {
			if t.at(now, k, r).debt == 0 {
				delete(t.debt, k)
			}
		}
		if len(t.debt) >= maxKeys {
			clear(t.debt)
		}
	}
	t.debt[key] = s
}
