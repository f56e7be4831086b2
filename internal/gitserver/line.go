package gitserver

import (
	"bufio"
	"io"
	"sync/atomic"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/lugsail/lugsail/platform"
)

// line is both directions of a channel. A client that neither sends nor takes a byte for a while
// has gone, and its connection with it: SSH cannot end one channel alone without its help.
type line struct {
	channel ssh.Channel
	in      *bufio.Reader
	idle    *time.Timer
	visit   *visit
	pace    *pace // nil until there is something to come
	swallow bool  // go on without a client
	gone    bool
	late    *time.Timer // nil until end
	closed  atomic.Bool
}

func newLine(v *visit, channel ssh.Channel) *line {
	l := &line{channel: channel, in: bufio.NewReader(channel), visit: v}
	l.idle = time.AfterFunc(v.cfg.SSH.Patience, l.cut)
	return l
}

func (l *line) cut() { _ = l.visit.conn.Close() } // its own goroutine sees it

func (l *line) close() {
	l.closed.Store(true)
	l.idle.Stop()
	if l.late != nil {
		l.late.Stop()
	}
}

// Read reads from the client.
func (l *line) Read(p []byte) (int, error) {
	began := time.Now()
	n, err := l.in.Read(p)
	if err == nil && l.pace != nil && !l.pace.Came(n, time.Since(began)) {
		_, _ = io.WriteString(l.channel.Stderr(), lines(platform.AsError(l.pace.tooSlow))) // the client may have gone
		time.AfterFunc(farewell, l.cut)                                                    // what it has sent already would come for a long time
		err = l.pace.tooSlow
	}
	l.idle.Reset(l.visit.cfg.SSH.Patience)
	return n, err
}

// Write writes to the client.
func (l *line) Write(p []byte) (int, error) {
	if l.gone {
		return len(p), nil
	}
	n, err := l.channel.Write(p)
	l.idle.Reset(l.visit.cfg.SSH.Patience)
	if err != nil && l.swallow {
		l.gone = true
		return len(p), nil
	}
	return n, err
}

// delivered tells the client how git ended.
func (l *line) delivered(err error) {
	status := uint32(0)
	if err != nil {
		status = 1
	}
	end(l.channel, status)
}

// end lets the client stop sending by itself for a while.
func (l *line) end(grace time.Duration) {
	l.late = time.AfterFunc(grace, func() {
		_ = l.channel.Close() // with the client's help, else without
		time.AfterFunc(farewell, func() {
			if !l.closed.Load() {
				l.cut()
			}
		})
	})
}
