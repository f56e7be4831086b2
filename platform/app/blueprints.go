package app

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/lugsail/lugsail/platform"
	"github.com/lugsail/lugsail/platform/plan"
)

// Blueprints are the stacks that this server can make.
type Blueprints interface {
	Blueprints() []platform.Blueprint
	Blueprint(name string) (platform.Blueprint, error)
	// Source gives what an app of a blueprint is made of, as a tar archive.
	Source(name string) (archive io.Reader, size int64, err error)
}

// Stacks keeps apps that begin with more than a name.
type Stacks interface {
	CreateStack(ctx context.Context, stack []platform.NewApp) error
}

// BlueprintsOf gives all blueprints, by category and title.
func (s *Service) BlueprintsOf(ctx context.Context, actor platform.Actor) ([]platform.Blueprint, error) {
	if s.Blueprints == nil {
		return nil, nil
	}
	return s.Blueprints.Blueprints(), nil
}

// starter is the category of what people clone and change.
const starter = "starter"

// BlueprintRequest says what shall be made of a blueprint.
type BlueprintRequest struct {
	Blueprint string
	Name      string
	Plan      string            // "" means the blueprint's own, or what fits
	Answers   map[string]string // to the blueprint's questions; a missing one has its default
}

// Made is what came of a blueprint.
type Made struct {
	App        Overview
	Deployment platform.Deployment
	Addons     []string // names of the add-ons that were made with it
	Note       string   // what the person should know, with passwords in it that are told once
}

// CreateFromBlueprint makes an app or an add-on of a blueprint, with its volumes, config vars and add-ons, and
// deploys it. All of it is recorded in one step; the deployments follow.
func (s *Service) CreateFromBlueprint(ctx context.Context, actor platform.Actor, ask BlueprintRequest) (Made, error) {
	if !platform.Can(actor, platform.ActionManage, "") {
		return Made{}, forbidden()
	}
	b, err := s.blueprint(ask.Blueprint)
	if err != nil {
		return Made{}, err
	}
	if b.Gone {
		return Made{}, platform.Errorf(platform.NotFound, "blueprint_not_found", "The blueprint %s was removed from this server.", b.Name).
			WithHint("See which there are: lugsail blueprints")
	}
	if err := platform.ValidateAppName(ask.Name); err != nil {
		return Made{}, err
	}
	stack, note, err := s.planStack(actor, b, ask)
	if err != nil {
		return Made{}, err
	}
	if err := s.recordStack(ctx, actor, b.Plan, stack, func(a platform.App) string { return "of the blueprint " + a.Blueprint }); err != nil {
		return Made{}, err
	}
	made := Made{Note: note}
	for _, n := range stack {
		d, err := s.deployBlueprint(ctx, actor, n.App, false, "blueprint "+n.App.Blueprint)
		if err != nil {
			return made, err
		}
		if n.App.ID == stack[len(stack)-1].App.ID {
			made.Deployment = d
		} else {
			made.Addons = append(made.Addons, n.App.Name)
		}
	}
	s.refreshRoutes(ctx)
	made.App, err = s.show(ctx, actor, stack[len(stack)-1].App)
	return made, err
}

func (s *Service) blueprint(name string) (platform.Blueprint, error) {
	if s.Blueprints == nil {
		return platform.Blueprint{}, platform.Errorf(platform.NotFound, "blueprint_not_found", "This server has no blueprints.")
	}
	return s.Blueprints.Blueprint(name)
}

