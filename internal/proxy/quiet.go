package proxy

import (
	"context"
	"log/slog"
	"strings"

	"golang.org/x/time/rate"
)

// quiet passes on what net/http logs, but neither every scanner's broken handshake nor a flood.
type quiet struct {
	slog.Handler
	limit *rate.Limiter
}

// Handle drops records of handshakes and those above the limit.
func (q quiet) Handle(ctx context.Context, r slog.Record) error {
	if strings.Contains(r.Message, "TLS handshake error") || !q.limit.Allow() {
		return nil
	}
	text := r.Message
	r.Message = "http server"
	r.AddAttrs(slog.String("text", text))
	return q.Handler.Handle(ctx, r)
}

// WithAttrs keeps the limit.
func (q quiet) WithAttrs(attrs []slog.Attr) slog.Handler {
	return quiet{q.Handler.WithAttrs(attrs), q.limit}
}

// WithGroup keeps the limit.
func (q quiet) WithGroup(name string) slog.Handler {
	return quiet{q.Handler.WithGroup(name), q.limit}
}
