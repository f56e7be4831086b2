package app

import (
	"context"
	"fmt"
	"maps"
	"strings"

	"github.com/lugsail/lugsail/platform"
	"github.com/lugsail/lugsail/platform/plan"
)

// Effect is what a change does, said before it is done; every door says the same.
type Effect struct {
	Restarts int      `json:"restarts"` // replicas that fresh ones take the place of, which start beside them first
	Starts   int      `json:"starts"`   // more replicas than now
	Stops    int      `json:"stops"`    // fewer replicas than now
	Downtime bool     `json:"downtime"` // nothing answers the app's visitors afterwards
	Memory   plan.Fit `json:"memory"`
	Sentence string   `json:"sentence"` // all of it for people
}

// effectOf compares what runs and is promised now with what shall. restart says that every replica is made anew.
func effectOf(capacity plan.Capacity, was, wanted platform.App, runs platform.Release, restart bool) Effect {
	return effectOfOther(capacity, was, wanted, runs, runs, restart)
}

// effectOfOther does so where another release shall run, with process types of its own.
func effectOfOther(capacity plan.Capacity, was, wanted platform.App, runs, shall platform.Release, restart bool) Effect {
	e := Effect{Memory: capacity.Fit(was, wanted)}
	if runs.Number > 0 {
		before, after := counted(was.Scale, runs), counted(wanted.Scale, shall)
		types := maps.Clone(before)
		maps.Copy(types, after)
		for t := range types {
			e.Starts += max(0, after[t]-before[t])
			e.Stops += max(0, before[t]-after[t])
			if restart {
				e.Restarts += min(before[t], after[t])
			}
		}
		e.Downtime = before[platform.WebProcess] > 0 && after[platform.WebProcess] == 0
	}
	e.Sentence = e.say(runs.Number > 0, was.Addon)
	return e
}

// say writes an effect as one sentence: "Restarts 2 replicas, no downtime, uses 256 MB of the 900 MB left."
func (e Effect) say(runs, addon bool) string {
	var parts []string
	add := func(format string, args ...any) { parts = append(parts, fmt.Sprintf(format, args...)) }
	if e.Restarts > 0 {
		add("restarts %s", replicaCount(e.Restarts))
	}
	if e.Starts > 0 {
		add("starts %s more", replicaCount(e.Starts))
	}
	if e.Stops > 0 {
		add("stops %s", replicaCount(e.Stops))
	}
	switch {
	case e.Downtime:
		add("nothing answers its visitors then")
	case addon && e.Restarts > 0: // only one at a time may have its volume
		add("away for some seconds")
	case addon && e.Stops > 0:
	case e.Restarts+e.Starts+e.Stops > 0:
		add("no downtime")
	case !runs:
		add("takes effect with the first deployment")
	default:
		add("restarts nothing")
	}
	switch m := e.Memory; {
	case !m.Fits:
		add("needs %s more than the %s left", plan.Bytes(m.More-m.Free), plan.Bytes(m.Free))
	case m.More > 0:
		add("uses %s of the %s left", plan.Bytes(m.More), plan.Bytes(m.Free))
	case m.More < 0:
		add("gives %s back", plan.Bytes(-m.More))
	}
	text := strings.Join(parts, ", ")
	return strings.ToUpper(text[:1]) + text[1:] + "."
}

func replicaCount(n int) string {
	if n == 1 {
		return "1 replica"
	}
	return fmt.Sprintf("%d replicas", n)
}

// standing is what counts of an app just now: with the plan and scale that are promised, what serves, and the machine.
func (s *Service) standing(ctx context.Context, app platform.App) (was platform.App, serves platform.Release, capacity plan.Capacity, err error) {
	if capacity, err = s.capacity(ctx); err != nil {
		return was, serves, capacity, err
	}
	if was, err = s.promised(ctx, app); err != nil || app.CurrentRelease == 0 {
		return was, serves, capacity, err
	}
	if serves, err = s.History.ReleaseWithoutVars(ctx, app.ID, app.CurrentRelease); err != nil {
		err = fmt.Errorf("reading release %d: %w", app.CurrentRelease, err)
	}
	return was, serves, capacity, err
}

// ScaleEffect tells what another plan, "" for the one it has, and other replicas would do.
func (s *Service) ScaleEffect(ctx context.Context, actor platform.Actor, name, planName string, scale platform.Scale) (Effect, error) {
	app, err := s.find(ctx, actor, name, platform.ActionRead)
	if err != nil {
		return Effect{}, err
	}
	if planName == "" {
		planName = app.Plan
	}
	if planName != app.Plan {
		if _, err := plan.Choose(planName, app.Addon); err != nil {
			return Effect{}, err
		}
	}
	if len(scale) > 0 {
		if err := s.validateScale(ctx, app, scale); err != nil {
			return Effect{}, err
		}
	}
	was, serves, capacity, err := s.standing(ctx, app)
	if err != nil {
		return Effect{}, err
	}
	return scaleEffect(capacity, app, was, serves, planName, scale), nil
}

func scaleEffect(capacity plan.Capacity, app, was platform.App, serves platform.Release, planName string, scale platform.Scale) Effect {
	wanted := was
	if planName != app.Plan {
		wanted.Plan = planName
	}
	wanted.Scale = platform.Scale{}
	maps.Copy(wanted.Scale, was.Scale)
	maps.Copy(wanted.Scale, scale)
	return effectOf(capacity, was, wanted, serves, planName != app.Plan)
}

// PlanEffects tells for every plan what a change to it would do.
func (s *Service) PlanEffects(ctx context.Context, actor platform.Actor, name string) (map[string]Effect, error) {
	app, err := s.find(ctx, actor, name, platform.ActionRead)
	if err != nil {
		return nil, err
	}
	was, serves, capacity, err := s.standing(ctx, app)
	if err != nil {
		return nil, err
	}
	effects := map[string]Effect{}
	for _, p := range plan.Of(app.Addon) {
		effects[p.Name] = scaleEffect(capacity, app, was, serves, p.Name, nil)
	}
	return effects, nil
}

// RestartEffect tells what a change does that makes every replica anew: config vars, health check, a deployment.
func (s *Service) RestartEffect(ctx context.Context, actor platform.Actor, name string) (Effect, error) {
	app, err := s.find(ctx, actor, name, platform.ActionRead)
	if err != nil {
		return Effect{}, err
	}
	was, serves, capacity, err := s.standing(ctx, app)
	if err != nil {
		return Effect{}, err
	}
	return effectOf(capacity, was, was, serves, true), nil
}

// StopEffect tells what the trash, or the end for good, does.
func (s *Service) StopEffect(ctx context.Context, actor platform.Actor, name string) (Effect, error) {
	app, err := s.find(ctx, actor, name, platform.ActionRead)
	if err != nil {
		return Effect{}, err
	}
	was, serves, capacity, err := s.standing(ctx, app)
	if err != nil {
		return Effect{}, err
	}
	wanted := was
	wanted.State, wanted.Scale = platform.AppTrashed, platform.Scale{platform.WebProcess: 0}
	return effectOf(capacity, was, wanted, serves, false), nil
}
