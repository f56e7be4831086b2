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
	return s.show(ctx, actor, renamed)
}
