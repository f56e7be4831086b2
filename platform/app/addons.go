package app

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/lugsail/lugsail/platform"
	"github.com/lugsail/lugsail/platform/addon"
)

// Bindings keeps which apps are bound to which add-ons.
type Bindings interface {
	CreateBinding(ctx context.Context, b *platform.Binding) error
	DeleteBinding(ctx context.Context, appID, addonID string) error
	TellBinding(ctx context.Context, id, sum string) error
	Bindings(ctx context.Context) ([]platform.Binding, error)
}

// Linker makes add-ons reachable for the apps that are bound to them, and for no others.
type Linker interface {
	Link(ctx context.Context, link platform.Link) error
}

// BindingView is a binding with the names of both sides.
type BindingView struct {
	platform.Binding
	App       string
	Addon     string
	Blueprint string   // of the add-on
	Names     []string // of the config vars that the app gets
	Hidden    []string // of those that a config var of the app's own takes the place of
}

// BindingsOf gives what an app is bound to; of an add-on, the apps that are bound to it.
func (s *Service) BindingsOf(ctx context.Context, actor platform.Actor, name string) ([]BindingView, error) {
	app, err := s.find(ctx, actor, name, platform.ActionRead)
	if err != nil {
		return nil, err
	}
	return s.bindingViews(ctx, actor, func(b platform.Binding) bool { return b.AppID == app.ID || b.AddonID == app.ID })
}

// AllBindings gives those of all apps that the actor sees.
func (s *Service) AllBindings(ctx context.Context, actor platform.Actor) ([]BindingView, error) {
	return s.bindingViews(ctx, actor, func(platform.Binding) bool { return true })
}

func (s *Service) bindingViews(ctx context.Context, actor platform.Actor, wanted func(platform.Binding) bool) ([]BindingView, error) {
	views := []BindingView{}
	if s.Ties == nil {
		return views, nil
	}
	all, err := s.Ties.Bindings(ctx)
	if err != nil {
		return nil, err
	}
	for _, b := range all {
		if !wanted(b) || !platform.Sees(actor, b.AppID) {
			continue
		}
		v, err := s.bindingView(ctx, b)
		if err != nil {
			return nil, err
		}
		views = append(views, v)
	}
	slices.SortFunc(views, func(a, b BindingView) int { return strings.Compare(a.App+" "+a.Addon, b.App+" "+b.Addon) })
	return views, nil
}

// ConnectionPart is one of the things by which programs reach an add-on.
type ConnectionPart = addon.Part

// Connection tells by what programs reach an add-on. Its secrets stay empty unless they are to be revealed, which
// is recorded.
func (s *Service) Connection(ctx context.Context, actor platform.Actor, name string, reveal bool) ([]ConnectionPart, error) {
	action := platform.ActionRead
	if reveal {
		action = platform.ActionSecrets
	}
	db, err := s.addonFor(ctx, actor, name, action)
	if err != nil {
		return nil, err
	}
	if reveal {
		s.event(ctx, actor, db, "config.revealed", "the password of "+db.Name+" was shown")
	}
	return s.Addons.Parts(ctx, db, reveal)
}

func (s *Service) bindingView(ctx context.Context, b platform.Binding) (BindingView, error) {
	v := BindingView{Binding: b}
	app, err := s.Store.AppByID(ctx, b.AppID)
	if err != nil {
		return v, fmt.Errorf("reading a bound app: %w", err)
	}
	db, err := s.Store.AppByID(ctx, b.AddonID)
	if err != nil {
		return v, fmt.Errorf("reading an add-on: %w", err)
	}
	v.App, v.Addon, v.Blueprint = app.Name, db.Name, db.Blueprint
	of, err := s.Blueprints.Blueprint(db.Blueprint)
	if err != nil {
		return v, err
	}
	own, err := s.Store.ConfigNames(ctx, app.ID)
	if err != nil {
		return v, err
	}
	for part := range of.Gives {
		v.Names = append(v.Names, b.Prefix+"_"+part)
	}
	slices.Sort(v.Names)
	for _, n := range v.Names {
		if slices.Contains(own, n) {
			v.Hidden = append(v.Hidden, n)
		}
	}
	return v, nil
}

