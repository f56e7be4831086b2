package gitserver

import (
	"errors"
	"fmt"
	"net"
	"os"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"
)

// ended reports whether the other end of a pipe was closed.
func ended(t *testing.T, far net.Conn) bool {
	t.Helper()
	if far.SetReadDeadline(time.Now()) != nil {
		return true
	}
	_, err := far.Read(make([]byte, 1))
	return !errors.Is(err, os.ErrDeadlineExceeded)
}

func TestA24_TheLobbyMakesRoomAtTheExpenseOfTheLargestCrowd(t *testing.T) {
	var l lobby
	far := map[string][]net.Conn{}
	come := func(network string) *guest {
		here, there := net.Pipe()
		t.Cleanup(func() { _ = here.Close(); _ = there.Close() })
		far[network] = append(far[network], there)
		return l.enter(here, network)
	}
	for range mostOfOneSource {
		come("crowd")
	}
	for i := range mostGuests - mostOfOneSource {
		come(fmt.Sprint("single ", i))
	}
	come("another")
	if !ended(t, far["crowd"][0]) || ended(t, far["crowd"][1]) || ended(t, far["single 0"][0]) || ended(t, far["another"][0]) {
		t.Error("a full house: the crowd's oldest should have gone, and nobody else")
	}
	come("crowd")
	come("crowd")
	if !ended(t, far["crowd"][1]) || ended(t, far["single 0"][0]) {
		t.Error("the crowd makes room for its own from among itself")
	}
	if n := len(l.guests); n != mostGuests {
		t.Errorf("%d guests", n)
	}
	l.leave(l.guests[5])
	if n := len(l.guests); n != mostGuests-1 {
		t.Errorf("%d guests after one left", n)
	}
}

func TestNetworkOf_OneSourceIsAnAddressOrA64(t *testing.T) {
	for source, want := range map[string]string{
		"203.0.113.7": "203.0.113.7", "::ffff:203.0.113.7": "203.0.113.7", "2001:db8:1:2:3::4": "2001:db8:1:2::/64",
		"2001:db8:1:2:ffff::1": "2001:db8:1:2::/64", "fe80::1%eth0": "fe80::/64", "what": "what",
	} {
		if have := networkOf(source); have != want {
			t.Errorf("%s is %s, want %s", source, have, want)
		}
	}
}

// Whoever has done a machine's part of the handshake has a person's time, and no more.
func TestA24_AHalfHandshakeEnds(t *testing.T) {
	w := newWorld(t, func(c *Config) { c.SSH.Machine, c.SSH.Person = time.Minute, 300*time.Millisecond })
	_, err := ssh.Dial("tcp", w.sshAddress(), &ssh.ClientConfig{
		User: "git", Auth: []ssh.AuthMethod{ssh.PublicKeys(w.signer(w.key))},
		HostKeyCallback: func(string, net.Addr, ssh.PublicKey) error { // a person compares, for too long
			wait(t, "the server to give up", func() bool {
				w.server.ssh.lobby.mu.Lock()
				defer w.server.ssh.lobby.mu.Unlock()
				return len(w.server.ssh.lobby.guests) == 0
			})
			return nil
		},
	})
	if err == nil {
		t.Error("the connection was kept")
	}
}
