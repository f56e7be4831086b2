package proxy

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"
	"golang.org/x/time/rate"

	"github.com/lugsail/lugsail/platform"
)

// Server is the data plane of one machine.
type Server struct {
	config  Config
	bootID  string
	began   time.Time
	table   atomic.Pointer[table]
	changed bell // a table was published or a target came back
	certs   *certificates
	ports   ports
	console *http.Transport
	upgrade *http.Transport // for WebSockets: a connection is never used again

	publishing sync.Mutex // guards targets, traffic, unsaved and the order of tables
	targets    map[targetKey]*target
	traffic    map[string]*traffic // by app id, of the apps in the table
	unsaved    bool                // the table is not on disk; saveLater is at it

	work       *gate        // requests under way
	requests   atomic.Int64 // since the start
	ordinary   atomic.Int64 // under way, without WebSockets and event streams
	active     atomic.Int64 // under way, all
	open       atomic.Int64 // clients' connections
	leaving    atomic.Bool  // no more is accepted; each answer ends its connection
	complaints *rate.Limiter

	life       context.Context // of requests and background work; ends when the proxy has drained
	end        context.CancelFunc
	background sync.WaitGroup
	sockets    sockets
	ready      chan struct{} // closed when the listeners are open
}

// New prepares a proxy: the internal CA's root is made or read, the last good table loaded.
func New(config Config) (*Server, error) {
	if err := config.setDefaults(); err != nil {
		return nil, err
	}
	s := &Server{
		config:     config,
		bootID:     config.BootID(),
		began:      time.Now(),
		targets:    make(map[targetKey]*target),
		work:       newGate(config.MaxConns, config.MaxConnsPerIP),
		complaints: rate.NewLimiter(rate.Every(time.Second), 20),
		upgrade:    newTransport(config.limits),
		ready:      make(chan struct{}),
	}
	s.upgrade.DisableKeepAlives = true
	s.console = s.newConsoleTransport()
	certs, err := newCertificates(config)
	if err != nil {
		return nil, err
	}
	s.certs = certs
	s.table.Store(&table{})
	s.life, s.end = context.WithCancel(context.Background())
	s.restore()
	return s, nil
}

// Run serves until ctx ends: then it accepts no more, lets requests under way finish
// for 30 seconds at most, and cuts WebSockets and event streams, whose clients come back.
// A Server runs once.
func (s *Server) Run(ctx context.Context) error {
	defer s.end()
	beSmall()
	if err := s.sockets.open(s.config); err != nil {
		return err
	}
	defer s.sockets.close()
	s.certs.start(s.life, s.sockets, s.table.Load())
	defer s.certs.stop()
	s.background.Go(func() {
		s.ports.begin(s.life, func() []platform.OpenPort { return s.table.Load().ports() })
	})

	g, gctx := errgroup.WithContext(ctx)
	plain, secure, control := s.httpServer(), s.httpsServer(), s.controlServer()
	for _, l := range s.sockets.http {
		g.Go(func() error { return served(plain.Serve(l)) })
	}
	for _, l := range s.sockets.https {
		g.Go(func() error { return served(secure.ServeTLS(l, "", "")) })
	}
	g.Go(func() error { return served(control.Serve(s.sockets.control)) })
	g.Go(func() error {
		<-gctx.Done()
		return s.shutDown(context.WithoutCancel(gctx), plain, secure, control)
	})
	close(s.ready)
	slog.Info("proxy ready", "http", s.sockets.addresses(s.sockets.http), "https", s.sockets.addresses(s.sockets.https))
	return g.Wait()
}

// shutDown ends the servers in order and waits for what they started.
func (s *Server) shutDown(ctx context.Context, plain, secure, control *http.Server) error {
	ctx, cancel := context.WithTimeout(ctx, s.config.limits.drain)
	defer cancel()
	s.leave(ctx)
	var g sync.WaitGroup
	for _, server := range []*http.Server{plain, secure} {
		g.Go(func() { _ = server.Shutdown(ctx) }) // its error is that time ran out; Close follows
	}
	s.await(ctx, &s.ordinary)
	s.end()
	g.Wait()
	after, cancelAfter := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancelAfter()
	s.await(after, &s.active)
	err := errors.Join(ignoreClosed(plain.Close()), ignoreClosed(secure.Close()), ignoreClosed(control.Close()))
	s.background.Wait()
	return err
}

