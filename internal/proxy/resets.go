package proxy

import (
	"context"
	"net"
	"net/http"
	"sync/atomic"
)

// maxResets is how many requests a client may take back on one connection. A browser
// that leaves pages all day stays far below; a rapid reset attack takes back all.
const maxResets = 1000

type resetsKey struct{}

// resets counts what a client takes back on one connection.
type resets struct {
	conn  net.Conn
	count atomic.Int64
}

func withResets(ctx context.Context, conn net.Conn) context.Context {
	return context.WithValue(ctx, resetsKey{}, &resets{conn: conn})
}

// countReset ends the connection of a client that takes back too much. net/http limits
// what runs at once; beyond that every reset still costs a try at the target.
func (s *Server) countReset(r *http.Request) {
	if r.ProtoMajor < 2 || r.Context().Err() == nil || s.life.Err() != nil {
		return
	}
	c, ok := r.Context().Value(resetsKey{}).(*resets)
	if ok && c.count.Add(1) == maxResets {
		s.complain("connection ended: too many requests taken back", "client", r.RemoteAddr)
		_ = c.conn.Close() // a refusal
	}
}
