package app

import (
	"context"
	"fmt"
	"net/url"
	"strconv"
	"strings"

	"github.com/lugsail/lugsail/platform"
)

// Remotes keeps which public repositories apps are bound to.
type Remotes interface {
	SetRemote(ctx context.Context, remote *platform.Remote) error
	Remotes(ctx context.Context) ([]platform.Remote, error)
	RemoteOf(ctx context.Context, appID string) (platform.Remote, error)
	RemoveRemote(ctx context.Context, appID string) error
}

// Remote gives the repository that an app is bound to; nil when there is none.
func (s *Service) Remote(ctx context.Context, actor platform.Actor, name string) (*platform.Remote, error) {
	app, err := s.find(ctx, actor, name, platform.ActionRead)
	if err != nil {
		return nil, err
	}
	return s.remoteOf(ctx, app)
}

func (s *Service) remoteOf(ctx context.Context, app platform.App) (*platform.Remote, error) {
	if s.Remotes == nil {
		return nil, nil
	}
	remote, err := s.Remotes.RemoteOf(ctx, app.ID)
	if platform.IsKind(err, platform.NotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading the repository: %w", err)
	}
	return &remote, nil
}

// Bind ties an app to a branch of a public repository; branch "" is its default. Nothing is
// fetched: Pull and webhooks do.
func (s *Service) Bind(ctx context.Context, actor platform.Actor, name, address, branch string) (platform.Remote, error) {
	app, err := s.find(ctx, actor, name, platform.ActionManage)
	if err != nil {
		return platform.Remote{}, err
	}
	if address, err = platform.ValidateRemote(address); err != nil {
		return platform.Remote{}, err
	}
	branch = strings.TrimPrefix(strings.TrimSpace(branch), "refs/heads/")
	if err := platform.ValidateBranch(branch); err != nil {
		return platform.Remote{}, err
	}
	if err := s.mayFetch(ctx, address); err != nil {
		return platform.Remote{}, err
	}
	remote := platform.Remote{AppID: app.ID, URL: address, Branch: branch, CreatedAt: s.Now().UTC(), CreatedBy: actor.Name}
	if err := s.Remotes.SetRemote(ctx, &remote); err != nil {
		return platform.Remote{}, err
	}
	s.event(ctx, actor, app, "source.bound", branchOf(remote)+" of "+address)
	return remote, nil
}

// mayFetch asks the guard early, so that the person who gives an address hears of it. A name that
// cannot be looked up just now is taken: the fetch will tell.
func (s *Service) mayFetch(ctx context.Context, address string) error {
	u, err := url.Parse(address)
	if err != nil || s.Reachable == nil {
		return platform.Errorf(platform.Unavailable, "no_way_out", "This server fetches from nowhere.")
	}
	port := 443
	if p := u.Port(); p != "" {
		if port, err = strconv.Atoi(p); err != nil {
			return fmt.Errorf("reading a port: %w", err)
		}
	}
	err = s.Reachable(ctx, u.Hostname(), port)
	if platform.IsKind(err, platform.Unavailable) {
		return nil
	}
	return err
}

func branchOf(r platform.Remote) string {
	if r.Branch == "" {
		return "the default branch"
	}
	return r.Branch
}

// Unbind lets an app go from its repository. What runs goes on running.
func (s *Service) Unbind(ctx context.Context, actor platform.Actor, name string) error {
	app, err := s.find(ctx, actor, name, platform.ActionManage)
	if err != nil {
		return err
	}
	remote, err := s.bound(ctx, app)
	if err != nil {
		return err
	}
	if err := s.Remotes.RemoveRemote(ctx, app.ID); err != nil {
		return err
	}
	s.event(ctx, actor, app, "source.unbound", remote.URL)
	return nil
}

func (s *Service) bound(ctx context.Context, app platform.App) (platform.Remote, error) {
	remote, err := s.remoteOf(ctx, app)
	if err == nil && remote == nil {
		err = platform.Errorf(platform.Conflict, "source_not_bound", "%s is not bound to a repository.", app.Name).
			WithHint("Bind it: lugsail deploy --app %s --git https://github.com/you/app.git", app.Name)
	}
	if err != nil {
		return platform.Remote{}, err
	}
	return *remote, nil
}

// Pull fetches the newest commit of the repository that the app is bound to, and deploys it. When
// it is what serves already, the deployment ends with that sentence, unless again is set.
func (s *Service) Pull(ctx context.Context, actor platform.Actor, name string, again bool) (platform.Deployment, error) {
	app, err := s.find(ctx, actor, name, platform.ActionDeploy)
	if err != nil {
		return platform.Deployment{}, err
	}
	remote, err := s.bound(ctx, app)
	if err != nil {
		return platform.Deployment{}, err
	}
	return s.pull(ctx, actor, app, remote, again, fmt.Sprintf("fetch of %s from %s", branchOf(remote), remote.Host()))
}

func (s *Service) pull(ctx context.Context, actor platform.Actor, app platform.App, remote platform.Remote, again bool, cause string) (platform.Deployment, error) {
	return s.begin(ctx, actor, app, platform.Deployment{
		Kind: platform.DeployPush, Cause: cause, Source: platform.Source{Remote: remote.URL, Branch: remote.Branch, Again: again},
	})
}
