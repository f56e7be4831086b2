package app

import (
	"context"
	"fmt"
	"log/slog"
	"math"
	"slices"
	"strings"

	"github.com/lugsail/lugsail/platform"
	"github.com/lugsail/lugsail/platform/observe"
	"github.com/lugsail/lugsail/platform/plan"
)

// Overview is one app with what people want to know of it at first sight.
type Overview struct {
	App     platform.App
	Release *platform.Release    // that serves, without config vars; nil before the first
	Latest  *platform.Deployment // the newest; nil when there is none
	Hosts   []string             // without scheme, the main one first; no domains that lead elsewhere
	URL     string
	GitURL  string
	SSHURL  string // "" where there is no git over SSH
	Health  observe.Word
	Remote  *platform.Remote // the repository that it is bound to; nil when there is none
	NoWeb   bool             // what serves has no web process: nothing answers at the URL
}

// Serves reports whether visitors get an answer from what is live, if it is well.
func (o Overview) Serves() bool {
	return o.Release != nil && o.Release.Verb(o.App.Scale) == "serves"
}

// Apps gives the apps that the actor sees, by name.
func (s *Service) Apps(ctx context.Context, actor platform.Actor) ([]Overview, error) {
	return s.AppsAfter(ctx, actor, "", math.MaxInt)
}

// AppsAfter gives as many of them as limit says, of those whose names come after the given one.
func (s *Service) AppsAfter(ctx context.Context, actor platform.Actor, after string, limit int) ([]Overview, error) {
	apps, err := s.Store.Apps(ctx)
	if err != nil {
		return nil, fmt.Errorf("reading apps: %w", err)
	}
	known, err := s.factsOfAll(ctx)
	if err != nil {
		return nil, err
	}
	replicas, engineErr := s.Engine.Replicas(ctx, "")
	list := []Overview{}
	for _, app := range apps {
		if app.Name <= after || !platform.Sees(actor, app.ID) || app.State == platform.AppTrashed {
			continue
		}
		if len(list) == limit {
			break
		}
		list = append(list, s.overview(actor, app, known[app.ID], of(replicas, app.ID), engineErr))
	}
	return list, nil
}

// AppsSeen gives the apps that the actor sees, by name, without looking at anything but their rows.
func (s *Service) AppsSeen(ctx context.Context, actor platform.Actor) ([]platform.App, error) {
	apps, err := s.Store.Apps(ctx)
	if err != nil {
		return nil, fmt.Errorf("reading apps: %w", err)
	}
	return slices.DeleteFunc(apps, func(a platform.App) bool {
		return !platform.Sees(actor, a.ID) || a.State == platform.AppTrashed
	}), nil
}

// App gives one app.
func (s *Service) App(ctx context.Context, actor platform.Actor, name string) (Overview, error) {
	app, err := s.find(ctx, actor, name, platform.ActionRead)
	if err != nil {
		return Overview{}, err
	}
	return s.show(ctx, actor, app)
}

func (s *Service) show(ctx context.Context, actor platform.Actor, app platform.App) (Overview, error) {
	known, err := s.factsOf(ctx, app)
	if err != nil {
		return Overview{}, err
	}
	replicas, engineErr := s.Engine.Replicas(ctx, app.ID)
	return s.overview(actor, app, known, replicas, engineErr), nil
}

func (s *Service) overview(actor platform.Actor, app platform.App, known facts, replicas []platform.Replica, engineErr error) Overview {
	o := Overview{
		App: app, Release: known.release, Latest: known.latest, Remote: known.remote,
		GitURL: s.Addresses.GitURL(app.Name, actor.Console), SSHURL: s.Addresses.SSHURL(app.Name, actor.Console),
	}
	for _, d := range known.domains {
		if s.leadsHere(d.Host) {
			o.Hosts = append(o.Hosts, d.Host)
		}
	}
	o.Hosts = append(o.Hosts, s.Addresses.hostsOf(app.Name, actor.Console)...)
	o.URL = s.Addresses.URL(o.Hosts[0])
	if o.Latest != nil {
		o.Latest.Serves = o.Latest.ServesIn(app)
	}
	if r := o.Release; r != nil {
		o.NoWeb = !r.HasWeb()
		r.ConfigVars, r.State = nil, platform.DeploymentLive
	}
	if engineErr != nil {
		o.Health = observe.Word{Colour: "warn", Word: "Unknown", Sentence: "Docker is not answering, so the replicas cannot be seen. What runs goes on running."}
		return o
	}
	o.Health = observe.Judge(observe.Look{App: app, Release: o.Release, Latest: o.Latest, Replicas: replicas, Recent: s.Meter.Recent(app.ID)})
	return o
}

func of(replicas []platform.Replica, appID string) []platform.Replica {
	var own []platform.Replica
	for _, r := range replicas {
		if r.AppID == appID {
			own = append(own, r)
		}
	}
	return own
}

