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
	"slices"
	"strconv"
	"strings"
	"syscall"
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

	patience time.Duration // with a server that a stream does not reach any more
}

func newClient(server savedServer, version string) (*client, error) {
	roots, err := rootsWith(server.CA)
	if err != nil {
		return nil, err
	}
	return &client{
		base: server.URL, token: server.Token, agent: "lugsail/" + version, patience: retryFor,
		http: &http.Client{Transport: transport(&tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}, server.Here), CheckRedirect: noRedirect},
	}, nil
}

// noRedirect keeps the token where it belongs.
func noRedirect(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }

// transport reaches servers; here means that every name is one of this very machine.
func transport(t *tls.Config, here bool) *http.Transport {
	dialer := &net.Dialer{Timeout: 10 * time.Second, KeepAlive: 15 * time.Second}
	return &http.Transport{
		Proxy: func(r *http.Request) (*url.URL, error) {
			if here || isLocal(r.URL.Hostname()) {
				return nil, nil
			}
			return http.ProxyFromEnvironment(r)
		},
		DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
			if host, port, err := net.SplitHostPort(addr); err == nil && (here || isLocal(host)) {
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
			return nil, c.notUnderstood(err)
		}
	}
	return raw, nil
}

// download writes an answer that is no JSON to a file.
func (c *client) download(ctx context.Context, path string, to io.Writer) error {
	res, err := c.send(ctx, http.MethodGet, path, nil, nil)
	if err != nil {
		return err
	}
	defer func() { _ = res.Body.Close() }() // nothing was written
	if _, err := io.Copy(to, res.Body); err != nil {
		return c.unreachable(err)
	}
	return nil
}

func (c *client) notUnderstood(err error) error {
	return platform.Errorf(platform.Unavailable, "answer_unknown", "%s gave an answer that this program does not understand.", c.base).
		WithHint("Is that a Lugsail server? `lugsail version` shows whether it and this program fit together.").Because(err)
}

// send gives the answer when it is a good one; any other becomes an error. A server that asks to go on
// more slowly, and a connection that breaks, are tried again: a POST has a key by which it is done once.
func (c *client) send(ctx context.Context, method, path string, body any, header http.Header) (*http.Response, error) {
	var text []byte
	if body != nil {
		var err error
		if text, err = json.Marshal(body); err != nil {
			return nil, fmt.Errorf("encoding the request: %w", err)
		}
	}
	key := ""
	if method == http.MethodPost && c.token != "" {
		key = platform.NewID()
	}
	for try := 1; ; try++ {
		req, err := c.request(ctx, method, path, text, key, header)
		if err != nil {
			return nil, err
		}
		res, err := c.http.Do(req)
		if wait := waitFor(res, err); wait > 0 && try < maxTries && (key != "" || method == http.MethodGet || err == nil) {
			if err == nil {
				_ = res.Body.Close() // nothing was written
			}
			if err := pause(ctx, wait); err != nil {
				return nil, err
			}
			continue
		}
		if err != nil {
			return nil, c.unreachable(err)
		}
		if res.StatusCode >= 300 {
			defer func() { _ = res.Body.Close() }() // nothing was written
			return nil, c.mistyped(ctx, path, c.problem(res))
		}
		return res, nil
	}
}

func (c *client) request(ctx context.Context, method, path string, body []byte, key string, header http.Header) (*http.Request, error) {
	var content io.Reader
	if body != nil {
		content = bytes.NewReader(body)
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
	if key != "" {
		req.Header.Set("Idempotency-Key", key)
	}
	if c.token != "" {
		req.Header.Set("Authorization", "Bearer "+c.token)
	}
	return req, nil
}

const (
	maxTries = 4
	maxWait  = 30 * time.Second
)

// waitFor tells how long to wait before another try makes sense; 0: none does.
func waitFor(res *http.Response, err error) time.Duration {
	if err != nil {
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, syscall.ECONNRESET) {
			return retryEvery
		}
		return 0
	}
	seconds, convErr := strconv.Atoi(res.Header.Get("Retry-After"))
	wait := time.Duration(seconds) * time.Second
	// Wrong passwords are slowed down too, and are not tried again.
	slower := res.StatusCode == http.StatusTooManyRequests && res.Header.Get("RateLimit-Remaining") == "0"
	underWay := res.StatusCode == http.StatusConflict // what was sent before the connection broke is still worked on
	if !slower && !underWay || convErr != nil || wait <= 0 || wait > maxWait {
		return 0
	}
	return wait
}

