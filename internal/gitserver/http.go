package gitserver

import (
	"context"
	"io"
	"net/http"
	"regexp"
	"strings"

	"github.com/lugsail/lugsail/platform"
)

// The services of smart HTTP.
const (
	uploadPack  = "git-upload-pack"  // clone and fetch
	receivePack = "git-receive-pack" // push
)

var (
	routePattern    = regexp.MustCompile(`^/git/([a-z0-9-]{1,63})\.git/(info/refs|git-upload-pack|git-receive-pack)$`)
	protocolPattern = regexp.MustCompile(`^version=[0-2]$`)
)

// call is one request that found its way.
type call struct {
	name    string // of the app
	service string
	refs    bool // only the list of refs is asked for
	actor   platform.Actor
	app     platform.App
	repo    string
	allowed func(context.Context) error // nil as long as whoever asked still may
}

// ServeHTTP answers the three routes of smart HTTP. The path alone decides what is asked
// for; for a list of refs the query has to name the service, as the protocol has it.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c, ok := route(r)
	if !ok {
		refuse(w, platform.Errorf(platform.NotFound, "not_found", "There is nothing at this address.").
			WithHint("The address of an app's repository ends in /git/NAME.git."))
		return
	}
	if err := s.admit(r, &c); err != nil {
		s.deny(w, r, err)
		return
	}
	end, err := s.begin(c)
	if err != nil {
		s.deny(w, r, err)
		return
	}
	defer end()
	if c.repo, err = s.repository(r.Context(), c.app); err != nil {
		s.deny(w, r, err)
		return
	}
	noCache(w.Header())
	switch {
	case c.refs:
		s.advertise(w, r, c)
	case c.service == uploadPack:
		s.upload(w, r, c)
	default:
		s.receive(w, r, c)
	}
}

// route takes only paths in their plain form: RawPath is set when a character was encoded
// that need not be.
func route(r *http.Request) (call, bool) {
	m := routePattern.FindStringSubmatch(r.URL.Path)
	if m == nil || r.URL.RawPath != "" {
		return call{}, false
	}
	c := call{name: m[1], service: m[2]}
	if c.service != "info/refs" {
		return c, r.Method == http.MethodPost && r.Header.Get("Content-Type") == "application/x-"+c.service+"-request"
	}
	c.refs = true
	asked := r.URL.Query()["service"]
	if r.Method != http.MethodGet || len(asked) != 1 {
		return call{}, false
	}
	c.service = asked[0]
	return c, c.service == uploadPack || c.service == receivePack
}

// admit finds out who asks and whether they may.
func (s *Server) admit(r *http.Request, c *call) error {
	_, password, ok := r.BasicAuth()
	if !ok || password == "" {
		return platform.Errorf(platform.Unauthenticated, "token_missing", "Sign in with a token as the password.").
			WithHint("Make one in the console under Account, or run: lugsail login.")
	}
	source := s.cfg.Source(r)
	who := func(ctx context.Context) (platform.Actor, error) { return s.gate.Authenticate(ctx, password, source) }
	return s.enter(r.Context(), c, who, s.cfg.Console(r))
}

// enter asks whether whoever calls may, once now and again whenever allowed is called.
func (s *Server) enter(ctx context.Context, c *call, who func(context.Context) (platform.Actor, error), console string) (err error) {
	name, write := c.name, c.service == receivePack
	find := func(ctx context.Context) (actor platform.Actor, app platform.App, err error) {
		if actor, err = who(ctx); err == nil {
			app, err = s.gate.App(ctx, actor, name, write)
		}
		return actor, app, err
	}
	if c.actor, c.app, err = find(ctx); err != nil {
		return err
	}
	c.actor.Console = console
	c.allowed = func(ctx context.Context) error { _, _, err := find(ctx); return err }
	if c.app.State == platform.AppDestroying {
		return platform.Errorf(platform.Conflict, "app_destroying", "%s is being destroyed.", c.app.Name)
	}
	if write {
		return s.room()
	}
	return nil
}

// deny tells the client and, when it is our own fault, the log.
func (s *Server) deny(w http.ResponseWriter, r *http.Request, err error) {
	e := platform.AsError(err)
	if e.Kind == platform.Internal {
		s.cfg.Log.ErrorContext(r.Context(), "a git request could not be served", "path", r.URL.Path, "error", err)
	}
	refuse(w, e)
}

// refuse writes plain text, which git shows to people behind "remote:".
func refuse(w http.ResponseWriter, e *platform.Error) {
	h := w.Header()
	h.Set("Content-Type", "text/plain; charset=utf-8")
	h.Set("X-Content-Type-Options", "nosniff")
	noCache(h)
	status := status(e.Kind)
	switch status {
	case http.StatusUnauthorized:
		h.Set("WWW-Authenticate", `Basic realm="Lugsail", charset="UTF-8"`)
	case http.StatusTooManyRequests, http.StatusServiceUnavailable:
		if h.Get("Retry-After") == "" {
			h.Set("Retry-After", "10")
		}
	}
	w.WriteHeader(status)
	_, _ = io.WriteString(w, strings.TrimSpace(e.Message+"\n"+e.Hint)+"\n") // the client may have gone
}

func status(kind platform.Kind) int {
	switch kind {
	case platform.Invalid:
		return http.StatusBadRequest
	case platform.NotFound:
		return http.StatusNotFound
	case platform.Conflict:
		return http.StatusConflict
	case platform.Unauthenticated:
		return http.StatusUnauthorized
	case platform.Forbidden:
		return http.StatusForbidden
	case platform.TooMany:
		return http.StatusTooManyRequests
	case platform.NoRoom:
		return http.StatusInsufficientStorage
	case platform.Unavailable:
		return http.StatusServiceUnavailable
	}
	return http.StatusInternalServerError
}

func noCache(h http.Header) {
	h.Set("Cache-Control", "no-cache, max-age=0, must-revalidate")
	h.Set("Pragma", "no-cache")
	h.Set("Expires", "Fri, 01 Jan 1980 00:00:00 GMT")
}
