package api

import (
	"context"
	"errors"
	"io"
	"net/http"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/lugsail/lugsail/internal/web/request"
	"github.com/lugsail/lugsail/platform"
	"github.com/lugsail/lugsail/platform/hook"
)

// HookAnswer tells a Git host what its delivery led to.
type HookAnswer struct {
	Outcome    platform.DeliveryOutcome `json:"outcome"`
	Message    string                   `json:"message"`
	Deployment *int                     `json:"deployment" doc:"the number of the deployment that it began"`
}

// Bodies of strangers are in memory at once: so many, and large ones less. Of one webhook a large one
// comes after the other, so that who knows the address of one keeps no place from the others.
var hookPlaces platform.Shares

const (
	largeHook = 1 << 20
	slotTime  = 20 * time.Second
	lookSlot  = 50 * time.Millisecond
)

func sharesOf(id string, size int64) []platform.Share {
	if size >= 0 && size <= largeHook {
		return []platform.Share{{Of: "small of " + id, Most: 8}, {Of: "small", Most: 32}}
	}
	return []platform.Share{{Of: "large of " + id, Most: 1}, {Of: "large", Most: 3}}
}

// HookReceive answers POST /hooks/:id. The signature is over the body as it comes, so it is read
// whole; but not for an id that nobody has.
func (a *API) HookReceive(c echo.Context) error {
	r, id := c.Request(), c.Param("id")
	header := onceIn(r.Header)
	if err := hook.CheckType(header); err != nil {
		return request.WithStatus(http.StatusUnsupportedMediaType, platform.AsError(err))
	}
	if r.ContentLength > hook.MaxBody {
		return hookTooLarge()
	}
	if err := a.Apps.AdmitWebhook(r.Context(), id, request.Source(c)); err != nil {
		return err
	}
	free, err := takePlace(r.Context(), sharesOf(id, r.ContentLength))
	if err != nil {
		return err
	}
	defer free()
	body, err := readBody(http.MaxBytesReader(c.Response(), r.Body, hook.MaxBody), r.ContentLength)
	if tooLarge := new(http.MaxBytesError); errors.As(err, &tooLarge) {
		return hookTooLarge()
	}
	if err != nil {
		return request.WithStatus(http.StatusBadRequest, platform.Errorf(platform.Invalid, "body_unreadable", "The body of the request broke off.").Because(err))
	}
	d, err := a.Apps.Deliver(r.Context(), id, request.Source(c), hook.Request{Header: header, Body: body})
	if err != nil {
		return err
	}
	return answerHook(c, d)
}

func answerHook(c echo.Context, d platform.Delivery) error {
	answer := HookAnswer{Outcome: d.Outcome, Message: d.Text}
	if d.Deployment > 0 {
		answer.Deployment = &d.Deployment
	}
	if d.Outcome == platform.DeliveryRefused {
		return platform.Errorf(platform.Invalid, "webhook_other_repository", "%s", d.Text).WithHint("Remove the webhook there, or bind the app to that repository.")
	}
	return c.JSON(http.StatusAccepted, answer)
}

// onceIn reads headers that stand there once. One that comes twice is none.
func onceIn(h http.Header) func(string) string {
	return func(name string) string {
		if values := h.Values(name); len(values) == 1 {
			return values[0]
		}
		return ""
	}
}

func hookTooLarge() error {
	return request.WithStatus(http.StatusRequestEntityTooLarge,
		platform.Errorf(platform.Invalid, "webhook_too_large", "A delivery may have %d MB.", hook.MaxBody>>20))
}

func takePlace(ctx context.Context, shares []platform.Share) (free func(), err error) {
	look, end := time.NewTicker(lookSlot), time.NewTimer(slotTime)
	defer look.Stop()
	defer end.Stop()
	for {
		if free, full := hookPlaces.Take(shares...); full == nil {
			return free, nil
		}
		select {
		case <-look.C:
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-end.C:
			return nil, platform.Errorf(platform.Unavailable, "webhooks_busy", "Too many deliveries come at once.").WithHint("Send it again in a minute.")
		}
	}
}

// readBody takes no more memory than is announced, or twice what comes when nothing is.
func readBody(r io.Reader, size int64) ([]byte, error) {
	if size < 0 {
		return io.ReadAll(r)
	}
	body := make([]byte, size)
	n, err := io.ReadFull(r, body)
	return body[:n], err
}
