package proxy

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

// sockets are the listeners: handed over by a supervisor, so that neither a crash nor
// an upgrade of the proxy refuses a connection, or else opened here.
type sockets struct {
	http, https []net.Listener
	control     net.Listener
}

const firstHandedOver = 3

func (s *sockets) open(c Config) error {
	if err := s.takeOver(); err != nil {
		s.close()
		return err
	}
	if err := s.openMissing(c); err != nil {
		s.close()
		return err
	}
	gate := newGate(c.MaxConns, c.MaxConnsPerIP)
	for _, group := range [][]net.Listener{s.http, s.https} {
		for i, l := range group {
			group[i] = &guarded{Listener: l, gate: gate, stall: c.limits.stall}
		}
	}
	s.control = &rootOnly{s.control}
	return nil
}

// takeOver takes what LISTEN_FDS and LISTEN_FDNAMES speak of. LISTEN_PID, where it is
// set, must be this process; a supervisor that cannot know it beforehand leaves it out.
func (s *sockets) takeOver() error {
	count, _ := strconv.Atoi(os.Getenv("LISTEN_FDS")) // not a number: nothing was handed over
	if pid := os.Getenv("LISTEN_PID"); pid != "" && pid != strconv.Itoa(os.Getpid()) {
		return nil
	}
	names := strings.Split(os.Getenv("LISTEN_FDNAMES"), ":")
	for i := range count {
		fd, name := firstHandedOver+i, ""
		if i < len(names) {
			name = names[i]
		}
		if err := s.take(fd, name); err != nil {
			return err
		}
	}
	for _, v := range []string{"LISTEN_FDS", "LISTEN_FDNAMES", "LISTEN_PID"} {
		_ = os.Unsetenv(v) // cannot fail for these names
	}
	return nil
}

func (s *sockets) take(fd int, name string) error {
	syscall.CloseOnExec(fd)
	f := os.NewFile(uintptr(fd), name)
	l, err := net.FileListener(f)
	if err = errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("taking over socket %d (%s): %w", fd, name, err)
	}
	switch name {
	case "http":
		s.http = append(s.http, l)
	case "https":
		s.https = append(s.https, l)
	case "control":
		s.control = l
	default:
		return errors.Join(fmt.Errorf("socket %d has the unknown name %q: it must be http, https or control", fd, name), l.Close())
	}
	return nil
}

func (s *sockets) openMissing(c Config) error {
	var err error
	if len(s.http) == 0 {
		if s.http, err = listenTCP(c.HTTPAddr); err != nil {
			return err
		}
	}
	if len(s.https) == 0 {
		if s.https, err = listenTCP(c.HTTPSAddr); err != nil {
			return err
		}
	}
	if s.control == nil {
		s.control, err = listenControl(c.ControlSocket)
	}
	return err
}

func listenTCP(addr string) ([]net.Listener, error) {
	l, err := net.Listen("tcp", addr) //nolint:noctx // at the start, and at once
	if err != nil {
		return nil, fmt.Errorf("opening %s: %w", addr, err)
	}
	return []net.Listener{l}, nil
}

// listenControl replaces a socket that a killed proxy left, but not one that answers.
func listenControl(path string) (net.Listener, error) {
	if path == "" {
		return nil, errors.New("the proxy needs a control socket")
	}
	if conn, err := net.DialTimeout("unix", path, time.Second); err == nil { //nolint:noctx // at the start, bounded
		return nil, errors.Join(fmt.Errorf("another proxy answers on %s", path), conn.Close())
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("removing the old control socket: %w", err)
	}
	l, err := net.Listen("unix", path) //nolint:noctx // at the start, and at once
	if err != nil {
		return nil, fmt.Errorf("opening the control socket: %w", err)
	}
	if err := os.Chmod(path, 0o660); err != nil {
		return nil, errors.Join(fmt.Errorf("protecting the control socket: %w", err), l.Close())
	}
	return l, nil
}

func (s *sockets) close() {
	for _, l := range append(append([]net.Listener{s.control}, s.http...), s.https...) {
		if l != nil {
			_ = l.Close() // most are closed already
		}
	}
}

func (s *sockets) addresses(ls []net.Listener) []string {
	var out []string
	for _, l := range ls {
		out = append(out, l.Addr().String())
	}
	return out
}

// gate counts connections or requests, in all and by client.
type gate struct {
	mu         sync.Mutex
	all, perIP int
	open       int
	byIP       map[string]int
}

func newGate(all, perIP int) *gate {
	return &gate{all: all, perIP: perIP, byIP: make(map[string]int)}
}

func (g *gate) enter(ip string) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.open >= g.all || g.byIP[ip] >= g.perIP {
		return false
	}
	g.open++
	g.byIP[ip]++
	return true
}

func (g *gate) leave(ip string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.open--
	if g.byIP[ip]--; g.byIP[ip] == 0 {
		delete(g.byIP, ip)
	}
}
