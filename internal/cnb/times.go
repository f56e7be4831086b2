package cnb

import (
	"fmt"
	"strings"
	"time"
)

// times are how long the parts of a build took.
type times struct {
	began, last time.Time
	parts       []string
}

func newTimes() *times {
	now := time.Now()
	return &times{began: now, last: now}
}

func (t *times) mark(part string) {
	now := time.Now()
	t.parts = append(t.parts, fmt.Sprintf("%s %.2f s", part, now.Sub(t.last).Seconds()))
	t.last = now
}

func (t *times) String() string {
	return fmt.Sprintf("%.2f s (%s)", t.last.Sub(t.began).Seconds(), strings.Join(t.parts, ", "))
}
