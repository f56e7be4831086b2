package account

import (
	"net/netip"
	"sync"
	"time"

	"github.com/lugsail/lugsail/platform"
)

// rate is a bucket of tries: so many at once, then one each period. A bucket is full again
// after 15 minutes at most, so nobody waits longer.
type rate struct {
	burst  int
	period time.Duration
}

var (
	pairRate    = rate{burst: 10, period: time.Minute}      // one account, one source
	accountRate = rate{burst: 100, period: 9 * time.Second} // one account, all sources
	sourceRate  = rate{burst: 30, period: 2 * time.Second}
)

// maxBuckets bounds the memory that strangers can make us use, to about 2 MB.
const maxBuckets = 10_000

// limiter counts wrong tries in memory; a restart forgets them.
type limiter struct {
	mu      sync.Mutex
	buckets map[string]*bucket
}

// bucket is spent up to debt tries, and gives one back each period since.
type bucket struct {
	rate  rate
	debt  float64
	since time.Time
}

func newLimiter() *limiter { return &limiter{buckets: map[string]*bucket{}} }

// try is a reserved try: it counts as wrong unless it is given back.
type try struct {
	limits  *limiter
	buckets []*bucket
}

// reserve takes a try from each bucket, or from none and says how long to wait. Trying many
// at the same time is no way around it.
func (l *limiter) reserve(now time.Time, rates map[string]rate) (try, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	t := try{limits: l}
	for key, r := range rates {
		b := l.at(now, key, r)
		if wait := b.wait(); wait > 0 {
			return try{}, slowDown(wait)
		}
		t.buckets = append(t.buckets, b)
	}
	for _, b := range t.buckets {
		b.debt++
	}
	return t, nil
}

// wait tells how long the bucket is empty, without taking from it.
func (l *limiter) wait(now time.Time, key string) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	b, ok := l.buckets[key]
	if !ok {
		return nil
	}
	b.refill(now)
	if wait := b.wait(); wait > 0 {
		return slowDown(wait)
	}
	return nil
}

// giveBack makes the try not count: it was right.
func (t try) giveBack() {
	t.limits.mu.Lock()
	defer t.limits.mu.Unlock()
	for _, b := range t.buckets {
		b.debt = max(0, b.debt-1)
	}
}

// at finds a bucket and lets it refill up to now.
func (l *limiter) at(now time.Time, key string, r rate) *bucket {
	b, ok := l.buckets[key]
	if !ok {
		l.makeRoom(now)
		b = &bucket{rate: r, since: now}
		l.buckets[key] = b
	}
	b.refill(now)
	return b
}

func (b *bucket) refill(now time.Time) {
	if passed := now.Sub(b.since); passed > 0 {
		b.debt = max(0, b.debt-float64(passed)/float64(b.rate.period))
	}
	b.since = now // also after the clock went back
}

func (b *bucket) wait() time.Duration {
	over := b.debt - float64(b.rate.burst-1)
	if over <= 1e-6 {
		return 0
	}
	return min(time.Duration(over*float64(b.rate.period)), 15*time.Minute)
}

// makeRoom drops buckets that are full again, or the one that is longest untouched.
func (l *limiter) makeRoom(now time.Time) {
	if len(l.buckets) < maxBuckets {
		return
	}
	oldest, since := "", now
	for key, b := range l.buckets {
		if now.Sub(b.since) > time.Duration(float64(b.rate.period)*b.debt) {
			delete(l.buckets, key)
		} else if !b.since.After(since) {
			oldest, since = key, b.since
		}
	}
	if len(l.buckets) >= maxBuckets {
		delete(l.buckets, oldest)
	}
}

func slowDown(wait time.Duration) error {
	seconds := int(wait/time.Second) + 1
	return platform.Errorf(platform.TooMany, "too_many_tries", "There were too many wrong tries.").
		WithHint("Wait %d seconds and try again.", seconds)
}

// network is what counts as one source: an IPv4 address, or a /64 of IPv6.
func network(source string) string {
	addr, err := netip.ParseAddr(source)
	if err != nil {
		return source
	}
	addr = addr.Unmap().WithZone("")
	if addr.Is4() {
		return addr.String()
	}
	prefix, err := addr.Prefix(64)
	if err != nil {
		return source
	}
	return prefix.String()
}
