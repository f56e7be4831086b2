package app

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/lugsail/lugsail/platform"
	"github.com/lugsail/lugsail/platform/plan"
)

// CopyRequest says what shall become of a snapshot.
type CopyRequest struct {
	Name string // of the new app
	Plan string // "" means that of the app in the snapshot
}

// CopySnapshot makes a new app out of a snapshot: volumes and add-ons of its own with the files and rows of then, and
// the release that served then with its config vars. The app in the snapshot stays as it is, with its domains. All is
// recorded in one step; the deployment of the new app, its first, does the rest.
func (s *Service) CopySnapshot(ctx context.Context, actor platform.Actor, name, id string, ask CopyRequest) (platform.Deployment, error) {
	app, err := s.find(ctx, actor, name, platform.ActionManage)
	if err != nil {
		return platform.Deployment{}, err
	}
	if !platform.Can(actor, platform.ActionManage, "") {
		return platform.Deployment{}, forbidden()
	}
	row, err := s.snapshotOf(ctx, app, id)
	if err != nil {
		return platform.Deployment{}, err
	}
	if err := s.copyable(app, row, ask); err != nil {
		return platform.Deployment{}, err
	}
	stack, own, err := s.planCopy(ctx, actor, app, row, ask)
	if err != nil {
		return platform.Deployment{}, err
	}
	d, steps := s.Conductor.Prepare(platform.Deployment{
		Kind: platform.DeployCopy, Snapshot: row.ID, Addons: own, Actor: actor.Name, Via: actor.Via,
		Cause: fmt.Sprintf("snapshot of %s of %s", app.Name, row.CreatedAt.Format("2 January 2006 15:04")),
	})
	last := &stack[len(stack)-1]
	last.First, last.Steps = &d, steps
	if err := s.recordStack(ctx, actor, "", stack, func(platform.App) string { return "of a snapshot of " + app.Name }); err != nil {
		return platform.Deployment{}, err
	}
	s.refreshRoutes(ctx)
	s.Conductor.Begin(d.AppID)
	return d, nil
}

func (s *Service) copyable(app platform.App, row platform.Snapshot, ask CopyRequest) error {
	if app.Addon {
		return platform.Errorf(platform.Conflict, "app_is_addon", "%s is an add-on: a snapshot of it alone does not make an app.", app.Name).
			WithHint("A snapshot of an app that is bound to it makes a new app with an add-on of its own.")
	}
	if row.State != platform.SnapshotReady {
		return platform.Errorf(platform.Conflict, "snapshot_not_ready", "The snapshot is not ready: it is %s.", row.State).
			WithHint("See those that are: lugsail snapshots --app %s", app.Name)
	}
	if err := platform.ValidateAppName(ask.Name); err != nil || ask.Plan == "" {
		return err
	}
	p, err := plan.Choose(ask.Plan, false)
	if err != nil {
		return err
	}
	if len(row.Parts.Volumes) > 0 && p.Disk > 0 && row.Bytes > p.Disk {
		return platform.Errorf(platform.Invalid, "plan_too_small", "The snapshot holds %s, and the plan %s has %s of disk.", platform.Bytes(row.Bytes), p.Name, platform.Bytes(p.Disk)).
			WithHint("Choose a larger plan: lugsail plans")
	}
	return nil
}

// planCopy lays out the new app, last, and before it the add-ons that it gets; own tells which of them stands for which
// add-on of the app in the snapshot.
func (s *Service) planCopy(ctx context.Context, actor platform.Actor, app platform.App, row platform.Snapshot, ask CopyRequest) (stack []platform.NewApp, own map[string]string, err error) {
	old, err := s.History.ReleaseByNumber(ctx, app.ID, row.Release)
	if err != nil {
		return nil, nil, err
	}
	now := s.Now().UTC()
	n := platform.NewApp{Vars: old.ConfigVars, Via: actor.Via, App: platform.App{
		ID: platform.NewID(), Name: ask.Name, State: platform.AppActive, Plan: cmp.Or(ask.Plan, app.Plan), Scale: single(app.Scale),
		DeployBranch: app.DeployBranch, Health: old.Health, StopGrace: app.StopGrace, Builder: app.Builder, Dockerfile: app.Dockerfile, Blueprint: s.renewable(app),
		CreatedAt: now, CreatedBy: actor.Name,
	}}
	today, err := s.Volumes.VolumesOf(ctx, app.ID)
	if err != nil {
		return nil, nil, err
	}
	for _, v := range row.Parts.Volumes {
		shared := slices.ContainsFunc(today, func(o platform.Volume) bool { return o.ID == v.ID && o.Shared })
		n.Volumes = append(n.Volumes, platform.Volume{Name: v.Name, Path: v.Path, Shared: shared, State: platform.VolumeActive, CreatedAt: now, CreatedBy: actor.Name})
	}
	models, err := s.modelsOf(ctx, app, row)
	if err != nil {
		return nil, nil, err
	}
	own = map[string]string{}
	for _, m := range models {
		for slices.ContainsFunc(n.Bindings, func(t platform.Binding) bool { return t.Prefix == m.prefix }) {
			m.prefix += "_2" // it is not bound any more, and its beginning is another one's
		}
		made, tie, err := s.newAddon(actor, m.blueprint, m.named(app.Name, ask.Name, stack), m.plan, m.prefix)
		if err == nil {
			err = platform.ValidateAppName(made.App.Name)
		}
		if err != nil {
			return nil, nil, err
		}
		stack, n.Bindings, own[m.id] = append(stack, made), append(n.Bindings, tie), made.App.ID
	}
	return append(stack, n), own, nil
}