// Deployments gives the newest deployments with their steps; before, unless 0, leaves out those from that number on.
func (s *Service) Deployments(ctx context.Context, actor platform.Actor, name string, before, limit int) ([]platform.Deployment, error) {
	app, err := s.find(ctx, actor, name, platform.ActionRead)
	if err != nil {
		return nil, err
	}
	return s.History.DeploymentsBefore(ctx, app.ID, before, limit)
}

// DeploymentsLike does so for those that a filter lets through.
func (s *Service) DeploymentsLike(ctx context.Context, actor platform.Actor, name string, filter platform.DeploymentFilter, before, limit int) ([]platform.Deployment, error) {
	app, err := s.find(ctx, actor, name, platform.ActionRead)
	if err != nil {
		return nil, err
	}
	if err := filter.Validate(); err != nil {
		return nil, err
	}
	all, err := s.History.DeploymentsLike(ctx, app.ID, filter, before, limit)
	for i := range all {
		all[i].Serves = all[i].ServesIn(app)
	}
	return all, err
}

// Deployment gives one deployment with its steps.
func (s *Service) Deployment(ctx context.Context, actor platform.Actor, name string, number int) (platform.Deployment, error) {
	app, err := s.find(ctx, actor, name, platform.ActionRead)
	if err != nil {
		return platform.Deployment{}, err
	}
	d, err := s.History.DeploymentByNumber(ctx, app.ID, number)
	d.Serves = d.ServesIn(app)
	return d, err
}

// Releases gives the newest releases, without config vars, and with how their deployments went; before, unless 0,
// leaves out those from that number on.
func (s *Service) Releases(ctx context.Context, actor platform.Actor, name string, before, limit int) ([]platform.Release, error) {
	app, err := s.find(ctx, actor, name, platform.ActionRead)
	if err != nil {
		return nil, err
	}
	releases, err := s.History.ReleasesBefore(ctx, app.ID, before, limit)
	if err != nil {
		return nil, fmt.Errorf("reading releases: %w", err)
	}
	for i := range releases {
		d, err := s.History.DeploymentByID(ctx, releases[i].DeploymentID)
		if err != nil {
			return nil, fmt.Errorf("reading the deployment of release %d: %w", releases[i].Number, err)
		}
		releases[i].ConfigVars, releases[i].State = nil, d.State
	}
	return releases, nil
}

// Replicas gives what runs of the app.
func (s *Service) Replicas(ctx context.Context, actor platform.Actor, name string) ([]platform.Replica, error) {
	app, err := s.find(ctx, actor, name, platform.ActionRead)
	if err != nil {
		return nil, err
	}
	return s.Engine.Replicas(ctx, app.ID)
}

// lastLines is how many lines tell why a replica has ended.
const lastLines = 50

// ReplicasWithLastLines gives what runs, and by id the last lines of those that have ended or end again
// and again.
func (s *Service) ReplicasWithLastLines(ctx context.Context, actor platform.Actor, name string) ([]platform.Replica, map[string][]string, error) {
	replicas, err := s.Replicas(ctx, actor, name)
	if err != nil {
		return nil, nil, err
	}
	last := map[string][]string{}
	for _, r := range replicas {
		if r.State != platform.ReplicaExited && !observe.Crashing(r) {
			continue
		}
		hide, err := s.hider(ctx, r.AppID)
		if err != nil {
			last[r.ID] = []string{platform.AsError(err).Message}
			continue
		}
		err = s.Engine.Logs(ctx, r.ID, lastLines, false, func(l platform.LogLine) error {
			last[r.ID] = append(last[r.ID], hide(l.Text))
			return nil
		})
		if ctx.Err() != nil {
			return nil, nil, ctx.Err()
		}
		if err != nil && !platform.IsKind(err, platform.NotFound) { // it may be removed at this very moment, and the others are no less true
			slog.InfoContext(ctx, "last lines of a replica not read", "replica", r.ID, "error", err)
		}
	}
	return replicas, last, nil
}

// Plans gives the machine's capacity, which tells what still fits of each plan.
func (s *Service) Plans(ctx context.Context, actor platform.Actor) (plan.Capacity, error) {
	if !platform.Can(actor, platform.ActionRead, actor.AppID) {
		return plan.Capacity{}, forbidden()
	}
	return s.capacity(ctx)
}

func (s *Service) capacity(ctx context.Context) (plan.Capacity, error) {
	memory, cpus, err := s.Engine.Capacity(ctx)
	if err != nil {
		return plan.Capacity{}, err
	}
	apps, err := s.Store.Apps(ctx)
	if err != nil {
		return plan.Capacity{}, fmt.Errorf("reading apps: %w", err)
	}
	releases, err := s.History.ServingReleases(ctx)
	if err != nil {
		return plan.Capacity{}, fmt.Errorf("reading releases: %w", err)
	}
	serving := map[string]platform.Release{}
	for _, r := range releases {
		serving[r.AppID] = r
	}
	for i, app := range apps {
		if r, ok := serving[app.ID]; ok {
			apps[i] = promisedWith(app, r)
		}
	}
	return plan.Measure(memory, cpus, apps), nil
}

