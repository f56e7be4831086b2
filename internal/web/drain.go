package web

import (
	"io"
	"net/http"
	"strings"
	"time"
)

const (
	restBefore = 256 << 10 // of a body, dropped before the answer leaves
	restAfter  = 32 << 20  // dropped after it
)

// dropRest reads what a handler has left of a body, a refused request's for example. The proxy opens
// a connection for each request, so net/http would close it with the answer, and the proxy, which
// still sends, would often see the broken pipe before the answer. Git does this by itself.
func (s *Server) dropRest(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body := r.Body
		next.ServeHTTP(w, r)
		if body == nil || body == http.NoBody || strings.HasPrefix(r.URL.Path, "/git/") {
			return
		}
		control := http.NewResponseController(w)
		_ = control.SetReadDeadline(time.Now().Add(s.bodyTime)) // a test's recorder has no deadlines
		if _, err := io.CopyN(io.Discard, body, restBefore); err != nil {
			return // all is read, or the client has gone
		}
		if control.Flush() == nil {
			_, _ = io.CopyN(io.Discard, body, restAfter) // the answer is told
		}
	})
}
