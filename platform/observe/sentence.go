package observe

import (
	"fmt"
	"time"

	"github.com/lugsail/lugsail/platform"
)

// nearlyFull is how much of its memory a replica may hold for minutes until somebody is told.
const nearlyFull = 0.9

func (r Recent) full() bool { return r.Fullest >= nearlyFull && r.Limit > 0 && r.Replicas >= 1 }

func (r Recent) fullText() string {
	return fmt.Sprintf("Memory is at %.0f %% of %s. What needs more is ended and started again: choose a larger plan, or let the app keep less in memory.",
		100*r.Fullest, platform.Bytes(int64(r.Limit/r.Replicas)))
}

// enoughKnown is how much of an hour must have been measured to speak of it.
const enoughKnown = 5 * time.Minute

// visits says what the visitors of the last hour got; "" when too little is known.
func (r Recent) visits() string {
	if r.Measured < enoughKnown {
		return ""
	}
	span := "the last hour"
	if r.Measured < 55*time.Minute {
		span = fmt.Sprintf("the last %d minutes", int(r.Measured.Minutes()))
	}
	requests, failed := int64(r.Requests+0.5), int64(r.Errors+0.5)
	if requests == 0 {
		return "no request in " + span + "."
	}
	text := many(requests, "request") + " in " + span
	if failed > 0 {
		text += fmt.Sprintf(", %d of them failed", failed)
	}
	if r.Median > 0 {
		text += ", answers in " + Took(r.Median)
	}
	return text + "."
}

// Took says a short time to people: "0.4 ms", "38 ms", "1.2 s".
func Took(d time.Duration) string {
	switch ms := d.Seconds() * 1000; {
	case ms < 9.95:
		return fmt.Sprintf("%.1f ms", ms)
	case ms < 999.5:
		return fmt.Sprintf("%.0f ms", ms)
	}
	return fmt.Sprintf("%.1f s", d.Seconds())
}

func many(n int64, word string) string {
	if n == 1 {
		return "1 " + word
	}
	return fmt.Sprintf("%s %ss", grouped(n), word)
}

// grouped writes a number with a comma at each thousand.
func grouped(n int64) string {
	if n < 1000 {
		return fmt.Sprint(n)
	}
	return fmt.Sprintf("%s,%03d", grouped(n/1000), n%1000)
}