// BindAddon ties an add-on to an app, which gets its config vars by a restart; Number 0 when nothing of it runs.
// prefix "" means the add-on's own.
func (s *Service) BindAddon(ctx context.Context, actor platform.Actor, name, addonName, prefix string) (platform.Deployment, error) {
	app, db, err := s.bothSides(ctx, actor, name, addonName)
	if err != nil {
		return platform.Deployment{}, err
	}
	b, err := s.Blueprints.Blueprint(db.Blueprint)
	if err != nil {
		return platform.Deployment{}, err
	}
	if prefix == "" {
		prefix = b.Prefix
	}
	if err := platform.ValidatePrefix(prefix); err != nil {
		return platform.Deployment{}, err
	}
	tie := platform.Binding{AppID: app.ID, AddonID: db.ID, Prefix: prefix, CreatedAt: s.Now().UTC(), CreatedBy: actor.Name}
	if err := s.notSet(ctx, app, b, prefix); err != nil {
		return platform.Deployment{}, err
	}
	if err := s.Ties.CreateBinding(ctx, &tie); err != nil {
		return platform.Deployment{}, err
	}
	s.event(ctx, actor, app, "addon.bound", fmt.Sprintf("%s is bound to %s as %s", app.Name, db.Name, prefix))
	return s.retold(ctx, actor, tie, "add-on "+db.Name)
}

// notSet refuses a binding whose config vars a person has set already: it would change nothing.
func (s *Service) notSet(ctx context.Context, app platform.App, b platform.Blueprint, prefix string) error {
	own, err := s.Store.ConfigNames(ctx, app.ID)
	if err != nil {
		return err
	}
	for part := range b.Gives {
		if name := prefix + "_" + part; slices.Contains(own, name) {
			return platform.Errorf(platform.Conflict, "config_var_taken", "%s has a config var %s already, which goes before what an add-on brings.", app.Name, name).
				WithHint("Remove it: lugsail config unset %s --app %s. Or choose another beginning: --as %s_2", name, app.Name, prefix)
		}
	}
	return nil
}

func (s *Service) bothSides(ctx context.Context, actor platform.Actor, name, addonName string) (app, db platform.App, err error) {
	if app, err = s.find(ctx, actor, name, platform.ActionManage); err != nil {
		return app, db, err
	}
	if app.Addon {
		return app, db, platform.Errorf(platform.Invalid, "app_is_addon", "%s is an add-on itself: only apps are bound to add-ons.", app.Name)
	}
	db, err = s.addon(ctx, actor, addonName)
	return app, db, err
}

// addon finds an add-on that the actor may manage.
func (s *Service) addon(ctx context.Context, actor platform.Actor, name string) (platform.App, error) {
	return s.addonFor(ctx, actor, name, platform.ActionManage)
}

func (s *Service) addonFor(ctx context.Context, actor platform.Actor, name string, action platform.Action) (platform.App, error) {
	db, err := s.find(ctx, actor, name, action)
	if platform.IsKind(err, platform.NotFound) {
		return db, platform.Errorf(platform.NotFound, "addon_not_found", "There is no add-on called %.60q.", name).
			WithHint("See those that there are: lugsail addons")
	}
	if err == nil && !db.Addon {
		return db, platform.Errorf(platform.Invalid, "app_not_addon", "%s is an app and no add-on.", db.Name).
			WithHint("See the add-ons: lugsail addons")
	}
	return db, err
}

// UnbindAddon takes an add-on away from an app. The add-on and its data stay.
func (s *Service) UnbindAddon(ctx context.Context, actor platform.Actor, name, addonName string) (platform.Deployment, error) {
	app, db, err := s.bothSides(ctx, actor, name, addonName)
	if err != nil {
		return platform.Deployment{}, err
	}
	if err := s.Ties.DeleteBinding(ctx, app.ID, db.ID); err != nil {
		return platform.Deployment{}, err
	}
	ctx = context.WithoutCancel(ctx) // the app must lose what it had, whoever still waits for it
	s.event(ctx, actor, app, "addon.unbound", fmt.Sprintf("%s is no longer bound to %s", app.Name, db.Name))
	if err := s.relink(ctx, db.ID); err != nil {
		slog.WarnContext(ctx, "networks of an add-on not left", "addon", db.ID, "error", err) // its next start does it
	}
	return s.startAnew(ctx, actor, app, "without the add-on "+db.Name)
}

func (s *Service) relink(ctx context.Context, addonID string) error {
	links, err := s.Addons.LinksOf(ctx, addonID)
	if err != nil {
		return err
	}
	for _, l := range links {
		if err := s.Linker.Link(ctx, l); err != nil {
			return err
		}
	}
	return nil
}

