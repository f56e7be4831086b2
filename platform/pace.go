package platform

import "time"

// The least rate of a sender: over each minute that was spent waiting for it. A telephone at the edge of
// its network is ten times as fast; what comes byte by byte only keeps a place from others.
const (
	PaceWindow = time.Minute
	PaceBytes  = 64 << 10
)

// Pace tells senders that are slow from those that keep a place by sending next to nothing. Only the time
// counts that was spent waiting for the sender: what the server itself holds up is not its fault. One long
// pause does not count in full, as a sender may have to think; how long one may be, others decide. The zero value
// begins with the first byte.
type Pace struct {
	Window time.Duration // 0 means PaceWindow

	waited time.Duration
	came   int64
}

// Came notes that n bytes came after so much waiting, and reports false when that was too slow.
func (p *Pace) Came(n int, waited time.Duration) bool {
	window := p.Window
	if window <= 0 {
		window = PaceWindow
	}
	p.waited, p.came = p.waited+min(waited, window/2), p.came+int64(n)
	if p.waited < window {
		return true
	}
	enough := p.came >= PaceBytes
	p.waited, p.came = 0, 0
	return enough
}
