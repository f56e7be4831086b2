package proxy

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"
)

// redial is the time between two tries to reach the control plane.
const redial = 50 * time.Millisecond

// newConsoleTransport leads to the control plane's socket. Connections are not used
// twice: one on a unix socket costs nothing, and none can go stale when the control
// plane is restarted.
func (s *Server) newConsoleTransport() *http.Transport {
	return &http.Transport{
		DialContext:            s.dialConsole,
		DisableCompression:     true,
		DisableKeepAlives:      true,
		MaxResponseHeaderBytes: maxHeader,
	}
}

// dialConsole holds a request while the control plane restarts.
func (s *Server) dialConsole(ctx context.Context, _, _ string) (net.Conn, error) {
	limit, cancel := context.WithTimeout(ctx, s.config.limits.console)
	defer cancel()
	tick := time.NewTicker(redial)
	defer tick.Stop()
	for {
		conn, err := (&net.Dialer{}).DialContext(limit, "unix", s.table.Load().socket)
		if err == nil {
			return conn, nil
		}
		select {
		case <-tick.C:
		case <-limit.Done():
			return nil, errors.Join(ctx.Err(), fmt.Errorf("%w: %w", errNoConsole, err))
		}
	}
}
