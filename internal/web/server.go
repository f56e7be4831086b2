package web

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"runtime/debug"
	"strings"
	"sync/atomic"
	"time"

	"github.com/labstack/echo/v4"
	"golang.org/x/sync/errgroup"

	"github.com/lugsail/lugsail/internal/web/api"
	"github.com/lugsail/lugsail/internal/web/console"
	"github.com/lugsail/lugsail/internal/web/openapi"
	"github.com/lugsail/lugsail/internal/web/request"
	"github.com/lugsail/lugsail/platform"
	"github.com/lugsail/lugsail/platform/account"
	"github.com/lugsail/lugsail/platform/app"
)

// Config says where and as whom the server answers.
type Config struct {
	Socket    string          // path of the unix socket that the proxy forwards to
	SocketGID int             // the group that may connect; 0 leaves it to root
	Hosts     func() []string // the console's host names, lower case, without ports
	Version   string
	HSTS      bool // the console has a certificate that every browser trusts
}

// Deps is what the handlers work with.
type Deps struct {
	Apps      *app.Service
	Accounts  *account.Service
	Directory Directory
	Ready     func(context.Context) error           // nil when the database answers
	CA        func(context.Context) ([]byte, error) // root certificate of the internal CA, PEM
	Git       http.Handler                          // answers under /git/
	SSH       func() string                         // fingerprint of the host key of git over SSH; "" where there is none; nil: there is none
	Onces     Onces                                 // remembers requests with an idempotency key
	Log       *slog.Logger
	Now       func() time.Time // nil means time.Now
}

// Server is the control plane's HTTP server.
type Server struct {
	config     Config
	identities Identities
	directory  Directory
	ready      func(context.Context) error
	ca         func(context.Context) ([]byte, error)

	sshFingerprint func() string
	log            *slog.Logger
	routes         []route
	reference      reference
	limits         *limits
	onces          Onces
	run            string // id of this run of the process
	now            func() time.Time
	pages          *console.Console
	handler        http.Handler
	claimed        atomic.Bool
	bodyTime       time.Duration // for a client to send a body
	stopping       context.Context
	stop           context.CancelFunc
}

// New makes a server; Run starts it.
func New(config Config, deps Deps) (*Server, error) {
	s := &Server{
		config: config, identities: deps.Accounts, directory: deps.Directory,
		ready: deps.Ready, ca: deps.CA, log: deps.Log, bodyTime: bodyTime, onces: deps.Onces, run: platform.NewID(),
	}
	s.stopping, s.stop = context.WithCancel(context.Background())
	if deps.Now == nil {
		deps.Now = time.Now
	}
	s.now, s.limits = deps.Now, newLimits(deps.Now)
	s.sshFingerprint = deps.SSH
	if deps.SSH == nil {
		s.sshFingerprint = func() string { return "" }
	}
	pages, err := console.New(console.Config{
		Apps: deps.Apps, Accounts: deps.Accounts, Version: config.Version,
		Fingerprint: s.fingerprint, SSHFingerprint: s.sshFingerprint, Now: deps.Now, Reference: func() openapi.Reference { return s.reference.pages },
	})
	if err != nil {
		return nil, fmt.Errorf("preparing the console: %w", err)
	}
	s.pages = pages
	s.routes = s.list(&api.API{Apps: deps.Apps, Accounts: deps.Accounts, Server: s.info}, pages, deps.Git)
	if s.reference, err = describe(s.routes); err != nil {
		return nil, err
	}
	s.handler = s.build()
	return s, nil
}

// Handler answers requests as they come from the proxy.
func (s *Server) Handler() http.Handler { return s.handler }

func (s *Server) build() http.Handler {
	e := echo.New()
	e.HideBanner, e.HidePort = true, true
	e.IPExtractor = ClientIP
	e.HTTPErrorHandler = s.trouble
	e.Use(s.recover, s.headers, s.deadlines, s.onlyOwnHosts, s.sameOrigin)
	for _, r := range s.routes {
		handler := s.guard(r)
		switch {
		case r.stream:
			handler = s.untilStop(handler)
		case r.kind == page:
			handler = s.pages.Reads(handler)
		}
		e.Add(r.method, r.path, handler)
	}
	return s.dropRest(headAsGet(e))
}

