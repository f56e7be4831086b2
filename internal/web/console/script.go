package console

import (
	"net/http"

	"github.com/labstack/echo/v4"

	"github.com/lugsail/lugsail/internal/web/request"
)

// byScript reports whether the page's script sends a form, and shows the answer itself.
func byScript(e echo.Context) bool {
	return e.Request().Header.Get(echo.HeaderAccept) == echo.MIMEApplicationJSON
}

// listens reports whether what the page's script asks for is no page: an answer that is one would be taken for it.
func listens(e echo.Context) bool {
	return byScript(e) || isLive(e) || e.Request().Header.Get(echo.HeaderAccept) == "text/event-stream"
}

// opened reports whether a person has opened the page, and not its script a part of it (Fetch Metadata).
func opened(e echo.Context) bool {
	mode := e.Request().Header.Get("Sec-Fetch-Mode")
	return e.Request().Method == http.MethodGet && (mode == "" || mode == "navigate") && !isLive(e)
}

// see leads to a page after something was done.
func see(e echo.Context, to string) error {
	if byScript(e) {
		return e.JSON(http.StatusOK, map[string]string{"to": to})
	}
	return e.Redirect(http.StatusSeeOther, to)
}

// seeRefused leads to a page that says why the rest was refused, so that loading it anew sends nothing again.
func seeRefused(e echo.Context, err error, to string) error {
	status, wrong := request.Explain(err)
	if status >= http.StatusInternalServerError && status != http.StatusServiceUnavailable {
		return err
	}
	request.KeepRefusal(e, wrong)
	return see(e, to)
}