// RotateAddon gives an add-on a new password. It starts anew with it, has to let somebody log in with it, and then
// the apps that are bound to it are restarted. When it fails, the old password stays everywhere.
func (s *Service) RotateAddon(ctx context.Context, actor platform.Actor, name string) (platform.Deployment, error) {
	db, err := s.addon(ctx, actor, name)
	if err != nil {
		return platform.Deployment{}, err
	}
	b, err := s.Blueprints.Blueprint(db.Blueprint)
	if err != nil {
		return platform.Deployment{}, err
	}
	if db.CurrentRelease == 0 {
		return platform.Deployment{}, platform.Errorf(platform.Conflict, "addon_not_ready", "%s does not run yet.", db.Name).
			WithHint("See how far it is: lugsail deployments --app %s", db.Name)
	}
	fresh := map[string]string{}
	for key, text := range b.Config {
		if strings.Contains(text, "{secret}") {
			fresh[key] = strings.ReplaceAll(text, "{secret}", platform.Secret())
		}
	}
	s.event(ctx, actor, db, "addon.rotated", db.Name+" gets a new password")
	return s.ChangeConfig(ctx, actor, db.Name, ConfigEdit{Set: fresh})
}

// RenewAddon makes an add-on anew as its blueprint is today, with today's packages. Those that are made after it of the
// same blueprint have its image.
func (s *Service) RenewAddon(ctx context.Context, actor platform.Actor, name string) (platform.Deployment, error) {
	db, err := s.addon(ctx, actor, name)
	if err != nil {
		return platform.Deployment{}, err
	}
	return s.deployBlueprint(ctx, actor, db, true, "renewal of "+db.Name)
}

// mayLeave refuses to take an add-on away that apps are bound to.
func (s *Service) mayLeave(ctx context.Context, app platform.App) error {
	if !app.Addon || s.Ties == nil {
		return nil
	}
	all, err := s.Ties.Bindings(ctx)
	if err != nil {
		return err
	}
	for _, b := range all {
		if b.AddonID != app.ID {
			continue
		}
		user, err := s.Store.AppByID(ctx, b.AppID)
		if err != nil {
			return fmt.Errorf("reading a bound app: %w", err)
		}
		return platform.Errorf(platform.Conflict, "addon_bound", "%s uses %s.", user.Name, app.Name).
			WithHint("Take it away from the app first: lugsail addons unbind %s --app %s", app.Name, user.Name)
	}
	return nil
}

// retold restarts an app so that it has what an add-on brings now.
func (s *Service) retold(ctx context.Context, actor platform.Actor, tie platform.Binding, cause string) (platform.Deployment, error) {
	brings, err := s.Addons.Brings(ctx, tie)
	if err != nil {
		return platform.Deployment{}, err
	}
	app, err := s.Store.AppByID(ctx, tie.AppID)
	if err != nil {
		return platform.Deployment{}, err
	}
	var d platform.Deployment
	if app.State == platform.AppActive {
		if d, err = s.startAnew(ctx, actor, app, cause); err != nil {
			return d, err
		}
	}
	return d, s.Ties.TellBinding(ctx, tie.ID, addon.Sum(brings))
}

// bindingsEvery is the time between two looks whether apps have what their add-ons bring.
const bindingsEvery = 2 * time.Second

// RunBindings restarts apps whose add-ons bring something else than they were started with, until ctx ends. What
// is still to do stands in the store, so a crash in between loses nothing.
func (s *Service) RunBindings(ctx context.Context) error {
	tick := time.NewTicker(bindingsEvery)
	defer tick.Stop()
	seen := map[string]int{} // by binding: the add-on's release that was looked at
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		if err := s.tellBindings(ctx, seen); err != nil && ctx.Err() == nil {
			slog.WarnContext(ctx, "apps not told of their add-ons", "error", err)
		}
	}
}

func (s *Service) tellBindings(ctx context.Context, seen map[string]int) error {
	all, err := s.Ties.Bindings(ctx)
	if err != nil {
		return err
	}
	for _, tie := range all {
		db, err := s.Store.AppByID(ctx, tie.AddonID)
		if err != nil {
			return err
		}
		if number, looked := seen[tie.ID]; looked && number == db.CurrentRelease && tie.Told != "" {
			continue
		}
		brings, err := s.Addons.Brings(ctx, tie)
		if err != nil {
			return err
		}
		if addon.Sum(brings) != tie.Told {
			if _, err := s.retold(ctx, platform.System(), tie, "new config vars of "+db.Name); err != nil {
				return err
			}
		}
		seen[tie.ID] = db.CurrentRelease
	}
	return nil
}