// headAsGet lets HEAD ask what GET answers; net/http leaves the body out by itself.
func headAsGet(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodHead {
			r = r.WithContext(r.Context())
			r.Method = http.MethodGet
		}
		next.ServeHTTP(w, r)
	})
}

func (s *Server) untilStop(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		ctx, cancel := context.WithCancel(c.Request().Context())
		defer cancel()
		defer context.AfterFunc(s.stopping, cancel)()
		c.SetRequest(c.Request().WithContext(ctx))
		return next(c)
	}
}

func (s *Server) recover(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) (err error) {
		defer func() {
			cause := recover()
			if cause == nil {
				return
			}
			if err, ok := cause.(error); ok && errors.Is(err, http.ErrAbortHandler) {
				panic(cause)
			}
			s.log.Error("handler panicked", "route", c.Path(), "cause", fmt.Sprint(cause), "stack", string(debug.Stack()))
			err = platform.AsError(errors.New("panic"))
		}()
		return next(c)
	}
}

// trouble answers every error, in the language of the door.
func (s *Server) trouble(err error, c echo.Context) {
	if c.Response().Committed {
		return
	}
	status, e := request.Explain(err)
	request.Log(s.log, c, status, e)
	s.answer(c, status, e)
}

// answer tells a program by problem+json and a person by a page.
func (s *Server) answer(c echo.Context, status int, e *platform.Error) {
	var err error
	path := c.Request().URL.Path
	if strings.HasPrefix(path, "/api/") || path == healthPath {
		err = request.WriteProblem(c, status, e)
	} else {
		if s.identities != nil {
			s.recognize(c)
		}
		err = s.pages.Trouble(c, status, e)
	}
	if err != nil {
		s.log.Debug("answer not delivered", "route", c.Path(), "error", err)
	}
}

// Run serves on the socket until ctx ends, then lets requests finish for 10 seconds.
func (s *Server) Run(ctx context.Context) error {
	listener, err := s.listen(ctx)
	if err != nil {
		return err
	}
	server := &http.Server{
		Handler: s.handler, ReadHeaderTimeout: headerTime, IdleTimeout: idleTime, MaxHeaderBytes: maxHeader,
		ErrorLog: slog.NewLogLogger(s.log.Handler(), slog.LevelDebug),
	}
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error {
		if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			return fmt.Errorf("serving on %s: %w", s.config.Socket, err)
		}
		return nil
	})
	g.Go(func() error {
		<-ctx.Done()
		s.stop()
		grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopTime)
		defer cancel()
		if err := server.Shutdown(grace); err != nil {
			return server.Close()
		}
		return nil
	})
	return g.Wait()
}

// listen makes the socket under another name first, so that it never stands there with
// rights that are too wide, and takes the place of one that a killed server left.
func (s *Server) listen(ctx context.Context) (net.Listener, error) {
	draft := s.config.Socket + ".new"
	if err := os.Remove(draft); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("clearing %s: %w", draft, err)
	}
	l, err := new(net.ListenConfig).Listen(ctx, "unix", draft)
	if err != nil {
		return nil, fmt.Errorf("listening on %s: %w", draft, err)
	}
	l.(*net.UnixListener).SetUnlinkOnClose(false)
	if err := s.publish(draft); err != nil {
		return nil, errors.Join(err, l.Close())
	}
	return l, nil
}

func (s *Server) publish(draft string) error {
	if s.config.SocketGID != 0 {
		if err := os.Chown(draft, -1, s.config.SocketGID); err != nil {
			return fmt.Errorf("giving the socket to the proxy's group: %w", err)
		}
	}
	if err := os.Chmod(draft, 0o660); err != nil {
		return fmt.Errorf("setting the socket's mode: %w", err)
	}
	if err := os.Rename(draft, s.config.Socket); err != nil {
		return fmt.Errorf("putting the socket in place: %w", err)
	}
	return nil
}
