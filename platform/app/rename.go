package app

import (
	"context"
	"fmt"

	"github.com/lugsail/lugsail/platform"
)

// Rename gives an app another name, and with it other addresses; the old ones lead nowhere from
// then on. Domains, releases, config vars and the repository stay. A name in use answers
// Conflict, code app_exists.
func (s *Service) Rename(ctx context.Context, actor platform.Actor, name, to string) (Overview, error) {
	app, err := s.find(ctx, actor, name, platform.ActionManage)
	if err != nil {
		return Overview{}, err
	}
	if err := platform.ValidateAppName(to); err != nil {
		return Overview{}, err
	}
	if to == app.Name {
		return s.show(ctx, actor, app)
	}
	if err := s.mayLeave(ctx, app); err != nil { // apps reach it by its name
		return Overview{}, err
	}
	renamed, err := s.Store.UpdateApp(ctx, app.ID, func(a *platform.App) error {
		a.Name = to
		return nil
	})
	if err != nil {
		return Overview{}, s.takenByTrash(ctx, actor, to, err)
	}
	s.event(ctx, actor, renamed, "app.renamed", fmt.Sprintf("%s is called %s now", app.Name, to))
	s.refreshRoutes(ctx)
	if err := s.tellName(ctx, actor, renamed); err != nil {
		return Overview{}, err
	}
	return s.show(ctx, actor, renamed)
}

// tellName starts an app of a blueprint anew: such programs know the address at which they are reached from their
// environment, and write it into their pages and mails.
func (s *Service) tellName(ctx context.Context, actor platform.Actor, app platform.App) error {
	if app.Blueprint == "" || app.Addon || app.CurrentRelease == 0 || app.Scale.Of(platform.WebProcess) == 0 {
		return nil
	}
	_, err := s.begin(ctx, actor, app, platform.Deployment{Kind: platform.DeployRestart, Cause: "the new name " + app.Name})
	return err
}