// renewable is the blueprint that stays an app's when it is copied: a starter is none, because its code is the person's.
func (s *Service) renewable(app platform.App) string {
	if b, err := s.blueprint(app.Blueprint); err != nil || b.Category == starter {
		return ""
	}
	return app.Blueprint
}

// single is a scale with one replica at most of each process type: nobody knows yet what the new app is for.
func single(scale platform.Scale) platform.Scale {
	one := platform.Scale{}
	for process, n := range scale {
		one[process] = min(n, 1)
	}
	return one
}

// model is an add-on after which the new app gets one of its own.
type model struct {
	id, name, plan, prefix string
	blueprint              platform.Blueprint
}

// named gives the new one a name that begins with the new app's, as the model's does with the app's.
func (m model) named(app, copied string, taken []platform.NewApp) string {
	rest, ok := strings.CutPrefix(m.name, app+"-")
	if !ok {
		rest = m.name
	}
	name := copied + "-" + rest
	for slices.ContainsFunc(taken, func(n platform.NewApp) bool { return n.App.Name == name }) {
		name += "-2"
	}
	return name
}

// modelsOf gives the add-ons whose rows are in the snapshot, and the caches that the app is bound to today: nothing of
// them is in snapshots, and the app may not start without.
func (s *Service) modelsOf(ctx context.Context, app platform.App, row platform.Snapshot) ([]model, error) {
	var ties []platform.Binding
	if s.Ties != nil {
		all, err := s.Ties.Bindings(ctx)
		if err != nil {
			return nil, err
		}
		ties = slices.DeleteFunc(all, func(t platform.Binding) bool { return t.AppID != app.ID })
	}
	var models []model
	for _, a := range row.Parts.Addons {
		m, err := s.modelOf(ctx, a.ID, a.Blueprint, ties)
		if err != nil {
			return nil, err
		}
		m.name = a.Name
		models = append(models, m)
	}
	for _, t := range ties {
		if slices.ContainsFunc(models, func(m model) bool { return m.id == t.AddonID }) {
			continue
		}
		m, err := s.modelOf(ctx, t.AddonID, "", ties)
		if err != nil {
			return nil, err
		}
		if m.blueprint.Cache {
			models = append(models, m)
		}
	}
	return models, nil
}

// modelOf looks at an add-on, which may be gone when its rows are in a snapshot; then its blueprint is known.
func (s *Service) modelOf(ctx context.Context, id, kind string, ties []platform.Binding) (model, error) {
	db, err := s.Store.AppByID(ctx, id)
	if err != nil && (kind == "" || !platform.IsKind(err, platform.NotFound)) {
		return model{}, err
	}
	b, err := s.blueprint(cmp.Or(kind, db.Blueprint))
	if err != nil {
		return model{}, err
	}
	m := model{id: id, name: db.Name, plan: cmp.Or(db.Plan, b.Plan), prefix: b.Prefix, blueprint: b}
	for _, t := range ties {
		if t.AddonID == id {
			m.prefix = t.Prefix
		}
	}
	return m, nil
}

// Equip lets an add-on be made for a new app, unless that is under way, and tells whether it runs.
func (s *Service) Equip(ctx context.Context, d platform.Deployment, addonID string) (ready bool, err error) {
	db, err := s.Store.AppByID(ctx, addonID)
	if err == nil && db.State != platform.AppActive {
		err = db.Trashed()
	}
	if err != nil || db.CurrentRelease > 0 {
		return err == nil, err
	}
	recent, err := s.History.DeploymentsOf(ctx, addonID, 1)
	if err != nil {
		return false, fmt.Errorf("reading deployments: %w", err)
	}
	if len(recent) > 0 && !recent[0].State.Ended() {
		return false, nil
	}
	if len(recent) > 0 && !recent[0].CreatedAt.Before(d.CreatedAt) { // an older one is of an earlier try
		return false, platform.Errorf(platform.Unavailable, "addon_not_made", "The add-on %s could not be made: %s", db.Name, recent[0].FailureText).
			WithHint("See why: lugsail deployments %d --app %s.", recent[0].Number, db.Name)
	}
	_, err = s.deployBlueprint(ctx, platform.Actor{Name: d.Actor, Via: d.Via}, db, false, d.Cause)
	return false, err
}
