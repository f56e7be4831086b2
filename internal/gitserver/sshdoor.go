package gitserver

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/lugsail/lugsail/platform"
)

// SSH is what the SSH door has to know. Without an address there is none.
type SSH struct {
	Address  string        // ":2222"; "" means no SSH
	HostKey  string        // file of the host key; made when missing
	Machine  time.Duration // for a client's side of the key exchange; 0 means 15 seconds
	Person   time.Duration // for a person to compare the fingerprint, and to unlock a key; 0 means 2 minutes
	Patience time.Duration // with a client that neither sends nor takes a byte; 0 means 2 minutes
}

// Most connections that have shown a key: at all, and of one account.
const (
	mostInside       = 256
	mostOfOneAccount = 32
)

// sshDoor is the part of the server that SSH clients reach.
type sshDoor struct {
	*Server
	lobby lobby

	mu      sync.Mutex
	key     HostKey
	address net.Addr        // nil until it listens
	trouble error           // why it does not
	inside  map[*visit]bool // connections that have shown a key
	known   map[string]bool // networks from which a right key came: never shut out by others there
	spare   map[string]bool // keys that are not known, of people who have a right one too
	visits  sync.WaitGroup
}

func newSSHDoor(s *Server) *sshDoor {
	return &sshDoor{Server: s, inside: map[*visit]bool{}, known: map[string]bool{}, spare: map[string]bool{}}
}

// SSHFingerprint is that of the host key; "" when SSH is off or does not work.
func (s *Server) SSHFingerprint() string {
	s.ssh.mu.Lock()
	defer s.ssh.mu.Unlock()
	if s.ssh.key.signer == nil {
		return ""
	}
	return s.ssh.key.Fingerprint()
}

// SSHTrouble is nil, or why the SSH door is not open although it should be.
func (s *Server) SSHTrouble() error {
	s.ssh.mu.Lock()
	defer s.ssh.mu.Unlock()
	return s.ssh.trouble
}

// run opens the door and serves until ctx ends. A port that is taken, or a host key that is
// damaged, must not take the console and the apps along: it is tried again until it works.
func (d *sshDoor) run(ctx context.Context) {
	if d.cfg.SSH.Address == "" {
		return
	}
	again := time.NewTicker(5 * time.Second)
	defer again.Stop()
	for {
		listener, err := d.open(ctx)
		if err == nil {
			d.serve(ctx, listener)
			return
		}
		select {
		case <-ctx.Done():
			return
		case <-again.C:
		}
	}
}

func (d *sshDoor) open(ctx context.Context) (net.Listener, error) {
	key, repaired, err := LoadHostKey(d.cfg.SSH.HostKey)
	var listener net.Listener
	if err == nil {
		dead := net.KeepAliveConfig{Enable: true, Idle: 30 * time.Second, Interval: 15 * time.Second, Count: 4}
		listener, err = (&net.ListenConfig{KeepAliveConfig: dead}).Listen(ctx, "tcp", d.cfg.SSH.Address)
	}
	if repaired {
		d.cfg.Log.WarnContext(ctx, "the SSH host key could be read by others; its mode is repaired", "file", d.cfg.SSH.HostKey)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if err != nil && (d.trouble == nil || d.trouble.Error() != err.Error()) {
		d.cfg.Log.ErrorContext(ctx, "git over SSH is not served", "error", err)
	}
	d.trouble = err
	if err != nil {
		return nil, err
	}
	d.key, d.address = key, listener.Addr()
	return listener, nil
}

func (d *sshDoor) serve(ctx context.Context, listener net.Listener) {
	defer context.AfterFunc(ctx, func() { _ = listener.Close() })() // ends the loop below
	for {
		conn, err := listener.Accept()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil { // no more files: some connections will end
			d.cfg.Log.Warn("an SSH connection could not be accepted", "error", err)
			time.Sleep(50 * time.Millisecond)
			continue
		}
		g := d.lobby.enter(conn, networkOf(addressOf(conn))) // here, so that they come in the order in which they came
		d.visits.Go(func() { d.greet(g) })
	}
}

// greet takes a connection from its first byte to its last.
func (d *sshDoor) greet(g *guest) {
	conn, network := g.conn, g.network
	defer d.lobby.leave(g)
	defer conn.Close()                                             //nolint:errcheck // whatever was to be said was said
	defer context.AfterFunc(d.life, func() { _ = conn.Close() })() // its own reading sees it
	source := addressOf(conn)
	if err := d.gate.KeyWait(source); err != nil && !d.knows(network) {
		_ = conn.SetDeadline(time.Now().Add(time.Second))
		_, _ = fmt.Fprintf(conn, "%s %s\r\n", platform.AsError(err).Message, platform.AsError(err).Hint) // before the version a server may say anything
		part(conn)
		return
	}
	v := &visit{sshDoor: d, conn: conn, source: source, network: network}
	server, channels, requests, err := v.shakeHands()
	d.lobby.leave(g)
	if err != nil {
		if len(v.strange) > 0 {
			d.gate.KeyFailed(source)
		}
		d.cfg.Log.Debug("an SSH connection showed no key", "source", source, "error", err)
		return
	}
	v.stay(server, channels, requests)
}

// part ends a connection so that what was said arrives: closed with something unread in it, it would be reset.
func part(conn net.Conn) {
	if half, ok := conn.(*net.TCPConn); ok {
		_ = half.CloseWrite() // it may be gone already
	}
	_, _ = io.Copy(io.Discard, io.LimitReader(conn, 64<<10)) // until the deadline at most
}

func addressOf(conn net.Conn) string {
	host, _, err := net.SplitHostPort(conn.RemoteAddr().String())
	if err != nil {
		return conn.RemoteAddr().String()
	}
	return host
}

func (d *sshDoor) knows(network string) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.known[network]
}

// welcome notes that a right key came, and admits the connection when there is room.
func (d *sshDoor) welcome(v *visit) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.known) < 10_000 {
		d.known[v.network] = true
	}
	for _, key := range v.strange {
		if len(d.spare) < 1000 {
			d.spare[key] = true
		}
	}
	same := 0
	for other := range d.inside {
		if other.actor.AccountID == v.actor.AccountID {
			same++
		}
	}
	if len(d.inside) >= mostInside || same >= mostOfOneAccount {
		return false
	}
	d.inside[v] = true
	return true
}

func (d *sshDoor) goodbye(v *visit) {
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.inside, v)
}

// curious is the host key of one connection. Using it means that the client has done its part of
// the key exchange; what comes next waits for a person.
type curious struct {
	ssh.Signer
	used func()
}