// planStack lays out the app, last, and before it the add-ons that it needs.
func (s *Service) planStack(actor platform.Actor, b platform.Blueprint, ask BlueprintRequest) ([]platform.NewApp, string, error) {
	if ask.Plan != "" {
		if _, err := plan.Choose(ask.Plan, b.IsAddon()); err != nil {
			return nil, "", err
		}
	}
	own, err := s.newApp(actor, b, ask.Name, ask.Plan)
	if err != nil {
		return nil, "", err
	}
	hosts := s.Addresses.Hosts(ask.Name)
	values := map[string]string{
		"app": ask.Name, "host": hosts[0], "url": s.Addresses.URL(hosts[0]), "git": s.Addresses.GitURL(ask.Name, actor.Console),
	}
	if b.IsAddon() {
		values["host"] = ask.Name
	}
	if err := answer(b, ask.Answers, values); err != nil {
		return nil, "", err
	}
	if err := fillConfig(b, &own, values); err != nil {
		return nil, "", err
	}
	note, err := platform.Fill(b.Note, values)
	if err != nil {
		return nil, "", fmt.Errorf("writing the note of %s: %w", b.Name, err)
	}
	var stack []platform.NewApp
	for _, a := range b.Addons {
		n, bound, err := s.stackAddon(actor, own.App, a)
		if err != nil {
			return nil, "", err
		}
		stack = append(stack, n)
		own.Bindings = append(own.Bindings, bound)
	}
	return append(stack, own), note, nil
}

func (s *Service) newApp(actor platform.Actor, b platform.Blueprint, name, planName string) (platform.NewApp, error) {
	now := s.Now().UTC()
	n := platform.NewApp{Vars: map[string]string{}, Via: actor.Via, App: platform.App{
		ID: platform.NewID(), Name: name, State: platform.AppActive, Plan: planName, Scale: platform.Scale{}, Health: b.Health,
		Blueprint: b.Name, Addon: b.IsAddon(), CreatedAt: now, CreatedBy: actor.Name,
	}}
	if b.IsAddon() {
		n.App.Scale = platform.Scale{platform.WebProcess: 0, addonProcess: 1}
	}
	for _, v := range b.Volumes {
		n.Volumes = append(n.Volumes, platform.Volume{
			Name: v.Name, Path: v.Path, Shared: v.Shared, State: platform.VolumeActive, CreatedAt: now, CreatedBy: actor.Name,
		})
	}
	return n, nil
}

// addonProcess is the process type of every add-on.
const addonProcess = "database"

func (s *Service) stackAddon(actor platform.Actor, app platform.App, a platform.BlueprintAddon) (platform.NewApp, platform.Binding, error) {
	b, err := s.blueprint(a.Blueprint)
	if err != nil {
		return platform.NewApp{}, platform.Binding{}, err
	}
	name := app.Name + "-db"
	if b.Prefix != "DATABASE" {
		name = app.Name + "-" + b.Name
	}
	if err := platform.ValidateAppName(name); err != nil {
		return platform.NewApp{}, platform.Binding{}, platform.Errorf(platform.Invalid, "app_name_invalid", "The name %q is too long: its database would be called %s.", app.Name, name).
			WithHint("Choose a name of up to %d letters.", 39-len(name)+len(app.Name))
	}
	return s.newAddon(actor, b, name, b.Plan, cmp.Or(a.Prefix, b.Prefix))
}

// newAddon lays out an add-on of a blueprint and its binding to the app that it is made with.
func (s *Service) newAddon(actor platform.Actor, b platform.Blueprint, name, planName, prefix string) (platform.NewApp, platform.Binding, error) {
	n, err := s.newApp(actor, b, name, planName)
	if err != nil {
		return n, platform.Binding{}, err
	}
	values := map[string]string{"app": name, "host": name, "url": "", "git": ""}
	bound := platform.Binding{AddonID: n.App.ID, Prefix: prefix, CreatedAt: n.App.CreatedAt, CreatedBy: actor.Name}
	return n, bound, fillConfig(b, &n, values)
}

