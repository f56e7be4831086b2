package console

import (
	"net/http"

	"github.com/labstack/echo/v4"
)

// Reference answers GET /docs/api: the API for people who write programs.
func (c *Console) Reference(e echo.Context) error {
	return c.show(e, http.StatusOK, "reference", frame{Title: "API", Nav: "account", Data: c.reference()})
}
