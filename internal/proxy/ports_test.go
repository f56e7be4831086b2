package proxy

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/lugsail/lugsail/platform"
)

// echoes is a database that says each line again, and BYE when nobody says anything any more.
func echoes(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer func() { _ = c.Close() }()
				_, _ = io.Copy(c, c)
				_, _ = io.WriteString(c, "BYE\n")
			}()
		}
	}()
	return l.Addr().String()
}

func freePort(t *testing.T) int {
	t.Helper()
	l, err := net.Listen("tcp", ":0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	return l.Addr().(*net.TCPAddr).Port
}

func (r *rig) publishPorts(t *testing.T, boot string, ports ...platform.OpenPort) {
	t.Helper()
	r.revision++
	if err := r.control.Publish(context.Background(), platform.RouteTable{Revision: r.revision, BootID: boot, Ports: ports}); err != nil {
		t.Fatal(err)
	}
}

// from connects to a port of this machine from one of its addresses.
func from(t *testing.T, source string, port int) (net.Conn, error) {
	t.Helper()
	dialer := net.Dialer{Timeout: 5 * time.Second, LocalAddr: &net.TCPAddr{IP: net.ParseIP(source)}}
	c, err := dialer.Dial("tcp", (&net.TCPAddr{IP: net.ParseIP("127.0.0.1"), Port: port}).String())
	if err == nil {
		t.Cleanup(func() { _ = c.Close() })
		_ = c.SetDeadline(time.Now().Add(10 * time.Second))
	}
	return c, err
}

// echoed tells whether a line comes back.
func echoed(c net.Conn, err error) bool {
	if err != nil {
		return false
	}
	if _, err := io.WriteString(c, "hello\n"); err != nil {
		return false
	}
	line, err := bufio.NewReader(io.LimitReader(c, 6)).ReadString('\n')
	return err == nil && line == "hello\n"
}

func openTo(port int, target string, until time.Duration, sources ...string) platform.OpenPort {
	o := platform.OpenPort{Port: port, Target: target, Until: time.Now().Add(until), Addon: "shop-db"}
	for _, s := range sources {
		o.Sources = append(o.Sources, netip.MustParsePrefix(s))
	}
	return o
}

func TestPorts_LetThoseInWhoMay(t *testing.T) {
	r, port, db := newRig(t), freePort(t), echoes(t)
	if echoed(from(t, "127.0.0.1", port)) {
		t.Fatal("it is open before anybody opened it")
	}
	r.publishPorts(t, testBoot, openTo(port, db, time.Hour, "127.0.0.1/32"))
	c, err := from(t, "127.0.0.1", port)
	if !echoed(c, err) {
		t.Fatalf("who may does not get through: %v", err)
	}
	if echoed(from(t, "127.0.0.2", port)) {
		t.Error("somebody else gets through")
	}
	if err := c.(*net.TCPConn).CloseWrite(); err != nil {
		t.Fatal(err)
	}
	if rest, err := io.ReadAll(c); err != nil || string(rest) != "BYE\n" {
		t.Errorf("after one side has ended: %q, %v", rest, err)
	}

	stays, err := from(t, "127.0.0.1", port)
	if !echoed(stays, err) {
		t.Fatal(err)
	}
	r.publishPorts(t, testBoot, openTo(port, db, time.Hour, "127.0.0.2/32"))
	if echoed(stays, nil) {
		t.Error("a connection stays that is no longer allowed")
	}
	if !echoed(from(t, "127.0.0.2", port)) {
		t.Error("who may now does not get through")
	}
	r.publishPorts(t, testBoot)
	if c, err := from(t, "127.0.0.2", port); err == nil {
		t.Errorf("closed, it still accepts: %v", c.RemoteAddr())
	}
}

func TestPorts_EndByThemselves(t *testing.T) {
	r, port, db := newRig(t), freePort(t), echoes(t)
	r.publishPorts(t, testBoot, openTo(port, db, 1500*time.Millisecond, "127.0.0.0/8"))
	c, err := from(t, "127.0.0.1", port)
	if !echoed(c, err) {
		t.Fatal(err)
	}
	if _, err := io.ReadAll(c); err != nil && !strings.Contains(err.Error(), "reset") {
		t.Errorf("it is not ended when its time is over: %v", err)
	}
	if _, err := from(t, "127.0.0.1", port); err == nil {
		t.Error("its time is over, and it still accepts")
	}
}

func TestPorts_TellWhyAndTryAgain(t *testing.T) {
	r, db := newRig(t), echoes(t)
	taken, err := net.Listen("tcp", ":0")
	if err != nil {
		t.Fatal(err)
	}
	port := taken.Addr().(*net.TCPAddr).Port
	r.publishPorts(t, testBoot, openTo(port, db, time.Hour, "127.0.0.0/8"))
	status, err := r.control.Status(context.Background())
	if err != nil || !strings.Contains(status.Ports[port], "in use") {
		t.Errorf("a port that somebody else has: %v, %v", status.Ports, err)
	}
	_ = taken.Close()
	deadline := time.Now().Add(20 * time.Second)
	for !echoed(from(t, "127.0.0.1", port)) {
		if time.Now().After(deadline) {
			t.Fatal("free now, it is not opened")
		}
		time.Sleep(100 * time.Millisecond)
	}
	if status, err := r.control.Status(context.Background()); err != nil || len(status.Ports) > 0 {
		t.Errorf("open now: %v, %v", status.Ports, err)
	}
}

// The addresses of another boot may be somebody else's.
func TestPorts_OfAnotherBootStayClosed(t *testing.T) {
	r, port, db := newRig(t), freePort(t), echoes(t)
	r.publishPorts(t, "another boot", openTo(port, db, time.Hour, "127.0.0.0/8"))
	if _, err := from(t, "127.0.0.1", port); err == nil {
		t.Error("it is open")
	}
	r.publishPorts(t, testBoot, openTo(port, "", time.Hour, "127.0.0.0/8"))
	if echoed(from(t, "127.0.0.1", port)) {
		t.Error("it answers without an add-on behind it")
	}
}
