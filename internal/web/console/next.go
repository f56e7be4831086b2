package console

import (
	"net/http"
	"net/url"
	"strings"

	"github.com/labstack/echo/v4"
)

// loginPath leads to the sign-in page and from there back: to the page that was looked at, or to the one whose form
// was sent, which was not done.
func loginPath(e echo.Context) string {
	r := e.Request()
	if r.URL.Path == "/logout" {
		return "/login?done=signed-out"
	}
	if r.Method != http.MethodGet {
		return "/login?done=unsent&next=" + url.QueryEscape(formPage(r))
	}
	if r.URL.Path == "/" {
		return "/login"
	}
	return "/login?next=" + url.QueryEscape(r.URL.RequestURI())
}

// formPage is the page of this console whose form a request sends; the home page when the browser does not tell.
func formPage(r *http.Request) string {
	from, err := url.Parse(r.Referer())
	if err != nil || from.Host != r.Host {
		return "/"
	}
	return safeNext(from.RequestURI())
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
