package api

import (
	"net/http"

	"github.com/labstack/echo/v4"

	"github.com/lugsail/lugsail/internal/web/openapi"
	"github.com/lugsail/lugsail/internal/web/request"
	"github.com/lugsail/lugsail/platform/observe"
)

// Finding is what one check of a check-up has found.
type Finding struct {
	Check string        `json:"check"` // a word that stays the same, "disk" for example
	Level observe.Level `json:"level"`
	Text  string        `json:"text"`
	Hint  string        `json:"hint"` // what to do; "" when nothing is to be done
}

// DoctorAnswer is a check-up.
type DoctorAnswer struct {
	Level    observe.Level `json:"level"` // the worst of the findings'
	Findings []Finding     `json:"findings"`
}

func doctorBody(findings []observe.Finding) DoctorAnswer {
	return DoctorAnswer{observe.Worst(findings), list(findings, func(f observe.Finding) Finding { return Finding(f) })}
}

// DoctorServer answers GET /doctor.
func (a *API) DoctorServer(c echo.Context) error {
	findings, err := a.Apps.ExamineServer(c.Request().Context(), request.Actor(c))
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, doctorBody(findings))
}

// DoctorApp answers GET /apps/:app/doctor.
func (a *API) DoctorApp(c echo.Context) error {
	findings, err := a.Apps.ExamineApp(actorAnd(c))
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, doctorBody(findings))
}

var doctorOperations = []openapi.Operation{
	{
		Route: "GET /api/v1/doctor", Group: "Server", Summary: "Check the server up",
		Notes:  "For the owner. It looks at the machine while you wait, 20 seconds at most, whatever of it does not answer. Each finding has a level (ok, warn, bad), a sentence, and what to do.",
		Status: http.StatusOK, Answer: DoctorAnswer{}, Errors: openapi.Codes{503: "doctor_missing"},
	},
	{
		Route: "GET /api/v1/apps/:app/doctor", Group: "Apps", Summary: "Check an app up",
		Notes:  "It looks into the app's replicas while you wait. Each finding has a level (ok, warn, bad), a sentence, and what to do.",
		Status: http.StatusOK, Answer: DoctorAnswer{},
	},
}
