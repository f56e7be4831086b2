package deploy

import (
	"sync"
	"time"
)

// backoff spaces out what is tried again and again: 1, 2, 4 … 60 seconds.
type backoff struct {
	mu    sync.Mutex
	tries map[string]try
}

// try is when something may be tried next, and how long it waits after that.
type try struct {
	next time.Time
	gap  time.Duration
}

// forgetAfter is how long something must have gone well to begin again with a short wait.
const forgetAfter = 2 * time.Minute

// due gives 0 when a try is due, and counts it; else how long it is to wait.
func (b *backoff) due(key string, now time.Time) time.Duration {
	b.mu.Lock()
	defer b.mu.Unlock()
	last := b.tries[key]
	if now.Before(last.next) {
		return last.next.Sub(now)
	}
	b.forget(now)
	gap := min(2*b.tries[key].gap, time.Minute)
	if gap == 0 {
		gap = time.Second
	}
	if b.tries == nil {
		b.tries = map[string]try{}
	}
	b.tries[key] = try{now.Add(gap), gap}
	return 0
}

// forget drops what has gone well for a while.
func (b *backoff) forget(now time.Time) {
	for key, t := range b.tries {
		if now.Sub(t.next) > forgetAfter {
			delete(b.tries, key)
		}
	}
}
