package app

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/lugsail/lugsail/platform"
	"github.com/lugsail/lugsail/platform/observe"
)

// Metrics is the recent past of one app.
type Metrics struct {
	observe.Series
	App      platform.App
	Switches []platform.Deployment // that went live in the range, the oldest first
}

// mostSwitches bounds how many deployments are marked on a time axis.
const mostSwitches = 50

// Metrics gives what an app used and answered in the last hour or day.
func (s *Service) Metrics(ctx context.Context, actor platform.Actor, name string, r observe.Range) (Metrics, error) {
	app, err := s.find(ctx, actor, name, platform.ActionRead)
	if err != nil {
		return Metrics{}, err
	}
	m := Metrics{App: app, Series: s.Meter.Series(app.ID, r)}
	recent, err := s.History.DeploymentsOf(ctx, app.ID, mostSwitches)
	if err != nil {
		return Metrics{}, fmt.Errorf("reading deployments: %w", err)
	}
	for _, d := range slices.Backward(recent) {
		if d.State == platform.DeploymentLive && d.EndedAt != nil && !d.EndedAt.Before(m.From) {
			m.Switches = append(m.Switches, d)
		}
	}
	return m, nil
}

// Sparklines gives the last hour of apps in steps of a minute, for small drawings; by app id. It
// tells of those only that the actor sees.
func (s *Service) Sparklines(actor platform.Actor, appIDs ...string) map[string][]observe.Point {
	all := make(map[string][]observe.Point, len(appIDs))
	for _, id := range appIDs {
		if platform.Can(actor, platform.ActionRead, id) {
			all[id] = s.Meter.Minutes(id)
		}
	}
	return all
}

// FollowMetrics tells of each new point of an app's last hour, with when its step began, until ctx ends.
func (s *Service) FollowMetrics(ctx context.Context, actor platform.Actor, name string, fn func(at time.Time, p observe.Point) error) error {
	app, err := s.find(ctx, actor, name, platform.ActionRead)
	if err != nil {
		return err
	}
	for {
		measured := s.Meter.Measured()
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-measured:
		}
		series := s.Meter.Series(app.ID, observe.LastHour)
		last := len(series.Points) - 1
		if err := fn(series.From.Add(time.Duration(last)*series.Step), series.Points[last]); err != nil {
			return err
		}
	}
}
