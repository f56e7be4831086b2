package console

import (
	"net/http"
	"net/url"
	"strings"

	"github.com/labstack/echo/v4"
)

// loginPath leads to the sign-in page and, from a page that was only looked at, back.
func loginPath(e echo.Context) string {
	r := e.Request()
	if r.Method != http.MethodGet || r.URL.Path == "/" {
		return "/login"
	}
	return "/login?next=" + url.QueryEscape(r.URL.RequestURI())
}

// safeNext lets only a path of this console through; anything else is the home page.
func safeNext(next string) string {
	if !strings.HasPrefix(next, "/") || strings.HasPrefix(next, "//") || strings.ContainsAny(next, "\\\r\n\t") {
		return "/"
	}
	u, err := url.Parse(next)
	if err != nil || u.Host != "" || u.Scheme != "" || u.User != nil || strings.HasPrefix(u.Path, "//") || strings.ContainsAny(u.Path, "\\") {
		return "/"
	}
	return next
}
