package app

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/lugsail/lugsail/platform"
)

// Scale sets the wanted replicas of the named process types. Number 0 when nothing runs yet.
func (s *Service) Scale(ctx context.Context, actor platform.Actor, name string, scale platform.Scale) (platform.Deployment, error) {
	app, err := s.find(ctx, actor, name, platform.ActionManage)
	if err != nil {
		return platform.Deployment{}, err
	}
	if err := s.validateScale(ctx, app, scale); err != nil {
		return platform.Deployment{}, err
	}
	before := maps.Clone(app.Scale)
	changed, err := s.change(ctx, app.ID, func(a *platform.App) error {
		if a.Scale == nil {
			a.Scale = platform.Scale{}
		}
		maps.Copy(a.Scale, scale)
		return s.validateScale(ctx, *a, scale) // a volume for one replica may have come meanwhile
	})
	if err != nil || sameScale(before, changed.Scale) {
		return platform.Deployment{}, err
	}
	text := "scale " + scaleText(scale)
	s.event(ctx, actor, changed, "app.scaled", text)
	if changed.CurrentRelease == 0 {
		return platform.Deployment{}, nil
	}
	return s.begin(ctx, actor, changed, platform.Deployment{Kind: platform.DeployScale, Cause: text})
}

// Restart puts new replicas of the release that serves in the places of those that run, one after another.
// Nothing is built, and no release is made. Conflict, code nothing_serves or scaled_to_zero, when nothing runs.
func (s *Service) Restart(ctx context.Context, actor platform.Actor, name string) (platform.Deployment, error) {
	app, err := s.find(ctx, actor, name, platform.ActionDeploy)
	if err != nil {
		return platform.Deployment{}, err
	}
	if app.CurrentRelease == 0 {
		return platform.Deployment{}, platform.Errorf(platform.Conflict, "nothing_serves", "%s has no release yet, so there is nothing to restart.", app.Name).
			WithHint("Deploy it first: git push lugsail main")
	}
	release, err := s.History.ReleaseWithoutVars(ctx, app.ID, app.CurrentRelease)
	if err != nil {
		return platform.Deployment{}, fmt.Errorf("reading release %d: %w", app.CurrentRelease, err)
	}
	if total(counted(app.Scale, release)) == 0 {
		return platform.Deployment{}, platform.Errorf(platform.Conflict, "scaled_to_zero", "%s is scaled to 0 replicas, so there is nothing to restart.", app.Name).
			WithHint("Start it: lugsail scale web=1 --app %s", app.Name)
	}
	return s.begin(ctx, actor, app, platform.Deployment{Kind: platform.DeployRestart, Cause: "restart"})
}

func (s *Service) validateScale(ctx context.Context, app platform.App, scale platform.Scale) error {
	if len(scale) == 0 {
		return platform.Errorf(platform.Invalid, "scale_empty", "Nothing to scale was named.").WithHint("For example: lugsail scale web=2")
	}
	var release platform.Release
	if app.CurrentRelease > 0 {
		var err error
		if release, err = s.History.ReleaseWithoutVars(ctx, app.ID, app.CurrentRelease); err != nil {
			return fmt.Errorf("reading release %d: %w", app.CurrentRelease, err)
		}
	}
	for t, n := range scale {
		if err := platform.ValidateProcessType(t); err != nil {
			return err
		}
		if t == platform.ReleaseProcess {
			return platform.Errorf(platform.Invalid, "scale_release", "release cannot be scaled: it runs once in each deployment, before the switch.").
				WithHint("To run something beside web all the time, name it worker in the Procfile.")
		}
		if n < 0 || n > platform.MaxReplicas {
			return platform.Errorf(platform.Invalid, "scale_out_of_range", "%s cannot have %d replicas.", t, n).
				WithHint("Choose a number from 0 to %d.", platform.MaxReplicas)
		}
		if _, ok := release.Process(t); !ok && app.CurrentRelease > 0 {
			return platform.Errorf(platform.Invalid, "process_unknown", "%s has no process type %q.", app.Name, t).
				WithHint("It has %s. More can be named in the Procfile.", processTypes(release))
		}
	}
	return s.validateTotal(ctx, app, release, scale)
}

// validateTotal bounds the replicas of all process types together.
func (s *Service) validateTotal(ctx context.Context, app platform.App, r platform.Release, scale platform.Scale) error {
	wanted := maps.Clone(app.Scale)
	if wanted == nil {
		wanted = platform.Scale{}
	}
	maps.Copy(wanted, scale)
	n := total(counted(wanted, r))
	if n > platform.MaxAppReplicas {
		return platform.Errorf(platform.Invalid, "scale_too_many", "An app can have %d replicas of all process types together; this would be %d.", platform.MaxAppReplicas, n).
			WithHint("Scale another process type down, or choose a larger plan: lugsail scale --plan small")
	}
	return s.fitsVolumes(ctx, app.ID, n)
}

func total(counts platform.Scale) (n int) {
	for _, of := range counts {
		n += of
	}
	return n
}

// counted is the scale that counts: without process types that the release does not have.
func counted(scale platform.Scale, r platform.Release) platform.Scale {
	if r.Number == 0 {
		return scale
	}
	counts := platform.Scale{platform.WebProcess: 0}
	for _, p := range r.Processes {
		counts[p.Type] = scale.Of(p.Type)
	}
	return counts
}

// Introduce gives process types that an app has not had yet one replica each, or none where the
// machine's memory does not suffice for it or the app has as many replicas as it can have, one when
// it has a volume for one.
func (s *Service) Introduce(ctx context.Context, appID string, r platform.Release, types []string) (app platform.App, err error) {
	most := platform.MaxAppReplicas
	if s.fitsVolumes(ctx, appID, 2) != nil {
		most = 1
	}
	for _, t := range types {
		set := func(n int) func(*platform.App) error {
			return func(a *platform.App) error {
				if a.Scale == nil {
					a.Scale = platform.Scale{}
				}
				a.Scale[t] = n
				if total(counted(a.Scale, r)) > most {
					a.Scale[t] = 0
				}
				return nil
			}
		}
		app, err = s.change(ctx, appID, set(1))
		if platform.IsKind(err, platform.NoRoom) {
			app, err = s.Store.UpdateApp(ctx, appID, set(0))
		}
		if err != nil {
			return app, err
		}
	}
	return app, nil
}

func processTypes(r platform.Release) string {
	var types []string
	for _, p := range r.Processes {
		if p.Type != platform.ReleaseProcess {
			types = append(types, p.Type)
		}
	}
	return strings.Join(types, ", ")
}

func sameScale(a, b platform.Scale) bool {
	for _, t := range append(slices.Collect(maps.Keys(a)), slices.Collect(maps.Keys(b))...) {
		if a.Of(t) != b.Of(t) {
			return false
		}
	}
	return true
}

func scaleText(scale platform.Scale) string {
	var parts []string
	for _, t := range slices.Sorted(maps.Keys(scale)) {
		parts = append(parts, fmt.Sprintf("%s=%d", t, scale[t]))
	}
	return strings.Join(parts, " ")
}
