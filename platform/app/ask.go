package app

import (
	"context"
	"fmt"
	"maps"
	"strings"

	"github.com/lugsail/lugsail/platform"
	"github.com/lugsail/lugsail/platform/plan"
)

// CreateRequest says what a new app shall be.
type CreateRequest struct {
	Name string
	Plan string // "" means the default, or the largest below it that fits
}

// Create makes an app that has nothing to run yet.
func (s *Service) Create(ctx context.Context, actor platform.Actor, ask CreateRequest) (Overview, error) {
	if !platform.Can(actor, platform.ActionManage, "") {
		return Overview{}, forbidden()
	}
	if err := platform.ValidateAppName(ask.Name); err != nil {
		return Overview{}, err
	}
	s.admission.Lock()
	defer s.admission.Unlock()
	capacity, err := s.capacity(ctx)
	if err != nil {
		return Overview{}, err
	}
	if ask.Plan == "" {
		ask.Plan = capacity.Proposed(false, "")
	}
	if _, err := plan.Choose(ask.Plan, false); err != nil {
		return Overview{}, err
	}
	app := platform.App{
		ID: platform.NewID(), Name: ask.Name, State: platform.AppActive, Plan: ask.Plan,
		Scale: platform.Scale{}, CreatedAt: s.Now().UTC(), CreatedBy: actor.Name,
	}
	if err := capacity.Admit(platform.App{State: platform.AppDestroying}, app); err != nil {
		return Overview{}, err
	}
	if err := s.Store.CreateApp(ctx, &app); err != nil {
		return Overview{}, s.takenByTrash(ctx, actor, ask.Name, err)
	}
	s.event(ctx, actor, app, "app.created", fmt.Sprintf("%s was created on plan %s", app.Name, app.Plan))
	s.refreshRoutes(ctx)
	return s.show(ctx, actor, app)
}

// Settings are what Configure can change; nil leaves a thing as it is.
type Settings struct {
	Plan         *string
	Health       *platform.Health
	DeployBranch *string // "" means main or master
	StopGrace    *int    // seconds between SIGTERM and SIGKILL; 0 means 30. Counts at once, without a deployment
	Builder      *string // "auto", "buildpacks" or "dockerfile"
	Dockerfile   *string // its path in the source; "" means Dockerfile

	SnapshotFirst *bool // each deployment makes a snapshot before its release is started
}

// Configure changes an app's settings. Plan and health settings need a deployment, which is
// given; its Number is 0 when nothing is to deploy.
func (s *Service) Configure(ctx context.Context, actor platform.Actor, name string, set Settings) (platform.Deployment, error) {
	app, err := s.find(ctx, actor, name, platform.ActionManage)
	if err != nil {
		return platform.Deployment{}, err
	}
	if err := validateSettings(app, set); err != nil {
		return platform.Deployment{}, err
	}
	var said []string
	changed, err := s.change(ctx, app.ID, func(a *platform.App) error {
		said = apply(a, set)
		return nil
	})
	if err != nil || len(said) == 0 {
		return platform.Deployment{}, err
	}
	text := strings.Join(said, ", ")
	s.event(ctx, actor, changed, "app.configured", text)
	if changed.Plan == app.Plan && changed.Health == app.Health {
		return platform.Deployment{}, nil
	}
	return s.reconfigure(ctx, actor, changed, text)
}

// reconfigure brings what was changed to what runs. Before the first release nothing does; but
// one that is under way may have been made with what was before.
func (s *Service) reconfigure(ctx context.Context, actor platform.Actor, app platform.App, cause string) (platform.Deployment, error) {
	if app.CurrentRelease == 0 {
		recent, err := s.History.DeploymentsOf(ctx, app.ID, 1)
		if err != nil {
			return platform.Deployment{}, fmt.Errorf("reading deployments: %w", err)
		}
		if len(recent) == 0 || recent[0].State.Ended() {
			return platform.Deployment{}, nil
		}
	}
	return s.begin(ctx, actor, app, platform.Deployment{Kind: platform.DeployConfig, Cause: cause})
}

func validateSettings(app platform.App, set Settings) error {
	if set.Plan != nil && *set.Plan != app.Plan {
		if _, err := plan.Choose(*set.Plan, app.Addon); err != nil {
			return err
		}
	}
	if set.Health != nil {
		if err := set.Health.Validate(); err != nil {
			return err
		}
	}
	if set.StopGrace != nil {
		if err := platform.ValidateStopGrace(*set.StopGrace); err != nil {
			return err
		}
	}
	if set.DeployBranch != nil {
		if err := platform.ValidateBranch(*set.DeployBranch); err != nil {
			return err
		}
	}
	return validateBuilder(set)
}

func apply(a *platform.App, set Settings) []string {
	var said []string
	if set.Plan != nil && *set.Plan != a.Plan {
		said = append(said, fmt.Sprintf("plan %s → %s", a.Plan, *set.Plan))
		a.Plan = *set.Plan
	}
	if set.Health != nil && *set.Health != a.Health {
		said = append(said, "health check changed")
		a.Health = *set.Health
	}
	if set.StopGrace != nil && *set.StopGrace != a.StopGrace {
		a.StopGrace = *set.StopGrace
		said = append(said, fmt.Sprintf("%d s to end after SIGTERM", int(a.Grace().Seconds())))
	}
	if set.SnapshotFirst != nil && *set.SnapshotFirst != a.SnapshotFirst {
		a.SnapshotFirst = *set.SnapshotFirst
		said = append(said, map[bool]string{true: "a snapshot before each deployment", false: "no snapshots before deployments"}[a.SnapshotFirst])
	}
	if set.DeployBranch != nil && *set.DeployBranch != a.DeployBranch {
		said = append(said, fmt.Sprintf("deploy branch %s", *set.DeployBranch))
		a.DeployBranch = *set.DeployBranch
	}
	return append(said, applyBuilder(a, set)...)
}

// change updates an app when the machine's memory allows what it becomes.
func (s *Service) change(ctx context.Context, id string, change func(*platform.App) error) (platform.App, error) {
	s.admission.Lock()
	defer s.admission.Unlock()
	capacity, err := s.capacity(ctx)
	if err != nil {
		return platform.App{}, err
	}
	app, err := s.Store.AppByID(ctx, id)
	if err != nil {
		return platform.App{}, err
	}
	counts, err := s.promised(ctx, app)
	if err != nil {
		return platform.App{}, err
	}
	return s.Store.UpdateApp(ctx, id, func(a *platform.App) error {
		was, plan := *a, a.Plan
		was.Plan, was.Scale = counts.Plan, maps.Clone(a.Scale)
		if err := change(a); err != nil {
			return err
		}
		wanted := *a
		if wanted.Plan == plan {
			wanted.Plan = was.Plan // more or fewer replicas of what serves
		}
		return capacity.Admit(was, wanted)
	})
}