func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}

// neutralName is in the certificate with which a server of ours answers names that are not its own.
const neutralName = "lugsail.invalid"

func otherName(names []string) string {
	if len(names) == 0 || slices.Contains(names, neutralName) {
		return "Use the console's address as the installer printed it: https://console.…   The server shows it with: sudo lugsail host summary"
	}
	return "Use a name that it has: " + strings.Join(names, ", ")
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
	var name x509.HostnameError
	var invalid x509.CertificateInvalidError
	switch {
	case errors.As(err, &name):
		return platform.Errorf(platform.Unavailable, "certificate", "The server that answers at %s has no certificate for that name.", host).
			WithHint("%s", otherName(name.Certificate.DNSNames)).Because(err)
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return platform.Errorf(platform.Unavailable, "certificate", "The certificate of %s is not valid today.", host).
			WithHint("Is this computer's clock right? It says %s.", time.Now().Format(time.DateTime)).Because(err)
	case untrusted(err):
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

// untrusted reports whether nobody vouches for the certificate that came.
func untrusted(err error) bool {
	var name x509.HostnameError
	var invalid x509.CertificateInvalidError
	if errors.As(err, &name) || errors.As(err, &invalid) && invalid.Reason == x509.Expired {
		return false
	}
	verification := new(tls.CertificateVerificationError)
	authority := new(x509.UnknownAuthorityError)
	return errors.As(err, &verification) || errors.As(err, authority)
}

// repository gives the address of an app's repository under the name by which this computer
// knows the server: git has token and certificate for that one.
func (c *client) repository(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return address
	}
	return c.base + u.Path
}

// answersAs asks the server whether an address is one of its own.
func (c *client) answersAs(ctx context.Context, base string) (bool, error) {
	u, err := url.Parse(base)
	if err != nil {
		return false, err
	}
	var answer struct{ Hosts []string }
	_, err = c.call(ctx, http.MethodGet, "/api/v1/server", nil, &answer)
	return slices.Contains(answer.Hosts, u.Hostname()), err
}

// problem reads an error of the API.
func (c *client) problem(res *http.Response) error {
	kind := kindOf(res.StatusCode)
	media, _, _ := mime.ParseMediaType(res.Header.Get("Content-Type")) // "" when it cannot be read
	var p struct{ Code, Message, Hint string }
	raw, err := io.ReadAll(io.LimitReader(res.Body, 1<<20))
	if err != nil || media != "application/problem+json" || json.Unmarshal(raw, &p) != nil || p.Message == "" {
		if kind == platform.Unavailable { // the proxy answers for a control plane that is away
			return platform.Errorf(kind, "console_away", "The console of %s is restarting, or does not run.", c.base).
				WithHint("Try again in a few seconds. On the server, `lugsail service status` shows whether it runs.")
		}
		return platform.Errorf(kind, "http_"+fmt.Sprint(res.StatusCode), "%s answered %s.", c.base, res.Status).
			WithHint("Is that the address of a Lugsail server's console?")
	}
	if kind == platform.Unauthenticated && p.Code != "wrong_credentials" && p.Code != "wrong_password" && !strings.HasPrefix(p.Code, "second_factor_") {
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
	case http.StatusInsufficientStorage:
		return platform.NoRoom
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
