package proxy

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/lugsail/lugsail/platform"
)

const (
	portConns = 200             // at once through one public port
	portDial  = 5 * time.Second // for an add-on to accept
	portLook  = time.Second     // between two looks whether a port's time is over, or whether it can be opened now
)

// ports are the public ports of add-ons that are open: plain TCP, for the addresses that the table names, until the
// time that it names.
type ports struct {
	mu      sync.Mutex
	running bool
	open    map[int]*openPort
	failed  map[int]string // why a port is not open
}

type openPort struct {
	listener net.Listener
	rule     atomic.Pointer[platform.OpenPort]
	life     context.Context // while it is open
	end      context.CancelFunc

	mu     sync.Mutex
	closed bool
	conns  map[net.Conn]netip.Addr
	work   sync.WaitGroup
}

// begin opens what the table names, and looks after it until ctx ends. Then all is closed.
func (p *ports) begin(ctx context.Context, table func() []platform.OpenPort) {
	p.mu.Lock()
	p.running = true
	p.mu.Unlock()
	p.follow(table())
	tick := time.NewTicker(portLook)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			p.mu.Lock()
			p.running = false
			all := p.open
			p.open = nil
			p.mu.Unlock()
			for _, o := range all {
				o.close()
			}
			return
		case <-tick.C:
			p.follow(table())
		}
	}
}

// follow opens and closes ports as the table says, and ends connections that are no longer allowed.
func (p *ports) follow(wanted []platform.OpenPort) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.running || len(wanted)+len(p.open)+len(p.failed) == 0 {
		return
	}
	wanted = slices.DeleteFunc(slices.Clone(wanted), func(w platform.OpenPort) bool { return !time.Now().Before(w.Until) })
	for port, o := range p.open {
		if !slices.ContainsFunc(wanted, func(w platform.OpenPort) bool { return w.Port == port }) {
			delete(p.open, port)
			o.close()
			slog.Info("public port closed", "port", port, "addon", o.rule.Load().Addon)
		}
	}
	before := p.failed
	p.failed = map[int]string{}
	for _, w := range wanted {
		if o := p.open[w.Port]; o != nil {
			o.allow(w)
			continue
		}
		o, err := openAt(w)
		if err != nil {
			p.failed[w.Port] = err.Error()
			if before[w.Port] != err.Error() {
				slog.Error("public port not opened; it is tried again", "port", w.Port, "addon", w.Addon, "error", err)
			}
			continue
		}
		if p.open == nil {
			p.open = map[int]*openPort{}
		}
		p.open[w.Port] = o
		slog.Info("public port open", "port", w.Port, "addon", w.Addon, "until", w.Until)
	}
}

func (p *ports) failures() map[int]string {
	p.mu.Lock()
	defer p.mu.Unlock()
	all := make(map[int]string, len(p.failed))
	for port, why := range p.failed {
		all[port] = why
	}
	return all
}

func openAt(w platform.OpenPort) (*openPort, error) {
	o := &openPort{conns: map[net.Conn]netip.Addr{}}
	o.life, o.end = context.WithCancel(context.Background())
	var err error
	if o.listener, err = new(net.ListenConfig).Listen(o.life, "tcp", fmt.Sprintf(":%d", w.Port)); err != nil {
		o.end()
		return nil, err
	}
	o.rule.Store(&w)
	o.work.Go(o.accept)
	return o, nil
}

// allow takes a new rule, and ends the connections of those that it leaves out.
func (o *openPort) allow(w platform.OpenPort) {
	o.rule.Store(&w)
	o.mu.Lock()
	defer o.mu.Unlock()
	for c, from := range o.conns {
		if !allowed(w, from) {
			_ = c.Close() // whoever reads from it ends
		}
	}
}

func allowed(w platform.OpenPort, from netip.Addr) bool {
	return time.Now().Before(w.Until) && slices.ContainsFunc(w.Sources, func(n netip.Prefix) bool { return n.Contains(from) })
}

// close ends the port with all connections through it.
func (o *openPort) close() {
	o.end()
	_ = o.listener.Close() // it is not needed any more
	o.mu.Lock()
	o.closed = true
	for c := range o.conns {
		_ = c.Close() // whoever reads from it ends
	}
	o.mu.Unlock()
	o.work.Wait()
}

func (o *openPort) accept() {
	for {
		c, err := o.listener.Accept()
		if err != nil {
			if isOurs(err) {
				time.Sleep(100 * time.Millisecond)
				continue
			}
			return
		}
		o.work.Go(func() { o.serve(c) })
	}
}

// serve leads one connection to the add-on. Whoever may not gets no byte.
func (o *openPort) serve(c net.Conn) {
	defer func() { _ = c.Close() }() // closed below, or refused
	from, ok := sourceOf(c)
	rule := *o.rule.Load()
	if !ok || rule.Target == "" || !allowed(rule, from) || !o.enter(c, from) {
		return
	}
	defer o.leave(c)
	in, err := (&net.Dialer{Timeout: portDial}).DialContext(o.life, "tcp", rule.Target)
	if err != nil {
		return
	}
	defer func() { _ = in.Close() }() // both ways have ended
	if !allowed(*o.rule.Load(), from) {
		return // it changed while the add-on was called
	}
	var ways sync.WaitGroup
	ways.Go(func() { passOn(in, c) })
	ways.Go(func() { passOn(c, in) })
	ways.Wait()
}

// passOn copies one way to its end, and tells the other side of it. Broken, it ends both.
func passOn(to, from net.Conn) {
	_, err := io.Copy(to, from)
	half, ok := to.(*net.TCPConn)
	if err != nil || !ok || half.CloseWrite() != nil {
		_, _ = to.Close(), from.Close() // the other way ends with an error, too
	}
}

func sourceOf(c net.Conn) (netip.Addr, bool) {
	at, ok := c.RemoteAddr().(*net.TCPAddr)
	if !ok {
		return netip.Addr{}, false
	}
	address := at.AddrPort().Addr().Unmap().WithZone("")
	return address, address.IsValid()
}

func (o *openPort) enter(c net.Conn, from netip.Addr) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.closed || len(o.conns) >= portConns {
		return false
	}
	o.conns[c] = from
	return true
}

func (o *openPort) leave(c net.Conn) {
	o.mu.Lock()
	defer o.mu.Unlock()
	delete(o.conns, c)
}
