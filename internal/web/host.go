package web

import (
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"

	"github.com/labstack/echo/v4"

	"github.com/lugsail/lugsail/internal/web/request"
	"github.com/lugsail/lugsail/platform"
)

// hostname is the name part of a Host header: lower case, without port and last dot.
func hostname(host string) string {
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	return strings.TrimSuffix(strings.ToLower(strings.Trim(host, "[]")), ".")
}

// AskedHost is the host name that a request asks for.
func AskedHost(r *http.Request) string { return hostname(r.Host) }

// onlyOwnHosts answers other names with a page that says nothing of what is here.
// The health check has no host name: nothing but the socket leads to it.
func (s *Server) onlyOwnHosts(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		r := c.Request()
		if r.URL.Path == healthPath || slices.Contains(s.config.Hosts(), AskedHost(r)) {
			return next(c)
		}
		return c.String(http.StatusNotFound, "There is nothing at this address.\n")
	}
}

// ClientIP is the address that the proxy saw: the last one in X-Forwarded-For, since
// everything before it came from the client.
func ClientIP(r *http.Request) string {
	values := r.Header.Values(echo.HeaderXForwardedFor)
	if len(values) == 0 {
		return ""
	}
	last := values[len(values)-1]
	last = strings.TrimSpace(last[strings.LastIndexByte(last, ',')+1:])
	address, err := netip.ParseAddr(last)
	if err != nil {
		return ""
	}
	return address.Unmap().WithZone("").String()
}

// sameOrigin refuses what another site's page makes a browser send. Requests of
// programs carry no Origin and pass.
func (s *Server) sameOrigin(next echo.HandlerFunc) echo.HandlerFunc {
	protection := http.NewCrossOriginProtection()
	return func(c echo.Context) error {
		if err := protection.Check(c.Request()); err != nil {
			return request.WithStatus(http.StatusForbidden,
				platform.Errorf(platform.Forbidden, "cross_origin", "This request came from another site's page, so it was refused.").
					WithHint("Open the console itself and do it there.").Because(err))
		}
		return next(c)
	}
}
