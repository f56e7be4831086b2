package app

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"strings"

	"github.com/lugsail/lugsail/platform"
)

// Deploy brings a source live. It is recorded and answered at once. The app is told by its id: while the
// source was on its way, the name may have become another app's.
func (s *Service) Deploy(ctx context.Context, actor platform.Actor, appID string, src platform.Source) (platform.Deployment, error) {
	app, err := s.findByID(ctx, actor, appID, platform.ActionDeploy)
	if err != nil {
		dropTree(src)
		return platform.Deployment{}, err
	}
	return s.deploy(ctx, actor, app, src, causeOf(src))
}

// causeOf says in a few words what brought a source.
func causeOf(src platform.Source) string {
	switch {
	case src.Image != "":
		return "image " + strings.TrimPrefix(src.Title, "Image ")
	case src.Upload != "":
		return "upload of " + src.Upload
	}
	return "push of " + commitName(src)
}

// Redeploy builds and deploys the newest commit of the deploy branch once more; of the repository
// that the app is bound to, where it is. With renew a Dockerfile is built past what earlier builds have left, for
// packages that are newer by now.
func (s *Service) Redeploy(ctx context.Context, actor platform.Actor, name string, renew bool) (platform.Deployment, error) {
	app, err := s.find(ctx, actor, name, platform.ActionDeploy)
	if err != nil {
		return platform.Deployment{}, err
	}
	if remote, err := s.remoteOf(ctx, app); err != nil || remote != nil {
		if err != nil {
			return platform.Deployment{}, err
		}
		return s.begin(ctx, actor, app, platform.Deployment{
			Kind: platform.DeployPush, Cause: fmt.Sprintf("deploy of %s from %s", branchOf(*remote), remote.Host()),
			Source: platform.Source{Remote: remote.URL, Branch: remote.Branch, Again: true, Renew: renew},
		})
	}
	if app.Blueprint != "" {
		return s.renewBlueprint(ctx, actor, app, renew, "renewal of "+app.Name)
	}
	return s.deployTip(ctx, actor, app, renew)
}

// deployTip deploys the newest commit of the deploy branch.
func (s *Service) deployTip(ctx context.Context, actor platform.Actor, app platform.App, renew bool) (platform.Deployment, error) {
	if err := s.nothingPushed(ctx, app); err != nil {
		return platform.Deployment{}, err
	}
	src, err := s.Sources.Export(ctx, app)
	if err != nil {
		return platform.Deployment{}, err
	}
	src.Renew = renew
	return s.deploy(ctx, actor, app, src, "deploy of "+commitName(src))
}

// nothingPushed refuses to deploy the branch again while something newer is on its way: the
// branch follows what is live, so the older commit would take the newer one's place.
func (s *Service) nothingPushed(ctx context.Context, app platform.App) error {
	recent, err := s.History.DeploymentsOf(ctx, app.ID, 20)
	if err != nil {
		return fmt.Errorf("reading deployments: %w", err)
	}
	for _, d := range recent {
		if d.Kind == platform.DeployPush && !d.State.Ended() {
			return platform.Errorf(platform.Conflict, "push_under_way", "Deployment %d (%s) is under way.", d.Number, d.Cause).
				WithHint("Wait until it has ended, or cancel it: lugsail cancel %d", d.Number)
		}
	}
	return nil
}

func (s *Service) deploy(ctx context.Context, actor platform.Actor, app platform.App, src platform.Source, cause string) (platform.Deployment, error) {
	d, err := s.begin(ctx, actor, app, platform.Deployment{Kind: platform.DeployPush, Cause: cause, Source: src})
	if err != nil {
		dropTree(src)
	}
	return d, err
}

func dropTree(src platform.Source) {
	if src.Dir == "" {
		return
	}
	if err := os.RemoveAll(src.Dir); err != nil {
		slog.Error("source tree not removed", "dir", src.Dir, "error", err)
	}
}

func commitName(src platform.Source) string {
	switch {
	case len(src.Commit) >= 7:
		return src.Commit[:7]
	case len(src.Digest) >= 19:
		return src.Digest[7:19]
	}
	return "a source"
}