// leave accepts no more and asks clients to go. It comes before Shutdown, which drops
// every request that arrives on a connection that was accepted before: those have the
// time of limits.linger to arrive, and their answers end the connection.
func (s *Server) leave(ctx context.Context) {
	s.leaving.Store(true)
	for _, l := range append(append([]net.Listener{}, s.sockets.http...), s.sockets.https...) {
		_ = l.Close() // its socket lives on where a supervisor holds it
	}
	ctx, cancel := context.WithTimeout(ctx, s.config.limits.linger)
	defer cancel()
	s.await(ctx, &s.open)
}

func (s *Server) await(ctx context.Context, counter *atomic.Int64) {
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for counter.Load() > 0 {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

func (s *Server) httpServer() *http.Server {
	return s.baseServer(http.HandlerFunc(s.serveHTTP))
}

func (s *Server) httpsServer() *http.Server {
	server := s.baseServer(http.HandlerFunc(s.serveHTTPS))
	server.TLSConfig = &tls.Config{
		MinVersion:     tls.VersionTLS12,
		NextProtos:     []string{"h2", "http/1.1", "acme-tls/1"},
		GetCertificate: s.certificate,
	}
	server.ConnContext = withResets
	server.HTTP2 = &http.HTTP2Config{
		MaxConcurrentStreams: 128,
		SendPingTimeout:      60 * time.Second,
		PingTimeout:          15 * time.Second,
		WriteByteTimeout:     s.config.limits.stall,
	}
	return server
}

func (s *Server) baseServer(h http.Handler) *http.Server {
	return &http.Server{
		Handler:           s.lastAnswers(s.boundRest(h)),
		ConnState:         s.count,
		ReadHeaderTimeout: s.config.limits.header,
		IdleTimeout:       s.config.limits.idle,
		MaxHeaderBytes:    64 << 10,
		ErrorLog:          slog.NewLogLogger(quiet{slog.Default().Handler(), s.complaints}, slog.LevelWarn),
		BaseContext:       func(net.Listener) context.Context { return s.life },
	}
}

// lastAnswers ends each connection with its next answer once the proxy is leaving; HTTP/2 makes GOAWAY of it.
func (s *Server) lastAnswers(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if s.leaving.Load() && r.Header.Get("Upgrade") == "" {
			w.Header().Set("Connection", "close")
		}
		h.ServeHTTP(w, r)
	})
}

// boundRest limits the time in which net/http reads the rest of a body after its request was
// answered, which is without a limit otherwise. The deadline ends with the next request.
func (s *Server) boundRest(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.ProtoMajor == 1 && r.ContentLength != 0 {
			defer func() {
				_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(s.config.limits.stall)) // HTTP/1 can
			}()
		}
		h.ServeHTTP(w, r)
	})
}

func (s *Server) count(_ net.Conn, state http.ConnState) {
	switch state {
	case http.StateNew:
		s.open.Add(1)
	case http.StateClosed, http.StateHijacked:
		s.open.Add(-1)
	}
}

// complain logs at most one line a second, so that a broken target or a scan cannot fill the disk.
func (s *Server) complain(message string, args ...any) {
	if s.complaints.Allow() {
		slog.Warn(message, args...)
	}
}

// beSmall trades a little CPU for memory, unless the owner has set GOGC, and gives back
// what the start of the whole binary has used.
func beSmall() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(50)
	}
	debug.FreeOSMemory()
}

func served(err error) error {
	if errors.Is(err, http.ErrServerClosed) || errors.Is(err, net.ErrClosed) || err == nil {
		return nil
	}
	return fmt.Errorf("serving: %w", err)
}

func ignoreClosed(err error) error {
	if errors.Is(err, net.ErrClosed) {
		return nil
	}
	return err
}
