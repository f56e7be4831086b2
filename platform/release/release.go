// Package release owns the making and numbering of releases: a build's image and
// processes joined with the app's config vars, plan and health settings. A release
// never changes; a rollback is a new release with an older one's contents.
package release

import (
	"context"
	"fmt"
	"time"

	"github.com/lugsail/lugsail/platform"
)

// Store keeps releases.
type Store interface {
	AppendRelease(ctx context.Context, r *platform.Release) error
	ReleaseByNumber(ctx context.Context, appID string, number int) (platform.Release, error)
	ReleaseWithoutVars(ctx context.Context, appID string, number int) (platform.Release, error)
	ConfigSet(ctx context.Context, appID string) (vars map[string]string, number int, err error)
}

// Service makes releases.
type Service struct {
	Store Store
	Now   func() time.Time
}

// New makes a Service.
func New(store Store) *Service { return &Service{Store: store, Now: time.Now} }

// FromBuild makes the next release of a fresh build.
func (s *Service) FromBuild(ctx context.Context, app platform.App, d platform.Deployment, b platform.Build) (platform.Release, error) {
	vars, number, err := s.Store.ConfigSet(ctx, app.ID)
	if err != nil {
		return platform.Release{}, fmt.Errorf("reading config vars: %w", err)
	}
	return s.append(ctx, platform.Release{
		Image: b.Image, Processes: b.Processes, ConfigVars: vars, ConfigNumber: number, Plan: app.Plan, Health: app.Health,
		Commit: d.Source.Commit, CommitTitle: d.Source.Title,
	}, d)
}

// FromConfig makes the next release of what serves now with today's config vars, plan and health settings.
func (s *Service) FromConfig(ctx context.Context, app platform.App, d platform.Deployment) (platform.Release, error) {
	now, err := s.Store.ReleaseWithoutVars(ctx, app.ID, app.CurrentRelease)
	if err != nil {
		return platform.Release{}, fmt.Errorf("reading release %d: %w", app.CurrentRelease, err)
	}
	if now.ConfigVars, now.ConfigNumber, err = s.Store.ConfigSet(ctx, app.ID); err != nil {
		return platform.Release{}, fmt.Errorf("reading config vars: %w", err)
	}
	now.Plan, now.Health = app.Plan, app.Health
	return s.append(ctx, now, d)
}

// FromRelease makes the next release with the contents of an older one.
func (s *Service) FromRelease(ctx context.Context, app platform.App, d platform.Deployment) (platform.Release, error) {
	old, err := s.Store.ReleaseByNumber(ctx, app.ID, d.FromRelease)
	if err != nil {
		return platform.Release{}, fmt.Errorf("reading release %d: %w", d.FromRelease, err)
	}
	return s.append(ctx, old, d)
}

// FromOther makes the first release of an app out of another app's release, whose image is the app's own by now. Its
// config vars, plan and health settings are the app's.
func (s *Service) FromOther(ctx context.Context, app platform.App, d platform.Deployment, other platform.Release) (_ platform.Release, err error) {
	if other.ConfigVars, other.ConfigNumber, err = s.Store.ConfigSet(ctx, app.ID); err != nil {
		return platform.Release{}, fmt.Errorf("reading config vars: %w", err)
	}
	other.Plan, other.Health = app.Plan, app.Health
	return s.append(ctx, other, d)
}

func (s *Service) append(ctx context.Context, r platform.Release, d platform.Deployment) (platform.Release, error) {
	r.AppID, r.Number, r.DeploymentID = d.AppID, 0, d.ID
	r.Cause, r.CreatedAt, r.CreatedBy = d.Cause, s.Now().UTC(), d.Actor
	if err := s.Store.AppendRelease(ctx, &r); err != nil {
		return platform.Release{}, fmt.Errorf("recording the release: %w", err)
	}
	return r, nil
}
