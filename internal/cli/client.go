package cli

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/lugsail/lugsail/platform"
)

// maxAnswer bounds an answer that is read whole.
const maxAnswer = 32 << 20

// client speaks to one server.
type client struct {
	base  string // "https://console.example.com"
	token string
	agent string
	http  *http.Client
}

func newClient(server savedServer, version string) (*client, error) {
	roots, err := rootsWith(server.CA)
	if err != nil {
		return nil, err
	}
	return &client{
		base: server.URL, token: server.Token, agent: "lugsail/" + version,
		http: &http.Client{Transport: transport(&tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}), CheckRedirect: noRedirect},
	}, nil
}

// noRedirect keeps the token where it belongs.
func noRedirect(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }

func transport(t *tls.Config) *http.Transport {
	dialer := &net.Dialer{Timeout: 10 * time.Second, KeepAlive: 15 * time.Second}
	return &http.Transport{
		Proxy: func(r *http.Request) (*url.URL, error) {
			if isLocal(r.URL.Hostname()) {
				return nil, nil
			}
			return http.ProxyFromEnvironment(r)
		},
		DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
			if host, port, err := net.SplitHostPort(addr); err == nil && isLocal(host) {
				addr = net.JoinHostPort("127.0.0.1", port)
			}
			return dialer.DialContext(ctx, network, addr)
		},
		TLSClientConfig: t, TLSHandshakeTimeout: 10 * time.Second, ForceAttemptHTTP2: true,
		ResponseHeaderTimeout: 60 * time.Second, IdleConnTimeout: 30 * time.Second,
	}
}

// isLocal says whether a name means this very machine (RFC 6761).
func isLocal(host string) bool {
	return host == "localhost" || strings.HasSuffix(host, ".localhost")
}

// rootsWith is what the system trusts and the certificates of a file.
func rootsWith(file string) (*x509.CertPool, error) {
	if file == "" {
		return nil, nil
	}
	pem, err := os.ReadFile(file)
	if err != nil {
		return nil, platform.Errorf(platform.Invalid, "ca_file", "The certificate in %s cannot be read.", file).
			WithHint("Sign in again: lugsail login").Because(err)
	}
	pool, err := x509.SystemCertPool()
	if err != nil {
		pool = x509.NewCertPool()
	}
	if !pool.AppendCertsFromPEM(pem) {
		return nil, platform.Errorf(platform.Invalid, "ca_file", "%s holds no certificate.", file).
			WithHint("It must be a PEM file, as the server gives it at /ca.crt.")
	}
	return pool, nil
}

// call sends a request and decodes the answer into out, where out is not nil. It gives the answer as it came.
func (c *client) call(ctx context.Context, method, path string, body, out any) (json.RawMessage, error) {
	res, err := c.send(ctx, method, path, body, nil)
	if err != nil {
		return nil, err
	}
	defer func() { _ = res.Body.Close() }() // nothing was written
	raw, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer))
	if err != nil {
		return nil, c.unreachable(err)
	}
	if out != nil {
		if err := json.Unmarshal(raw, out); err != nil {
			return nil, platform.Errorf(platform.Unavailable, "answer_unknown", "%s gave an answer that this program does not understand.", c.base).
				WithHint("Is that a Lugsail server? `lugsail version` shows whether it and this program fit together.").Because(err)
		}
	}
	return raw, nil
}

// send gives the answer when it is a good one; any other becomes an error.
func (c *client) send(ctx context.Context, method, path string, body any, header http.Header) (*http.Response, error) {
	var content io.Reader
	if body != nil {
		text, err := json.Marshal(body)
		if err != nil {
			return nil, fmt.Errorf("encoding the request: %w", err)
		}
		content = bytes.NewReader(text)
	}
	req, err := http.NewRequestWithContext(ctx, method, c.base+path, content)
	if err != nil {
		return nil, fmt.Errorf("making the request: %w", err)
	}
	for name, values := range header {
		req.Header[name] = values
	}
	req.Header.Set("User-Agent", c.agent)
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if c.token != "" {
		req.Header.Set("Authorization", "Bearer "+c.token)
	}
	res, err := c.http.Do(req)
	if err != nil {
		return nil, c.unreachable(err)
	}
	if res.StatusCode >= 300 {
		defer func() { _ = res.Body.Close() }() // nothing was written
		return nil, c.problem(res)
	}
	return res, nil
}

// unreachable explains an error of the transport.
func (c *client) unreachable(err error) error {
	if errors.Is(err, context.Canceled) {
		return err
	}
	host := c.base
	if u, parseErr := url.Parse(c.base); parseErr == nil {
		host = u.Host
	}
	if untrusted(err) {
		return platform.Errorf(platform.Unavailable, "certificate", "The certificate of %s is not trusted.", host).
			WithHint("Sign in to trust it: lugsail login %s", c.base).Because(err)
	}
	if dns := new(net.DNSError); errors.As(err, &dns) {
		return platform.Errorf(platform.Unavailable, "no_such_host", "The name %s cannot be found.", host).
			WithHint("Check the address and the network.").Because(err)
	}
	return platform.Errorf(platform.Unavailable, "unreachable", "%s does not answer.", host).
		WithHint("Check the address and the network. On the server, `lugsail service status` shows whether it runs.").Because(err)
}

func untrusted(err error) bool {
	verification := new(tls.CertificateVerificationError)
	authority := new(x509.UnknownAuthorityError)
	return errors.As(err, &verification) || errors.As(err, authority)
}

// problem reads an error of the API.
func (c *client) problem(res *http.Response) error {
	kind := kindOf(res.StatusCode)
	media, _, _ := mime.ParseMediaType(res.Header.Get("Content-Type")) // "" when it cannot be read
	var p struct{ Code, Message, Hint string }
	raw, err := io.ReadAll(io.LimitReader(res.Body, 1<<20))
	if err != nil || media != "application/problem+json" || json.Unmarshal(raw, &p) != nil || p.Message == "" {
		return platform.Errorf(kind, "http_"+fmt.Sprint(res.StatusCode), "%s answered %s.", c.base, res.Status).
			WithHint("Is that the address of a Lugsail server's console?")
	}
	if kind == platform.Unauthenticated && p.Code != "login_failed" {
		p.Hint = "Sign in: lugsail login " + c.base
	}
	return &platform.Error{Kind: kind, Code: p.Code, Message: p.Message, Hint: p.Hint}
}

func kindOf(status int) platform.Kind {
	switch status {
	case http.StatusNotFound:
		return platform.NotFound
	case http.StatusConflict:
		return platform.Conflict
	case http.StatusUnauthorized:
		return platform.Unauthenticated
	case http.StatusForbidden:
		return platform.Forbidden
	case http.StatusTooManyRequests:
		return platform.TooMany
	case http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return platform.Unavailable
	}
	if status >= 500 {
		return platform.Internal
	}
	return platform.Invalid
}
