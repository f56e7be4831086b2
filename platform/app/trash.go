package app

import (
	"context"
	"fmt"

	"github.com/lugsail/lugsail/platform"
)

// Destroy puts an app into the trash, where it serves nobody and everything of it is kept for 14 days; or
// removes it for good with everything that is its own, when now says so. confirm must be its name. An app
// keeps its name and its domains as long as it is in the trash, so that it can come back as it was.
func (s *Service) Destroy(ctx context.Context, actor platform.Actor, name, confirm string, now bool) (platform.Deployment, error) {
	app, err := s.seen(ctx, actor, name, platform.ActionManage)
	if err != nil {
		return platform.Deployment{}, err
	}
	switch {
	case app.State == platform.AppDestroying:
		return platform.Deployment{}, leaving(app)
	case confirm != app.Name:
		return platform.Deployment{}, notConfirmed(app, now)
	case now:
		return s.takeAway(ctx, actor, app, platform.DeployDestroy, "destroy for good", "app.destroy", app.Name+" is being removed for good")
	case app.State == platform.AppTrashed:
		return platform.Deployment{}, app.Trashed().WithHint("Bring it back: lugsail restore %s. Or remove it for good: lugsail destroy %s --now", app.Name, app.Name)
	}
	return s.takeAway(ctx, actor, app, platform.DeployTrash, "destroy", "app.destroy", app.Name+" goes into the trash")
}

func notConfirmed(app platform.App, now bool) error {
	e := platform.Errorf(platform.Invalid, "not_confirmed", "To destroy %s, its name must be given once more.", app.Name)
	if now {
		return e.WithHint("This cannot be undone: type %s to go on.", app.Name)
	}
	return e.WithHint("It can be brought back for 14 days: type %s to go on.", app.Name)
}

func (s *Service) takeAway(ctx context.Context, actor platform.Actor, app platform.App, kind platform.DeploymentKind, cause, action, text string) (platform.Deployment, error) {
	if err := s.mayLeave(ctx, app); err != nil {
		return platform.Deployment{}, err
	}
	d, err := s.begin(ctx, actor, app, platform.Deployment{Kind: kind, Cause: cause})
	if err != nil {
		return d, err
	}
	s.event(ctx, actor, app, action, text)
	return d, s.Conductor.CancelAll(ctx, app.ID)
}

// Restore brings an app back from the trash, with the release that served last. Number 0 when it had none.
func (s *Service) Restore(ctx context.Context, actor platform.Actor, name string) (platform.Deployment, error) {
	app, err := s.seen(ctx, actor, name, platform.ActionManage)
	if err != nil {
		return platform.Deployment{}, err
	}
	switch app.State {
	case platform.AppDestroying:
		return platform.Deployment{}, leaving(app).WithHint("What is being removed cannot come back.")
	case platform.AppActive:
		return platform.Deployment{}, platform.Errorf(platform.Conflict, "app_not_trashed", "%s is not in the trash.", app.Name).
			WithHint("See what is: lugsail trash")
	}
	d, err := s.bringBack(ctx, actor, app)
	if err != nil {
		return d, err
	}
	s.event(ctx, actor, app, "app.restored", app.Name+" was brought back from the trash")
	s.refreshRoutes(ctx)
	return d, nil
}

// bringBack asks first whether the machine's memory still suffices: others may have got it.
func (s *Service) bringBack(ctx context.Context, actor platform.Actor, app platform.App) (platform.Deployment, error) {
	s.admission.Lock()
	defer s.admission.Unlock()
	capacity, err := s.capacity(ctx)
	if err != nil {
		return platform.Deployment{}, err
	}
	wanted, err := s.promised(ctx, app)
	if err != nil {
		return platform.Deployment{}, err
	}
	wanted.State = platform.AppActive
	if err := capacity.Admit(app, wanted); err != nil {
		return platform.Deployment{}, err
	}
	if app.CurrentRelease > 0 {
		return s.begin(ctx, actor, app, platform.Deployment{Kind: platform.DeployRestore, Cause: "restore from the trash"})
	}
	_, err = s.Store.UpdateApp(ctx, app.ID, func(a *platform.App) error {
		if a.State != platform.AppTrashed {
			return leaving(*a)
		}
		a.State, a.TrashedAt = platform.AppActive, nil
		return nil
	})
	return platform.Deployment{}, err
}

// Trash gives the apps in the trash that the actor sees, by name.
func (s *Service) Trash(ctx context.Context, actor platform.Actor) ([]platform.App, error) {
	apps, err := s.Store.Apps(ctx)
	if err != nil {
		return nil, fmt.Errorf("reading apps: %w", err)
	}
	list := []platform.App{}
	for _, app := range apps {
		if app.State == platform.AppTrashed && platform.Sees(actor, app.ID) {
			list = append(list, app)
		}
	}
	return list, nil
}

func leaving(app platform.App) *platform.Error {
	return platform.Errorf(platform.Conflict, "app_destroying", "%s is being removed.", app.Name)
}

// takenByTrash says of a name that is in use when it is an app in the trash that has it.
func (s *Service) takenByTrash(ctx context.Context, actor platform.Actor, name string, err error) error {
	if platform.AsError(err).Code != "app_exists" {
		return err
	}
	app, findErr := s.Store.AppByName(ctx, name)
	if findErr != nil || app.State != platform.AppTrashed || !platform.Sees(actor, app.ID) {
		return err
	}
	return platform.Errorf(platform.Conflict, "app_exists", "An app named %s is in the trash until %s.", name, app.TrashEnds().Format("2 January 2006")).
		WithHint("Bring it back: lugsail restore %s. Or remove it for good: lugsail destroy %s --now", name, name)
}
