package console

import (
	"maps"

	"github.com/labstack/echo/v4"

	"github.com/lugsail/lugsail/internal/web/request"
	"github.com/lugsail/lugsail/platform"
	"github.com/lugsail/lugsail/platform/app"
)

// configure changes settings of an app, and tells which notice says what came of it: changed, or that all was so already.
func (c *Console) configure(e echo.Context, set app.Settings, changed string) (platform.Deployment, string, error) {
	return c.settle(e, changed, func(name string) (platform.Deployment, error) {
		return c.apps.Configure(e.Request().Context(), request.Actor(e), name, set)
	})
}

// settle does something to the settings of an app, and looks whether that changed them.
func (c *Console) settle(e echo.Context, changed string, do func(name string) (platform.Deployment, error)) (platform.Deployment, string, error) {
	ctx, actor, name := e.Request().Context(), request.Actor(e), e.Param("app")
	before, err := c.apps.App(ctx, actor, name)
	if err != nil {
		return platform.Deployment{}, "", err
	}
	d, err := do(name)
	if err != nil || d.Number > 0 {
		return d, changed, err
	}
	after, err := c.apps.App(ctx, actor, name)
	if err == nil && sameSettings(before.App, after.App) {
		changed = "same"
	}
	return d, changed, err
}

func sameSettings(a, b platform.App) bool {
	processes := maps.Clone(a.Scale)
	if processes == nil {
		processes = platform.Scale{}
	}
	maps.Copy(processes, b.Scale)
	for process := range processes {
		if a.Scale.Of(process) != b.Scale.Of(process) {
			return false
		}
	}
	return a.Plan == b.Plan && a.DeployBranch == b.DeployBranch && a.Health == b.Health && a.StopGrace == b.StopGrace &&
		a.Builder == b.Builder && a.Dockerfile == b.Dockerfile
}
