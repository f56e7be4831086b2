package proxy

import (
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"strconv"
	"strings"
)

// rewrite makes the request for the target from the client's. ReverseProxy has removed
// the hop-by-hop headers before, so what is set here is not taken away by "Connection".
func (s *Server) rewrite(pr *httputil.ProxyRequest, host string) {
	h := pr.Out.Header
	dropUntrusted(h)
	pr.Out.Host = host + s.portSuffix()
	pr.Out.URL.Scheme, pr.Out.URL.Host = "http", host
	keepTarget(pr.Out.URL, pr.In)
	client, _, err := net.SplitHostPort(pr.In.RemoteAddr)
	if err != nil {
		client = pr.In.RemoteAddr
	}
	client, _, _ = strings.Cut(client, "%")
	h["X-Forwarded-For"] = []string{client}
	h["X-Forwarded-Proto"] = []string{"https"}
	h["X-Forwarded-Host"] = []string{pr.Out.Host}
	h["X-Forwarded-Port"] = []string{strconv.Itoa(s.config.PublicHTTPSPort)}
}

func (s *Server) portSuffix() string {
	if s.config.PublicHTTPSPort == 443 {
		return ""
	}
	return ":" + strconv.Itoa(s.config.PublicHTTPSPort)
}

// dropUntrusted removes what only a proxy may say, what servers fold into such names,
// and upgrades other than to WebSocket.
func dropUntrusted(h http.Header) {
	for name := range h {
		switch {
		case !plainName(name), strings.HasPrefix(name, "X-Forwarded-"), name == "X-Forwarded":
			delete(h, name)
		}
	}
	delete(h, "X-Real-Ip")
	delete(h, "Forwarded")
	delete(h, "Proxy")  // HTTP_PROXY in CGI programs
	delete(h, "Expect") // answered here, when the target takes the body
	if up := h.Get("Upgrade"); up != "" && !strings.EqualFold(up, "websocket") {
		delete(h, "Upgrade")
		delete(h, "Connection")
	}
}

// plainName reports whether a header's name is of letters, digits and hyphens.
func plainName(name string) bool {
	for i := range len(name) {
		c := name[i] | 0x20 // letters in lower case, digits and hyphen as they are
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' {
			return false
		}
	}
	return true
}

// keepTarget passes path and query on byte for byte. ReverseProxy would drop parts of
// a query that Go does not parse, and URL would escape some characters of a path anew.
func keepTarget(out *url.URL, in *http.Request) {
	out.RawQuery, out.ForceQuery = in.URL.RawQuery, in.URL.ForceQuery
	path, _, _ := strings.Cut(in.RequestURI, "?")
	if !strings.HasPrefix(path, "/") || strings.HasPrefix(path, "//") {
		return // absolute form, "*", or what Opaque would turn into a host; these go escaped
	}
	for i := range len(path) {
		if path[i] <= ' ' || path[i] >= 0x7f {
			return // HTTP/2 lets a space through, which would end the request line
		}
	}
	out.Opaque = path
}

// dropForeignCookies removes cookies that an app sets for a domain that the console
// lies in: the browser would send them to the console.
func dropForeignCookies(h http.Header, parents map[string]struct{}) {
	cookies := h["Set-Cookie"]
	if len(cookies) == 0 || len(parents) == 0 {
		return
	}
	kept := cookies[:0]
	for _, c := range cookies {
		if !setsDomainOf(c, parents) {
			kept = append(kept, c)
		}
	}
	if len(kept) == 0 {
		delete(h, "Set-Cookie")
		return
	}
	h["Set-Cookie"] = kept
}

func setsDomainOf(cookie string, parents map[string]struct{}) bool {
	_, attributes, _ := strings.Cut(cookie, ";")
	for attribute := range strings.SplitSeq(attributes, ";") {
		name, value, _ := strings.Cut(attribute, "=")
		if !strings.EqualFold(strings.TrimSpace(name), "domain") {
			continue
		}
		domain := strings.Trim(strings.ToLower(value), " \t\".")
		if _, ours := parents[domain]; ours {
			return true
		}
	}
	return false
}
