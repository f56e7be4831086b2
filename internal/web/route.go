package web

import (
	"strings"

	"github.com/labstack/echo/v4"

	"github.com/lugsail/lugsail/internal/web/request"
	"github.com/lugsail/lugsail/platform"
)

// kind says how a route learns who asks.
type kind int

const (
	public  kind = iota // nobody needs to be known
	page                // a session's cookie; without one the sign-in page
	program             // a bearer token, or a session's cookie
	git                 // the handler asks for itself, once git sends its password
)

// route is one thing that can be asked for.
type route struct {
	method  string
	path    string
	kind    kind
	action  platform.Action // what the actor must be allowed; "" for public and git
	any     bool            // on no app in particular, and open to tokens of one app: the answer is narrowed to it
	setup   bool            // answers before the server is claimed, too
	stream  bool            // stays open; ends when the server stops
	upload  bool            // takes a large form, which its handler reads as it comes
	handler echo.HandlerFunc
}

// handle takes a request that may come in. A form is read whole before, so that one that is too
// large or broken is told as such, and not as one with empty fields.
func (r route) handle(c echo.Context) error {
	if r.method == post && r.kind != git && !r.upload && !strings.HasPrefix(r.path, "/api/") {
		if err := request.ReadForm(c); err != nil {
			return err
		}
	}
	return r.handler(c)
}