// promised is an app with the plan and the scale that count: what serves may have a larger one than the next
// release, after a rollback or as long as a smaller one is not live.
func (s *Service) promised(ctx context.Context, app platform.App) (platform.App, error) {
	if app.CurrentRelease == 0 {
		return app, nil
	}
	r, err := s.History.ReleaseWithoutVars(ctx, app.ID, app.CurrentRelease)
	if platform.IsKind(err, platform.NotFound) {
		return app, nil // removed in this moment
	}
	if err != nil {
		return app, fmt.Errorf("reading release %d: %w", app.CurrentRelease, err)
	}
	return promisedWith(app, r), nil
}

func promisedWith(app platform.App, serving platform.Release) platform.App {
	app.Plan = plan.Larger(app.Plan, serving.Plan)
	app.Scale = counted(app.Scale, serving)
	return app
}

// Events gives what happened, newest first; name "" means to all apps the actor sees.
func (s *Service) Events(ctx context.Context, actor platform.Actor, name string, before int64, limit int) ([]platform.Event, error) {
	return s.EventsLike(ctx, actor, name, "", before, limit)
}

// Topics are what events can be told apart by.
var Topics = []string{"app", "deployment", "config", "domain", "addon", "source", "webhook", "run", "exec", "session", "account", "token", "key"}

// EventsLike does so for those of one topic: "config" of "config.changed"; "" means all.
func (s *Service) EventsLike(ctx context.Context, actor platform.Actor, name, topic string, before int64, limit int) ([]platform.Event, error) {
	if topic != "" && !slices.Contains(Topics, topic) {
		return nil, platform.Errorf(platform.Invalid, "topic_unknown", "There is no topic %.40q.", topic).WithHint("Choose one of %s.", strings.Join(Topics, ", "))
	}
	appID := actor.AppID
	if name != "" {
		app, err := s.find(ctx, actor, name, platform.ActionRead)
		if err != nil {
			return nil, err
		}
		appID = app.ID
	}
	if !platform.Can(actor, platform.ActionRead, appID) {
		return nil, forbidden()
	}
	return s.History.EventsLike(ctx, appID, topic, before, limit)
}

// find gives an app that the actor sees and may do that with. One in the trash can be looked at only.
func (s *Service) find(ctx context.Context, actor platform.Actor, name string, action platform.Action) (platform.App, error) {
	app, err := s.seen(ctx, actor, name, action)
	if err != nil || action == platform.ActionRead {
		return app, err
	}
	return inUse(app)
}

// findByID is find for an app that was found before.
func (s *Service) findByID(ctx context.Context, actor platform.Actor, id string, action platform.Action) (platform.App, error) {
	app, err := s.Store.AppByID(ctx, id)
	if platform.IsKind(err, platform.NotFound) {
		return app, platform.Errorf(platform.NotFound, "app_not_found", "The app was removed meanwhile.").WithHint("See your apps with: lugsail apps")
	}
	if err != nil {
		return app, fmt.Errorf("reading the app: %w", err)
	}
	if !platform.Can(actor, action, app.ID) {
		return platform.App{}, forbidden()
	}
	return inUse(app)
}

// inUse refuses an app that is leaving, or in the trash.
func inUse(app platform.App) (platform.App, error) {
	switch app.State {
	case platform.AppDestroying:
		return platform.App{}, leaving(app)
	case platform.AppTrashed:
		return platform.App{}, app.Trashed()
	}
	return app, nil
}

// seen is find for apps in whatever state.
func (s *Service) seen(ctx context.Context, actor platform.Actor, name string, action platform.Action) (platform.App, error) {
	missing := platform.Errorf(platform.NotFound, "app_not_found", "There is no app called %.60q.", name).
		WithHint("See your apps with: lugsail apps")
	if platform.ValidateAppName(name) != nil {
		return platform.App{}, missing
	}
	app, err := s.Store.AppByName(ctx, name)
	if platform.IsKind(err, platform.NotFound) || err == nil && !platform.Sees(actor, app.ID) {
		return platform.App{}, missing
	}
	if err != nil {
		return platform.App{}, fmt.Errorf("reading the app: %w", err)
	}
	if !platform.Can(actor, action, app.ID) {
		return platform.App{}, forbidden()
	}
	return app, nil
}

func forbidden() error {
	return platform.Errorf(platform.Forbidden, "forbidden", "Your account or token may not do this.").
		WithHint("Ask the owner of this server, or use a token with more scopes.")
}
