package web

import (
	"math"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/lugsail/lugsail/platform"
)

// allowance is how many requests of the API may come at once, and how many each second after that.
type allowance struct{ burst, each float64 }

// Far above what a person with a few scripts and browsers does; a runaway loop feels it.
var (
	tokenAllowance  = allowance{burst: 600, each: 20}   // of one token or session
	sourceAllowance = allowance{burst: 3000, each: 100} // of one address, whoever asks: an office may share it
)

// maxMeters bounds the memory that strangers can make us use, to a few MB.
const maxMeters = 20_000

// limits counts requests in memory; a restart forgets them.
type limits struct {
	now    func() time.Time
	mu     sync.Mutex
	meters map[string]*meter
	swept  time.Time
}

// meter is what one token or address has left.
type meter struct {
	allowance
	left  float64
	since time.Time
}

func newLimits(now func() time.Time) *limits {
	return &limits{now: now, meters: map[string]*meter{}}
}

// spend takes one request, or none and tells how long to wait for one.
func (l *limits) spend(who string, a allowance) (left float64, wait time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.now()
	m, ok := l.meters[who]
	if !ok {
		l.makeRoom(now)
		m = &meter{allowance: a, left: a.burst, since: now}
		l.meters[who] = m
	}
	m.refill(now)
	if m.left < 1 {
		return 0, time.Duration((1 - m.left) / m.each * float64(time.Second))
	}
	m.left--
	return m.left, 0
}

func (m *meter) refill(now time.Time) {
	if passed := now.Sub(m.since); passed > 0 {
		m.left = min(m.burst, m.left+passed.Seconds()*m.each)
	}
	m.since = now // also after the clock went back
}

// makeRoom drops meters that are full again, once a second at most, else any one of them.
func (l *limits) makeRoom(now time.Time) {
	if len(l.meters) < maxMeters {
		return
	}
	if now.Sub(l.swept) >= time.Second || now.Before(l.swept) {
		l.swept = now
		for who, m := range l.meters {
			if m.refill(now); m.left >= m.burst {
				delete(l.meters, who)
			}
		}
	}
	for who := range l.meters {
		if len(l.meters) < maxMeters {
			return
		}
		delete(l.meters, who)
	}
}

// meter counts a request of the API, and tells in the headers what is left.
func (s *Server) meter(c echo.Context, who string, a allowance) error {
	left, wait := s.limits.spend(who, a)
	header := c.Response().Header()
	header.Set("RateLimit-Limit", whole(a.burst))
	header.Set("RateLimit-Remaining", whole(left))
	header.Set("RateLimit-Reset", whole(math.Ceil((a.burst-left)/a.each)))
	if wait == 0 {
		return nil
	}
	seconds := whole(math.Ceil(wait.Seconds()))
	header.Set("Retry-After", seconds)
	return platform.Errorf(platform.TooMany, "too_many_requests", "That were too many requests in a short time.").
		WithHint("Wait %s seconds and go on more slowly: %s requests a second are always fine.", seconds, whole(a.each))
}

func whole(f float64) string { return strconv.FormatInt(int64(f), 10) }

// meterSource counts requests by the address that they come from. The server itself is nobody's stranger.
func (s *Server) meterSource(c echo.Context) error {
	address, err := netip.ParseAddr(c.RealIP())
	if err != nil || address.IsLoopback() || !isAPI(c.Request()) {
		return nil //nolint:nilerr // what has no address is this server's own
	}
	if address.Is6() {
		if whole, err := address.Prefix(64); err == nil {
			address = whole.Addr() // one network of IPv6 is one customer
		}
	}
	return s.meter(c, address.String(), sourceAllowance)
}

func (s *Server) meterActor(c echo.Context, actor platform.Actor) error {
	if !isAPI(c.Request()) {
		return nil
	}
	return s.meter(c, actor.SessionID, tokenAllowance)
}

func isAPI(r *http.Request) bool { return strings.HasPrefix(r.URL.Path, "/api/") }
