package app

import (
	"context"
	"fmt"

	"github.com/lugsail/lugsail/platform"
	"github.com/lugsail/lugsail/platform/plan"
	"github.com/lugsail/lugsail/platform/release"
)

// RollbackPreview is what a roll back would change.
type RollbackPreview struct {
	Release    platform.Release // that returns, without config vars
	Difference release.Difference
	Effect     Effect
	Stays      []string // what is the app's and no release's, in sentences
}

// PreviewRollback tells what bringing an older release live again changes; release 0 is the one that
// served before. What Rollback refuses is refused here, too; but for one whose plan does not fit, whose Effect says so.
func (s *Service) PreviewRollback(ctx context.Context, actor platform.Actor, name string, number int) (RollbackPreview, error) {
	app, err := s.find(ctx, actor, name, platform.ActionRead)
	if err != nil {
		return RollbackPreview{}, err
	}
	old, err := s.returnable(ctx, app, number)
	if err != nil {
		return RollbackPreview{}, err
	}
	was, serves, capacity, err := s.standing(ctx, app)
	if err != nil {
		return RollbackPreview{}, err
	}
	if app.CurrentRelease > 0 {
		if serves, err = s.History.ReleaseByNumber(ctx, app.ID, app.CurrentRelease); damagedVar(err) {
			serves, err = s.History.ReleaseWithoutVars(ctx, app.ID, app.CurrentRelease)
		}
		if err != nil {
			return RollbackPreview{}, err
		}
	}
	wanted := promisedWith(app, old) // the app keeps its own plan, so a smaller one of the release gives nothing back
	p := RollbackPreview{Release: old, Difference: release.Compare(serves, old), Effect: effectOfOther(capacity, was, wanted, serves, old, true)}
	p.Effect.Sentence += planSaid(serves.Plan, old.Plan)
	p.Release.ConfigVars, p.Release.State = nil, platform.DeploymentLive
	p.Stays = stays(app, p.Difference)
	return p, nil
}

// planSaid says what another plan means for each replica.
func planSaid(from, to string) string {
	now, err := plan.ByName(from)
	then, thenErr := plan.ByName(to)
	if err != nil || thenErr != nil || from == to {
		return ""
	}
	said := fmt.Sprintf(" Each replica then has plan %s: %s of memory instead of %s", to, plan.Bytes(then.Memory), plan.Bytes(now.Memory))
	if then.Memory < now.Memory {
		said += "; one that needs more is ended and started again"
	}
	return said + "."
}

// stays says what a roll back does not bring back.
func stays(app platform.App, d release.Difference) []string {
	said := []string{"Domains and the number of replicas stay as they are, and no release command runs."}
	otherPlan := d.Plan != nil && d.Plan.To != app.Plan
	switch {
	case !d.Config.Nothing() && otherPlan:
		said = append(said, fmt.Sprintf("The app itself keeps its newer config vars and plan %s: the next push has them again.", app.Plan))
	case !d.Config.Nothing():
		said = append(said, "The app itself keeps its newer config vars: the next push has them again.")
	case otherPlan:
		said = append(said, fmt.Sprintf("The app itself keeps plan %s: the next push has it again.", app.Plan))
	}
	if otherPlan && plan.Larger(app.Plan, d.Plan.To) == app.Plan {
		said = append(said, fmt.Sprintf("The memory of plan %s stays promised to the app. Choose plan %s on the page Scaling to give it back.", app.Plan, d.Plan.To))
	}
	return said
}

// returnable finds the release that a roll back to that number would bring back.
func (s *Service) returnable(ctx context.Context, app platform.App, number int) (platform.Release, error) {
	if number == 0 {
		var err error
		if number, err = s.Conductor.Before(ctx, app); err != nil {
			return platform.Release{}, err
		}
	}
	if number == 0 {
		return platform.Release{}, platform.Errorf(platform.Conflict, "nothing_before", "%s has no earlier release to go back to.", app.Name)
	}
	if number == app.CurrentRelease {
		return platform.Release{}, platform.Errorf(platform.Conflict, "release_serves", "v%d is live now.", number).
			WithHint("See the others with: lugsail releases")
	}
	old, err := s.History.ReleaseByNumber(ctx, app.ID, number)
	if err != nil && !platform.IsKind(err, platform.NotFound) {
		return platform.Release{}, err
	}
	if err != nil {
		return platform.Release{}, platform.Errorf(platform.NotFound, "release_not_found", "%s has no release v%d.", app.Name, number).
			WithHint("See what there is with: lugsail releases").Because(err)
	}
	return old, s.wentLive(ctx, app, old)
}
