package console

import (
	"maps"
	"net/http"
	"strconv"
	"strings"

	"github.com/labstack/echo/v4"

	"github.com/lugsail/lugsail/internal/web/request"
	"github.com/lugsail/lugsail/platform"
	"github.com/lugsail/lugsail/platform/app"
)

type configPage struct {
	Names    []string
	Revealed string // the one name whose value is shown
	Value    string
	Name     string // with Typed and Lines: what the form holds after it was refused, or looked at
	Typed    string
	Lines    string
	Preview  *platform.ConfigDiff // what saving it would change
	Back     int                  // the release whose config vars would come back; 0 when the form is meant
	Waiting  platform.ConfigDiff
	Restart  app.Effect
	History  []platform.ConfigChange
	Older    int // where the next page of the history begins; 0 when there is none
}

const changesShown = 20

// Config answers GET /apps/:app/config: names only.
func (c *Console) Config(e echo.Context) error {
	return c.configWith(e, configPage{}, nil)
}

func (c *Console) configWith(e echo.Context, page configPage, wrong error) error {
	f, err := c.inApp(e, "config", "Config vars")
	if err != nil {
		return err
	}
	if page.Names, err = c.apps.ConfigNames(e.Request().Context(), f.Actor, f.App.App.Name); err != nil {
		return err
	}
	if err := c.aroundConfig(e, f, &page); err != nil {
		return err
	}
	f.Data = page
	if wrong != nil {
		return c.refuse(e, wrong, "config", f)
	}
	return c.show(e, http.StatusOK, "config", f)
}

// aroundConfig adds what stands around the names: what waits, what a restart does, who changed what.
func (c *Console) aroundConfig(e echo.Context, f frame, page *configPage) (err error) {
	ctx, name := e.Request().Context(), f.App.App.Name
	if page.Waiting, err = c.apps.ConfigWaiting(ctx, f.Actor, name); err != nil {
		return err
	}
	if page.Restart, err = c.apps.RestartEffect(ctx, f.Actor, name); err != nil {
		return err
	}
	before, err := request.Int(e, "before", 0, 0, 1<<31-1)
	if err != nil {
		return err
	}
	page.History, err = c.apps.ConfigHistory(ctx, f.Actor, name, int(before), changesShown)
	if len(page.History) == changesShown {
		page.Older = page.History[changesShown-1].Number
	}
	return err
}

// ConfigSet answers POST /apps/:app/config: one name and value, or the lines of an .env file, or both. With
// "look" it shows what would change, and saves nothing.
func (c *Console) ConfigSet(e echo.Context) error {
	form := configPage{Name: strings.TrimSpace(e.FormValue("name")), Typed: e.FormValue("value"), Lines: e.FormValue("lines")}
	set, err := platform.ParseDotenv(form.Lines)
	if form.Name != "" {
		maps.Copy(set, map[string]string{form.Name: strings.ReplaceAll(form.Typed, "\r\n", "\n")})
	}
	if err == nil && len(set) == 0 {
		err = platform.Errorf(platform.Invalid, "config_empty", "There is nothing to save.").
			WithHint("Give a name and a value, or paste lines such as NAME=value.")
	}
	if err != nil {
		return c.configWith(e, form, err)
	}
	return c.changeConfig(e, form, app.ConfigEdit{Set: set})
}

// changeConfig saves an edit, for now or for later, or shows what it would change.
func (c *Console) changeConfig(e echo.Context, form configPage, edit app.ConfigEdit) error {
	ctx, actor, name := e.Request().Context(), request.Actor(e), e.Param("app")
	diff, lookErr := c.apps.PreviewConfig(ctx, actor, name, edit)
	if e.FormValue("look") != "" {
		if lookErr == nil {
			form.Preview = &diff
		}
		form.Back = edit.FromRelease
		return c.configWith(e, form, lookErr)
	}
	edit.Later = e.FormValue("when") == "later"
	d, err := c.apps.ChangeConfig(ctx, actor, name, edit)
	if err != nil {
		return c.configWith(e, form, err)
	}
	notice := "saved"
	if lookErr == nil && diff.Nothing() { // what is damaged cannot be looked at, and saving mends it
		notice = "same"
	} else if edit.Later {
		notice = "next"
	}
	return afterwards(e, d, appPath(e, "/config"), notice)
}

// ConfigRemove answers POST /apps/:app/config/remove.
func (c *Console) ConfigRemove(e echo.Context) error {
	return c.changeConfig(e, configPage{}, app.ConfigEdit{Unset: []string{e.FormValue("name")}})
}

// ConfigRestore answers POST /apps/:app/config/restore: the config vars of a release come back, or are looked at.
func (c *Console) ConfigRestore(e echo.Context) error {
	number, err := strconv.Atoi(e.FormValue("release"))
	if err != nil || number < 1 {
		return c.configWith(e, configPage{}, platform.Errorf(platform.NotFound, "release_not_found", "There is no release of that number."))
	}
	return c.changeConfig(e, configPage{}, app.ConfigEdit{FromRelease: number})
}

// ConfigApply answers POST /apps/:app/config/apply: what waited for the next deployment goes live.
func (c *Console) ConfigApply(e echo.Context) error {
	d, err := c.apps.ApplyConfig(e.Request().Context(), request.Actor(e), e.Param("app"))
	if err != nil {
		return c.configWith(e, configPage{}, err)
	}
	return afterwards(e, d, appPath(e, "/config"), "unchanged")
}

// ConfigReveal answers POST /apps/:app/config/reveal: the page with one value in it.
func (c *Console) ConfigReveal(e echo.Context) error {
	name := e.FormValue("name")
	vars, err := c.apps.ConfigVars(e.Request().Context(), request.Actor(e), e.Param("app"))
	if err != nil {
		return err
	}
	value, ok := vars[name]
	if !ok {
		return c.configWith(e, configPage{}, platform.Errorf(platform.NotFound, "config_not_found", "There is no config var of that name."))
	}
	return c.configWith(e, configPage{Revealed: name, Name: name, Value: value, Typed: value}, nil)
}
