package docker

import (
	"errors"
	"fmt"
	"time"

	"github.com/lugsail/lugsail/platform"
)

// follower gives lines on, and knows where to go on in the next stream.
type follower struct {
	fn      func(platform.LogLine) error
	name    string
	release int
	began   time.Time
	pause   time.Duration // before the next try
	opened  bool          // a stream was had
	refused error         // what fn said
	streams [2]progress   // stdout, stderr
}

// progress is how far one of the two streams was read.
type progress struct {
	line assembler
	last time.Time // of the newest record
}

const firstPause = time.Second / 20

func newFollower(name string, release int, fn func(platform.LogLine) error) *follower {
	return &follower{fn: fn, name: name, release: release, began: time.Now(), pause: firstPause}
}

var errNoTime = errors.New("a log record has no time")

// take is given each record of a stream.
func (f *follower) take(stream byte, record []byte) error {
	at, text, ok := splitTime(record)
	if !ok {
		return errNoTime
	}
	name, p := "stdout", &f.streams[0]
	if stream == stderrStream {
		name, p = "stderr", &f.streams[1]
	}
	if p.repeats(at, time.Now()) {
		return nil
	}
	f.pause = firstPause
	line, complete := p.line.add(text)
	if !complete {
		return nil
	}
	f.refused = f.fn(platform.LogLine{At: at, Replica: f.name, Release: f.release, Stream: name, Text: line})
	return f.refused
}

// repeats reports whether a record was taken before. Within one stream every record
// has a later time than the one before, but for the parts of a long line, and
// unless the clock was set back: then the newest record is of the future.
func (p *progress) repeats(at, now time.Time) bool {
	if at.After(p.last) || p.last.After(now) {
		p.last = at
		return false
	}
	return !at.Equal(p.last) || !p.line.open()
}

// resume prepares for the next stream and gives the time to ask it from.
func (f *follower) resume() (since string) {
	var from time.Time
	for i := range f.streams {
		p := &f.streams[i]
		if p.line.restart() {
			p.last = p.last.Add(-1) // so that its parts are taken again
		}
		if p.last.After(from) {
			from = p.last
		}
	}
	if from.IsZero() {
		from = f.began
	}
	return fmt.Sprintf("%d.%09d", from.Unix(), from.Nanosecond())
}

func (f *follower) nextPause(most time.Duration) time.Duration {
	pause := f.pause
	f.pause = min(2*f.pause, most)
	return pause
}
