package app

import (
	"context"
	"fmt"

	"github.com/lugsail/lugsail/platform"
)

// Retrial is whether a deployment that did not go live can be asked for once more without anybody sending its
// source again.
type Retrial struct {
	Possible bool
	Sentence string // what Retry does, or why it cannot; "" where nothing is to be said
}

// CanRetry tells that of a deployment of an app.
func (s *Service) CanRetry(ctx context.Context, actor platform.Actor, name string, d platform.Deployment) (Retrial, error) {
	app, err := s.find(ctx, actor, name, platform.ActionRead)
	if err != nil || !d.State.Ended() || d.State == platform.DeploymentLive || d.State == platform.DeploymentReplaced {
		return Retrial{}, err
	}
	switch d.Kind {
	case platform.DeployPush:
		if d.Source.Blueprint != "" {
			return Retrial{Possible: true, Sentence: "Retry makes it of its blueprint once more."}, nil
		}
		return s.canRetrySource(ctx, app, d), nil
	case platform.DeployRollback:
		return Retrial{Possible: true, Sentence: fmt.Sprintf("Retry rolls back to v%d once more.", d.FromRelease)}, nil
	case platform.DeployConfig:
		return Retrial{Possible: true, Sentence: "Retry makes a release with the config vars and settings of now."}, nil
	case platform.DeployScale:
		return Retrial{Possible: true, Sentence: "Retry starts or stops replicas until there are as many as the page Scaling says now."}, nil
	case platform.DeployCopy:
		if app.CurrentRelease == 0 {
			return Retrial{Possible: true, Sentence: "Retry fills " + app.Name + " from the snapshot once more."}, nil
		}
	case platform.DeployRestart:
		return Retrial{Possible: true, Sentence: "Retry starts a new replica in the place of each one."}, nil
	}
	return Retrial{}, nil
}

func (s *Service) canRetrySource(ctx context.Context, app platform.App, d platform.Deployment) Retrial {
	src := d.Source
	switch src.Origin() {
	case platform.OriginRemote:
		if remote, err := s.remoteOf(ctx, app); err == nil && remote == nil {
			return Retrial{Sentence: app.Name + " is not bound to that repository any more, so nothing is here to retry with. Bind it again on the page Source."}
		}
		return Retrial{Possible: true, Sentence: "Retry fetches the branch anew, with what was added since, and builds it."}
	case platform.OriginImage:
		if src.Upload == "" {
			return Retrial{Possible: true, Sentence: "Retry fetches the image once more."}
		}
	case platform.OriginGit:
		if tip, err := s.Sources.Tip(ctx, app); err == nil && tip == src.Commit {
			return Retrial{Possible: true, Sentence: fmt.Sprintf("Retry builds %s once more, which is still on the deploy branch.", commitName(src))}
		}
		return Retrial{Sentence: "What was pushed is not kept when it does not go live, so nothing is here to retry with. Push it again, mended or as it was:"}
	}
	return Retrial{Sentence: "What was sent is not kept when it does not go live, so nothing is here to retry with. Send it again, mended or as it was."}
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
	if !d.State.Ended() || d.State == platform.DeploymentLive || d.Kind.TakesAway() || d.Kind == platform.DeployRestore || d.Kind == platform.DeployRewind || d.Kind == platform.DeployCopy && app.CurrentRelease > 0 {
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
	case platform.DeployCopy:
		return s.begin(ctx, actor, app, platform.Deployment{Kind: d.Kind, Snapshot: d.Snapshot, Addons: d.Addons, Cause: d.Cause})
	case platform.DeployRestart:
		return s.Restart(ctx, actor, name)
	}
	return s.retrySource(ctx, actor, app, d)
}

func (s *Service) retrySource(ctx context.Context, actor platform.Actor, app platform.App, d platform.Deployment) (platform.Deployment, error) {
	gone := platform.Errorf(platform.Conflict, "source_gone", "The source of deployment %d is not on the server any more.", d.Number)
	if d.Source.Blueprint != "" {
		return s.renewBlueprint(ctx, actor, app, d.Source.Renew, fmt.Sprintf("retry of deployment %d", d.Number))
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
