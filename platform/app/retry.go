package app

import (
	"context"
	"fmt"

	"github.com/lugsail/lugsail/platform"
)

// Retryable reports whether a deployment that did not go live can be asked for once more without
// anybody sending its source again.
func Retryable(d platform.Deployment) bool {
	if !d.State.Ended() || d.State == platform.DeploymentLive || d.State == platform.DeploymentReplaced {
		return false
	}
	switch d.Kind {
	case platform.DeployPush:
		if d.Source.Blueprint != "" {
			return true
		}
		o := d.Source.Origin()
		return o == platform.OriginRemote || o == platform.OriginImage && d.Source.Upload == ""
	case platform.DeployRollback, platform.DeployConfig, platform.DeployScale:
		return true
	}
	return false
}

// Retry asks once more for what a deployment wanted that failed or was cancelled: the same image, the
// branch of the same repository, the same older release, today's settings. What was pushed or uploaded
// is not kept after a failure, unless the pushed commit is on the deploy branch.
func (s *Service) Retry(ctx context.Context, actor platform.Actor, name string, number int) (platform.Deployment, error) {
	app, err := s.find(ctx, actor, name, platform.ActionDeploy)
	if err != nil {
		return platform.Deployment{}, err
	}
	d, err := s.History.DeploymentByNumber(ctx, app.ID, number)
	if err != nil {
		return platform.Deployment{}, err
	}
	if !d.State.Ended() || d.State == platform.DeploymentLive || d.Kind.TakesAway() || d.Kind == platform.DeployRestore {
		return platform.Deployment{}, platform.Errorf(platform.Conflict, "nothing_to_retry", "Deployment %d cannot be retried: it is %s.", number, d.State).
			WithHint("To deploy the newest code again: lugsail deploy")
	}
	switch d.Kind {
	case platform.DeployRollback:
		return s.Rollback(ctx, actor, name, d.FromRelease)
	case platform.DeployConfig:
		return s.reconfigure(ctx, actor, app, d.Cause)
	case platform.DeployScale:
		return s.begin(ctx, actor, app, platform.Deployment{Kind: platform.DeployScale, Cause: d.Cause})
	}
	return s.retrySource(ctx, actor, app, d)
}

func (s *Service) retrySource(ctx context.Context, actor platform.Actor, app platform.App, d platform.Deployment) (platform.Deployment, error) {
	gone := platform.Errorf(platform.Conflict, "source_gone", "The source of deployment %d is not on the server any more.", d.Number)
	if d.Source.Blueprint != "" {
		return s.deployBlueprint(ctx, actor, app, fmt.Sprintf("retry of deployment %d", d.Number))
	}
	switch d.Source.Origin() {
	case platform.OriginRemote:
		return s.Pull(ctx, actor, app.Name, true)
	case platform.OriginImage:
		if d.Source.Upload == "" {
			return s.DeployImage(ctx, actor, app.Name, d.Source.Image)
		}
	case platform.OriginGit:
		if err := s.nothingPushed(ctx, app); err != nil {
			return platform.Deployment{}, err
		}
		src, err := s.Sources.Export(ctx, app)
		if err == nil && src.Commit == d.Source.Commit {
			return s.deploy(ctx, actor, app, src, fmt.Sprintf("retry of deployment %d, %s", d.Number, commitName(src)))
		}
		dropTree(src)
		return platform.Deployment{}, gone.WithHint("Push it again: git push lugsail")
	}
	return platform.Deployment{}, gone.WithHint("Upload it again: lugsail deploy .")
}