// Rollback makes a new release from an older one; release 0 means the one that served before.
func (s *Service) Rollback(ctx context.Context, actor platform.Actor, name string, release int) (platform.Deployment, error) {
	app, err := s.find(ctx, actor, name, platform.ActionDeploy)
	if err != nil {
		return platform.Deployment{}, err
	}
	old, err := s.returnable(ctx, app, release)
	if err != nil {
		return platform.Deployment{}, err
	}
	if err := s.admit(ctx, app, old.Plan); err != nil {
		return platform.Deployment{}, err
	}
	return s.begin(ctx, actor, app, platform.Deployment{
		Kind: platform.DeployRollback, FromRelease: old.Number, Cause: fmt.Sprintf("rollback to v%d", old.Number),
	})
}

// wentLive refuses a release that has never served: going back to it can only fail once more.
func (s *Service) wentLive(ctx context.Context, app platform.App, r platform.Release) error {
	d, err := s.History.DeploymentByID(ctx, r.DeploymentID)
	if err != nil {
		return fmt.Errorf("reading the deployment of release %d: %w", r.Number, err)
	}
	if d.State == platform.DeploymentLive {
		return nil
	}
	before, err := s.Conductor.Before(ctx, app)
	if err != nil {
		return err
	}
	refused := platform.Errorf(platform.Conflict, "release_never_live", "v%d has never been live (deployment #%d: %s).", r.Number, d.Number, d.State)
	if before == 0 {
		return refused.WithHint("%s has no earlier release that was live.", app.Name)
	}
	return refused.WithHint("The newest one before v%d that was live is v%d: lugsail rollback v%d", app.CurrentRelease, before, before)
}

// admit refuses a release whose plan the machine's memory does not allow the app any more.
func (s *Service) admit(ctx context.Context, app platform.App, plan string) error {
	s.admission.Lock()
	defer s.admission.Unlock()
	capacity, err := s.capacity(ctx)
	if err != nil {
		return err
	}
	was, err := s.promised(ctx, app)
	if err != nil {
		return err
	}
	wanted := was
	wanted.Plan = plan
	return capacity.Admit(was, wanted)
}

// Cancel stops a deployment that is not live yet.
func (s *Service) Cancel(ctx context.Context, actor platform.Actor, name string, number int) (platform.Deployment, error) {
	app, err := s.find(ctx, actor, name, platform.ActionDeploy)
	if err != nil {
		return platform.Deployment{}, err
	}
	d, err := s.History.DeploymentByNumber(ctx, app.ID, number)
	if err != nil {
		return platform.Deployment{}, err
	}
	if d, err = s.Conductor.Cancel(ctx, d); err != nil {
		return d, err
	}
	s.event(ctx, actor, app, "deployment.cancel", fmt.Sprintf("deployment %d was asked to stop", number))
	return d, nil
}

// begin records a deployment in the actor's name.
func (s *Service) begin(ctx context.Context, actor platform.Actor, app platform.App, d platform.Deployment) (platform.Deployment, error) {
	if app.Addon && d.Kind == platform.DeployPush && d.Source.Blueprint == "" {
		return platform.Deployment{}, platform.Errorf(platform.Conflict, "app_is_addon", "%s is an add-on, made of the blueprint %s: it takes no code.", app.Name, app.Blueprint).
			WithHint("Make an app for your code: lugsail create my-app")
	}
	d.AppID, d.Actor, d.Via = app.ID, actor.Name, actor.Via
	// What the server has is for its owner; whoever rings a webhook is nobody.
	d.Source.Here = d.Source.Here || d.Kind == platform.DeployPush && actor.AccountID != "" && platform.Can(actor, platform.ActionServer, "")
	return s.Conductor.Start(ctx, d)
}

func (s *Service) event(ctx context.Context, actor platform.Actor, app platform.App, action, text string) {
	err := s.History.AppendEvent(context.WithoutCancel(ctx), &platform.Event{
		At: s.Now().UTC(), Actor: actor.Name, Via: actor.Via, Source: actor.Source, Action: action, AppID: app.ID, App: app.Name, Text: text,
	})
	if err != nil {
		slog.ErrorContext(ctx, "event not recorded", "action", action, "app", app.ID, "error", err)
	}
}

// refreshRoutes tells the proxy of new names; the conductor repeats it when the proxy is away.
func (s *Service) refreshRoutes(ctx context.Context) {
	if err := s.Routes.Refresh(context.WithoutCancel(ctx)); err != nil {
		slog.WarnContext(ctx, "routes not published", "error", err)
	}
}
