package web

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"io"
	"net/http"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/lugsail/lugsail/internal/web/request"
	"github.com/lugsail/lugsail/platform"
)

// Onces keeps requests that are done once.
type Onces interface {
	BeginOnce(ctx context.Context, o *platform.Once, since time.Time, most int) (before *platform.Once, err error)
	EndOnce(ctx context.Context, o platform.Once) error
	DropOnce(ctx context.Context, holder, key string) error
}

const (
	onceHeader = "Idempotency-Key"
	onceLife   = 24 * time.Hour
	onceTime   = 10 * time.Second // for writing down how it went
	maxOnces   = 10_000           // of one token: each costs a row
	maxOnceKey = 255
	maxRest    = 4 << 30 // bytes of a streamed body that are read only to compare it
)

// once does a POST with a key one time: sent again, it gets the same answer. The work goes on when its
// sender leaves, who gets the answer by asking again. A fault of ours frees the key.
func (s *Server) once(c echo.Context, r route) error {
	keys := c.Request().Header.Values(onceHeader)
	if r.method != post || r.kind != program || r.stream || len(keys) == 0 {
		return r.handle(c)
	}
	if len(keys) > 1 || !printable(keys[0]) {
		return platform.Errorf(platform.Invalid, "idempotency_invalid", "The header %s must be there once, with 1 to %d printable characters.", onceHeader, maxOnceKey).
			WithHint("A random UUID is a good key.")
	}
	body, err := takeBody(c, s.reference.streamed[r.method+" "+r.path])
	if err != nil {
		return err
	}
	o := platform.Once{Holder: request.Actor(c).SessionID, Key: keys[0], Worker: s.run, Request: body.soFar(), CreatedAt: s.now()}
	before, err := s.onces.BeginOnce(c.Request().Context(), &o, s.now().Add(-onceLife), maxOnces)
	if err != nil {
		return err
	}
	if before != nil {
		return s.again(c, *before, body)
	}
	return s.first(c, r, o, body)
}

func printable(key string) bool {
	for _, b := range []byte(key) {
		if b < '!' || b > '~' {
			return false
		}
	}
	return key != "" && len(key) <= maxOnceKey
}

// hashedBody is the body of a request, hashed together with what is asked for.
type hashedBody struct {
	io.Closer
	from     io.Reader
	hash     hash.Hash
	streamed bool // it is hashed as the handler reads it
}

func (b *hashedBody) Read(p []byte) (int, error) {
	n, err := b.from.Read(p)
	_, _ = b.hash.Write(p[:n]) // never fails
	return n, err
}

// soFar is the hash when all has come already.
func (b *hashedBody) soFar() string {
	if b.streamed {
		return ""
	}
	return b.sum()
}

// sum reads what is left.
func (b *hashedBody) sum() string {
	if b.streamed {
		_, _ = io.CopyN(io.Discard, b, maxRest) // a body that broke off is another body
	}
	return hex.EncodeToString(b.hash.Sum(nil))
}

func takeBody(c echo.Context, streamed bool) (*hashedBody, error) {
	r := c.Request()
	b := &hashedBody{Closer: r.Body, from: r.Body, hash: sha256.New(), streamed: streamed}
	_, _ = fmt.Fprintf(b.hash, "%s %s\n", r.Method, r.URL.RequestURI()) // never fails
	if streamed {
		r.Body = b
		return b, nil
	}
	text, err := request.ReadBody(c)
	if err != nil {
		return nil, err
	}
	_, _ = b.hash.Write(text) // never fails
	r.Body = io.NopCloser(bytes.NewReader(text))
	return b, nil
}

// deadlines are all that a handler may set of the connection while its answer is held back.
type deadlines struct{ of *http.ResponseController }

func deadlinesOf(w http.ResponseWriter) *deadlines {
	return &deadlines{http.NewResponseController(w)}
}

func (d *deadlines) SetReadDeadline(t time.Time) error  { return d.of.SetReadDeadline(t) }
func (d *deadlines) SetWriteDeadline(t time.Time) error { return d.of.SetWriteDeadline(t) }

// heldAnswer keeps an answer back until it is written down.
type heldAnswer struct {
	*deadlines
	header http.Header
	status int
	body   bytes.Buffer
}

func (a *heldAnswer) Header() http.Header         { return a.header }
func (a *heldAnswer) WriteHeader(status int)      { a.status = status }
func (a *heldAnswer) Write(p []byte) (int, error) { return a.body.Write(p) }

func (s *Server) first(c echo.Context, r route, o platform.Once, body *hashedBody) error {
	ctx := context.WithoutCancel(c.Request().Context())
	if !body.streamed {
		bounded, cancel := context.WithTimeout(ctx, answerTime)
		defer cancel()
		c.SetRequest(c.Request().WithContext(bounded))
	}
	response := c.Response()
	under, held := response.Writer, &heldAnswer{deadlines: deadlinesOf(response.Writer), header: response.Writer.Header(), status: http.StatusOK}
	response.Writer = held
	defer func() { response.Writer = under }()
	ended := false
	defer func() {
		if !ended { // a panic, or a fault of ours
			s.forget(ctx, o)
		}
	}()
	if err := r.handle(c); err != nil {
		s.trouble(err, c)
	}
	if ended = held.status < http.StatusInternalServerError && held.status != http.StatusTooManyRequests; ended {
		o.Status, o.Type, o.Body, o.Request = held.status, held.header.Get(echo.HeaderContentType), held.body.Bytes(), body.sum()
		s.keep(ctx, o)
	}
	under.WriteHeader(held.status)
	_, _ = under.Write(held.body.Bytes()) // its sender has gone; he asks again
	return nil
}

func (s *Server) keep(ctx context.Context, o platform.Once) {
	ctx, cancel := context.WithTimeout(ctx, onceTime)
	defer cancel()
	if err := s.onces.EndOnce(ctx, o); err != nil {
		s.log.Error("answer not kept for its idempotency key", "error", err)
	}
}

func (s *Server) forget(ctx context.Context, o platform.Once) {
	ctx, cancel := context.WithTimeout(ctx, onceTime)
	defer cancel()
	if err := s.onces.DropOnce(ctx, o.Holder, o.Key); err != nil {
		s.log.Error("idempotency key not freed", "error", err)
	}
}

// again answers a request whose key was used before.
func (s *Server) again(c echo.Context, before platform.Once, body *hashedBody) error {
	if before.Request != "" && before.Request != body.sum() {
		return platform.Errorf(platform.Invalid, "idempotency_other", "This idempotency key belongs to another request.").
			WithHint("Use a new key for each request. A key is free again after 24 hours.")
	}
	if before.Status == 0 && before.Worker == s.run {
		c.Response().Header().Set("Retry-After", "2")
		return platform.Errorf(platform.Conflict, "idempotency_running", "This request came before, and it is still being worked on. It is not done twice.").
			WithHint("Wait a few seconds and send it again with the same Idempotency-Key: the answer is then that of the first one.")
	}
	if before.Status == 0 {
		return platform.Errorf(platform.Conflict, "idempotency_unknown", "Lugsail was restarted while it worked on the request with this idempotency key, so nobody knows how far it came.").
			WithHint("Look whether it is done. If not, send it with a new key.")
	}
	c.Response().Header().Set("Idempotency-Replayed", "true")
	if len(before.Body) == 0 {
		return c.NoContent(before.Status)
	}
	return c.Blob(before.Status, before.Type, before.Body)
}