// answer puts a person's answers into the values, and defaults where there are none.
func answer(b platform.Blueprint, answers, values map[string]string) error {
	for name := range answers {
		if !slices.ContainsFunc(b.Asks, func(q platform.BlueprintQuestion) bool { return q.Name == name }) {
			return platform.Errorf(platform.Invalid, "answer_unknown", "%s does not ask for %q.", b.Title, name).
				WithHint("See what it asks for: lugsail blueprints %s", b.Name)
		}
	}
	for _, q := range b.Asks {
		text, given := answers[q.Name]
		if !given || text == "" {
			filled, err := platform.Fill(q.Default, values)
			if err != nil {
				return fmt.Errorf("reading the blueprint %s: %w", b.Name, err)
			}
			text = filled
		}
		if err := q.Answer(text); err != nil {
			return err
		}
		values[q.Name] = text
	}
	return nil
}

// fillConfig makes the config vars, whose values later ones and the note may use.
func fillConfig(b platform.Blueprint, n *platform.NewApp, values map[string]string) error {
	for _, name := range slices.Sorted(maps.Keys(b.Config)) {
		value, err := platform.Fill(b.Config[name], values)
		if err != nil {
			return fmt.Errorf("reading the blueprint %s: %w", b.Name, err)
		}
		n.Vars[name], values[strings.ToLower(name)] = value, value
	}
	return platform.ValidateConfigVars(n.Vars)
}

// recordStack asks whether all of it fits at once, and writes it down. least is the smallest plan of those without one.
func (s *Service) recordStack(ctx context.Context, actor platform.Actor, least string, stack []platform.NewApp, of func(platform.App) string) error {
	s.admission.Lock()
	defer s.admission.Unlock()
	capacity, err := s.capacity(ctx)
	if err != nil {
		return err
	}
	for i := range stack {
		app := &stack[i].App
		if app.Plan == "" {
			app.Plan = capacity.Proposed(app.Addon, least)
		}
		if err := capacity.Admit(platform.App{State: platform.AppDestroying}, *app); err != nil {
			return err
		}
		capacity.Promised += plan.Promise(*app)
		capacity.Free = max(0, capacity.Free-plan.Promise(*app))
	}
	if err := s.Stacks.CreateStack(ctx, stack); err != nil {
		return s.takenByTrash(ctx, actor, stack[len(stack)-1].App.Name, err)
	}
	for _, n := range stack {
		s.event(ctx, actor, n.App, "app.created", fmt.Sprintf("%s was made %s on plan %s", n.App.Name, of(n.App), n.App.Plan))
	}
	return nil
}

// renewBlueprint deploys an app of a blueprint again: what the blueprint holds today, or, where the app has commits
// of its own, as all of starters have, the newest of those.
func (s *Service) renewBlueprint(ctx context.Context, actor platform.Actor, app platform.App, renew bool, cause string) (platform.Deployment, error) {
	if !app.Addon {
		tip, err := s.Sources.Tip(ctx, app)
		if err != nil {
			return platform.Deployment{}, err
		}
		if tip != "" {
			return s.deployTip(ctx, actor, app, renew)
		}
	}
	return s.deployBlueprint(ctx, actor, app, renew, cause)
}

// deployBlueprint deploys what a blueprint holds today.
func (s *Service) deployBlueprint(ctx context.Context, actor platform.Actor, app platform.App, renew bool, cause string) (platform.Deployment, error) {
	b, err := s.blueprint(app.Blueprint)
	if err != nil {
		return platform.Deployment{}, err
	}
	archive, size, err := s.Blueprints.Source(b.Name)
	if err != nil {
		return platform.Deployment{}, err
	}
	src, err := s.Uploads.Receive(ctx, archive, size)
	if err != nil {
		return platform.Deployment{}, err
	}
	src.Blueprint, src.Check, src.Title, src.Renew = b.Name, b.Check, "Blueprint "+b.Title, renew
	if b.Category == starter {
		if src, err = s.Sources.Begin(ctx, app, src); err != nil {
			dropTree(src)
			return platform.Deployment{}, err
		}
	}
	return s.deploy(ctx, actor, app, src, cause)
}
