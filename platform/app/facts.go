package app

import (
	"context"
	"fmt"

	"github.com/lugsail/lugsail/platform"
)

// facts is what the store holds of an app for its overview.
type facts struct {
	domains []platform.Domain
	latest  *platform.Deployment // nil when there is none
	release *platform.Release    // that serves, without config vars; nil before the first
	remote  *platform.Remote     // nil when it is not bound
}

func (s *Service) factsOf(ctx context.Context, app platform.App) (known facts, err error) {
	if known.domains, err = s.Names.DomainsOf(ctx, app.ID); err != nil {
		return known, fmt.Errorf("reading domains: %w", err)
	}
	deployments, err := s.History.DeploymentsOf(ctx, app.ID, 1)
	if err != nil {
		return known, fmt.Errorf("reading deployments: %w", err)
	}
	if len(deployments) > 0 {
		known.latest = &deployments[0]
	}
	if app.CurrentRelease > 0 {
		r, err := s.History.ReleaseWithoutVars(ctx, app.ID, app.CurrentRelease)
		if err != nil {
			return known, fmt.Errorf("reading release %d: %w", app.CurrentRelease, err)
		}
		known.release = &r
	}
	known.remote, err = s.remoteOf(ctx, app)
	return known, err
}

// factsOfAll reads those of all apps, by id, in as many queries as of one.
func (s *Service) factsOfAll(ctx context.Context) (map[string]facts, error) {
	all := map[string]facts{}
	change := func(appID string, edit func(*facts)) {
		known := all[appID]
		edit(&known)
		all[appID] = known
	}
	domains, err := s.Names.Domains(ctx)
	if err != nil {
		return nil, fmt.Errorf("reading domains: %w", err)
	}
	for _, d := range domains {
		change(d.AppID, func(f *facts) { f.domains = append(f.domains, d) })
	}
	deployments, err := s.History.NewestDeployments(ctx)
	if err != nil {
		return nil, fmt.Errorf("reading deployments: %w", err)
	}
	for _, d := range deployments {
		change(d.AppID, func(f *facts) { f.latest = &d })
	}
	releases, err := s.History.ServingReleases(ctx)
	if err != nil {
		return nil, fmt.Errorf("reading releases: %w", err)
	}
	for _, r := range releases {
		change(r.AppID, func(f *facts) { f.release = &r })
	}
	if s.Remotes == nil {
		return all, nil
	}
	remotes, err := s.Remotes.Remotes(ctx)
	if err != nil {
		return nil, fmt.Errorf("reading repositories: %w", err)
	}
	for _, r := range remotes {
		change(r.AppID, func(f *facts) { f.remote = &r })
	}
	return all, nil
}
