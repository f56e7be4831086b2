package proxy

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"syscall"
	"time"

	"github.com/lugsail/lugsail/platform"
)

func probeTimeout(p platform.Probe) time.Duration {
	return orDefault(p.Timeout, 5*time.Second)
}

// probe tries a target once, from where requests will come.
func probe(ctx context.Context, p platform.Probe) platform.ProbeResult {
	limit := probeTimeout(p)
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	if p.Path == "" {
		conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", p.Address)
		if err != nil {
			return platform.ProbeResult{Reason: plainReason(err, limit)}
		}
		_ = conn.Close() // nothing was written
		return platform.ProbeResult{OK: true}
	}
	status, err := probeHTTP(ctx, p)
	switch {
	case err != nil:
		return platform.ProbeResult{Reason: plainReason(err, limit)}
	case status < 200 || status > 399:
		return platform.ProbeResult{Status: status, Reason: fmt.Sprintf("answered %d", status)}
	}
	return platform.ProbeResult{OK: true, Status: status}
}

// probeHTTP follows no redirects. It says HTTPS, as all requests of visitors do.
func probeHTTP(ctx context.Context, p platform.Probe) (int, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+p.Address+p.Path, nil)
	if err != nil {
		return 0, fmt.Errorf("making the request: %w", err)
	}
	if p.Host != "" {
		req.Host = p.Host
	}
	req.Header.Set("User-Agent", "Lugsail-Health/1")
	req.Header.Set("X-Forwarded-Proto", "https")
	transport := newTransport(limits{stall: probeTimeout(p)})
	transport.DisableKeepAlives = true
	res, err := transport.RoundTrip(req)
	if err != nil {
		return 0, err
	}
	_ = res.Body.Close() // the status is all that counts
	return res.StatusCode, nil
}

func plainReason(err error, limit time.Duration) string {
	var t net.Error
	switch {
	case errors.Is(err, syscall.ECONNREFUSED):
		return "connection refused"
	case errors.Is(err, syscall.EHOSTUNREACH), errors.Is(err, syscall.ENETUNREACH):
		return "no route to it"
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &t) && t.Timeout():
		return fmt.Sprintf("no answer within %s", limit)
	case errors.Is(err, context.Canceled):
		return "the probe was cancelled"
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, syscall.ECONNRESET):
		return "it closed the connection without an answer"
	case isDial(err):
		return "it cannot be reached"
	}
	return "it does not speak HTTP"
}
