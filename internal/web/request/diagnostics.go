package request

import (
	"context"
	"io"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/lugsail/lugsail/platform"
)

// Diagnostics sends the archive that write makes. Nothing is sent before the first byte is there, so that an
// error is told as one.
func Diagnostics(c echo.Context, write func(ctx context.Context, actor platform.Actor, to io.Writer) error) error {
	h := c.Response().Header()
	h.Set(echo.HeaderContentType, "application/gzip")
	h.Set(echo.HeaderContentDisposition, `attachment; filename="lugsail-diagnostics-`+time.Now().UTC().Format("20060102-150405")+`.tar.gz"`)
	err := write(c.Request().Context(), Actor(c), c.Response())
	if err != nil && !c.Response().Committed {
		h.Del(echo.HeaderContentType)
		h.Del(echo.HeaderContentDisposition)
	}
	return err
}
