package request

import (
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"

	"github.com/labstack/echo/v4"

	"github.com/lugsail/lugsail/platform"
)

// Problem is the body of every error of the API (RFC 9457).
type Problem struct {
	Type    string `json:"type"`
	Title   string `json:"title"`
	Status  int    `json:"status"`
	Code    string `json:"code"`
	Message string `json:"message"`
	Hint    string `json:"hint,omitempty"`
}

// statusError is an error with a status of its own, where the kind does not say enough.
type statusError struct {
	status int
	err    *platform.Error
}

func (e *statusError) Error() string { return e.err.Error() }
func (e *statusError) Unwrap() error { return e.err }

// WithStatus gives err a status other than the one of its kind.
func WithStatus(status int, err *platform.Error) error {
	return &statusError{status: status, err: err}
}

// Explain turns any error into a status and what a person may read.
func Explain(err error) (int, *platform.Error) {
	var own *statusError
	if errors.As(err, &own) {
		return own.status, own.err
	}
	var e *platform.Error
	if errors.As(err, &e) {
		return Status(e.Kind), e
	}
	var h *echo.HTTPError
	if errors.As(err, &h) {
		return h.Code, fromHTTP(h)
	}
	return http.StatusInternalServerError, platform.AsError(err)
}

func fromHTTP(h *echo.HTTPError) *platform.Error {
	switch h.Code {
	case http.StatusNotFound:
		return platform.Errorf(platform.NotFound, "not_found", "There is nothing at this address.")
	case http.StatusMethodNotAllowed:
		return platform.Errorf(platform.Invalid, "method_not_allowed", "This address does not take that method.")
	case http.StatusRequestEntityTooLarge:
		return platform.AsError(TooLarge())
	}
	return platform.Errorf(platform.Invalid, "bad_request", "The request cannot be understood.").Because(h)
}

// Status is the HTTP status of a kind of trouble. What does not fit the machine is
// a conflict with its state, not a fault of the server.
func Status(kind platform.Kind) int {
	switch kind {
	case platform.Invalid:
		return http.StatusUnprocessableEntity
	case platform.NotFound:
		return http.StatusNotFound
	case platform.Conflict, platform.NoRoom:
		return http.StatusConflict
	case platform.Unauthenticated:
		return http.StatusUnauthorized
	case platform.Forbidden:
		return http.StatusForbidden
	case platform.TooMany:
		return http.StatusTooManyRequests
	case platform.Unavailable:
		return http.StatusServiceUnavailable
	}
	return http.StatusInternalServerError
}

// WriteProblem answers with problem+json.
func WriteProblem(c echo.Context, status int, e *platform.Error) error {
	header := c.Response().Header()
	header.Set(echo.HeaderContentType, "application/problem+json")
	switch status {
	case http.StatusUnauthorized:
		header.Set("WWW-Authenticate", `Bearer realm="Lugsail"`)
	case http.StatusServiceUnavailable:
		header.Set("Retry-After", "2")
	case http.StatusTooManyRequests:
		if header.Get("Retry-After") == "" {
			header.Set("Retry-After", "60")
		}
	}
	c.Response().WriteHeader(status)
	return json.NewEncoder(c.Response()).Encode(Problem{
		Type: "about:blank", Title: http.StatusText(status), Status: status,
		Code: e.Code, Message: e.Message, Hint: e.Hint,
	})
}

// Log writes the cause of our own faults to the log. What people did wrong is not our news, nor
// what failed because they went away.
func Log(log *slog.Logger, c echo.Context, status int, e *platform.Error) {
	if status < http.StatusInternalServerError || c.Request().Context().Err() != nil {
		return
	}
	log.Error("request failed", "method", c.Request().Method, "route", c.Path(), "status", status,
		"code", e.Code, "request", c.Response().Header().Get(echo.HeaderXRequestID), "error", e.Error())
}
