package console

import (
	"net/http"

	"github.com/labstack/echo/v4"

	"github.com/lugsail/lugsail/internal/web/request"
	"github.com/lugsail/lugsail/platform/observe"
)

// checkupPage is a check-up, what is wrong first.
type checkupPage struct {
	Tab       string // of the server's pages
	Bad, Warn int
	Findings  []observe.Finding
}

func checkup(findings []observe.Finding) checkupPage {
	page := checkupPage{Tab: "checkup", Bad: observe.Count(findings, observe.LevelBad), Warn: observe.Count(findings, observe.LevelWarn)}
	for _, level := range []observe.Level{observe.LevelBad, observe.LevelWarn, observe.LevelOK} {
		for _, f := range findings {
			if f.Level == level {
				page.Findings = append(page.Findings, f)
			}
		}
	}
	return page
}

// ServerCheckup answers GET /server/checkup: it looks while the person waits.
func (c *Console) ServerCheckup(e echo.Context) error {
	findings, err := c.apps.ExamineServer(e.Request().Context(), request.Actor(e))
	if err != nil {
		return err
	}
	return c.show(e, http.StatusOK, "checkup", frame{Title: "Check-up", Nav: "server", Data: checkup(findings)})
}

// AppCheckup answers GET /apps/:app/checkup.
func (c *Console) AppCheckup(e echo.Context) error {
	f, err := c.inApp(e, "overview", "Check-up")
	if err != nil {
		return err
	}
	findings, err := c.apps.ExamineApp(e.Request().Context(), f.Actor, f.App.App.Name)
	if err != nil {
		return err
	}
	f.Data = checkup(findings)
	return c.show(e, http.StatusOK, "checkup", f)
}

// hints are the findings that need somebody, where the app's state says that something is wrong.
func (c *Console) hints(e echo.Context, f frame) []observe.Finding {
	if colour := f.App.Health.Colour; colour != "warn" && colour != "bad" {
		return nil
	}
	findings, err := c.apps.ExamineApp(e.Request().Context(), f.Actor, f.App.App.Name)
	if err != nil {
		return nil // the state's own sentence is there
	}
	var wrong []observe.Finding
	for _, finding := range findings {
		if finding.Level != observe.LevelOK {
			wrong = append(wrong, finding)
		}
	}
	return wrong
}
