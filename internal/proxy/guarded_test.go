package proxy

import (
	"errors"
	"net"
	"os"
	"testing"
	"time"
)

// nearlyFull is a connection whose other side takes nothing more.
func nearlyFull(t *testing.T, stall time.Duration) *guardedConn {
	t.Helper()
	mine, other := net.Pipe()
	t.Cleanup(func() { _, _ = mine.Close(), other.Close() })
	return &guardedConn{Conn: mine, leave: func() {}, stall: stall}
}

func TestGuarded_WriteEndsAfterTheStall(t *testing.T) {
	c := nearlyFull(t, 50*time.Millisecond)
	if _, err := c.Write([]byte("x")); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Error(err)
	}
}

// crypto/tls gives its last word five seconds, and a deadline in the past to what may not be written.
func TestGuarded_DeadlineFromOutsideCounts(t *testing.T) {
	c := nearlyFull(t, time.Hour)
	if err := c.SetWriteDeadline(past); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Write([]byte("x")); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Error(err)
	}
	if err := c.SetDeadline(time.Now().Add(50 * time.Millisecond)); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Write([]byte("x")); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Error(err)
	}
	c.stall = 50 * time.Millisecond
	if err := c.SetWriteDeadline(time.Time{}); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Write([]byte("x")); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Error("without one the stall counts again:", err)
	}
}
