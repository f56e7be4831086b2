package proxy

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"

	"github.com/lugsail/lugsail/platform"
)

// callTimeout bounds every call, beyond the time that the call itself is about.
const callTimeout = 10 * time.Second

// Client commands a proxy over its control socket. When the proxy does not answer, its
// methods return a *platform.Error of the kind Unavailable.
type Client struct {
	http http.Client
}

// NewClient makes a client for the control socket at path. It connects at the first call.
func NewClient(path string) *Client {
	return &Client{http: http.Client{Transport: &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, "unix", path)
		},
		DisableKeepAlives: true, // the proxy may be another one at the next call
	}}}
}

// Publish makes the table the one that serves. When it returns nil, no request is sent
// to a target that the table does not name; those under way there are for Drain to wait for.
// A table older than the one that serves is refused with the code table_outdated.
func (c *Client) Publish(ctx context.Context, table platform.RouteTable) error {
	_, err := call[struct{}](ctx, c, callTimeout, http.MethodPut, "/table", table)
	return err
}

// Probe asks the proxy to try a target, once.
func (c *Client) Probe(ctx context.Context, p platform.Probe) (platform.ProbeResult, error) {
	return call[platform.ProbeResult](ctx, c, probeTimeout(p)+callTimeout, http.MethodPost, "/probe", p)
}

// Drain waits until no request is under way on the targets, for timeout at most, and
// tells how many are left. It does not wait for WebSockets: they end when their replica
// does, which can say goodbye to them, and their clients come back to the new one.
func (c *Client) Drain(ctx context.Context, ids []string, timeout time.Duration) (int, error) {
	out, err := call[drainAnswer](ctx, c, timeout+callTimeout, http.MethodPost, "/drain", drainRequest{ids, timeout})
	return out.Left, err
}

// Status tells what the proxy says of itself.
func (c *Client) Status(ctx context.Context) (platform.ProxyStatus, error) {
	return call[platform.ProxyStatus](ctx, c, callTimeout, http.MethodPost, "/status", struct{}{})
}

// Traffic gives what was counted of each app since the proxy's start.
func (c *Client) Traffic(ctx context.Context) (platform.TrafficTotals, error) {
	return call[platform.TrafficTotals](ctx, c, callTimeout, http.MethodPost, "/traffic", struct{}{})
}

// Certificates tells what visitors of each name are shown.
func (c *Client) Certificates(ctx context.Context) ([]platform.ServedCertificate, error) {
	return call[[]platform.ServedCertificate](ctx, c, callTimeout, http.MethodPost, "/certificates", struct{}{})
}

// CA gives the root certificate of the internal CA, PEM.
func (c *Client) CA(ctx context.Context) ([]byte, error) {
	return call[[]byte](ctx, c, callTimeout, http.MethodPost, "/ca", struct{}{})
}

func call[Out any](ctx context.Context, c *Client, limit time.Duration, method, path string, in any) (Out, error) {
	var out Out
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	body, err := json.Marshal(in)
	if err != nil {
		return out, fmt.Errorf("encoding a command to the proxy: %w", err)
	}
	req, err := http.NewRequestWithContext(ctx, method, "http://proxy"+path, bytes.NewReader(body))
	if err != nil {
		return out, fmt.Errorf("making a command to the proxy: %w", err)
	}
	res, err := c.http.Do(req)
	if err != nil {
		return out, unavailable(err)
	}
	defer func() { _ = res.Body.Close() }() // read to its end below
	data, err := io.ReadAll(io.LimitReader(res.Body, maxTable))
	if err != nil {
		return out, unavailable(err)
	}
	if res.StatusCode != http.StatusOK {
		var f failure
		if err := json.Unmarshal(data, &f); err != nil {
			return out, fmt.Errorf("the proxy answered %s: %w", res.Status, err)
		}
		return out, f.err()
	}
	if err := json.Unmarshal(data, &out); err != nil {
		return out, fmt.Errorf("reading the proxy's answer: %w", err)
	}
	return out, nil
}

func unavailable(err error) error {
	return platform.Errorf(platform.Unavailable, "proxy_unavailable", "The proxy does not answer.").
		WithHint("Apps that are live may be unreachable. Look at it: lugsail service status.").Because(err)
}
