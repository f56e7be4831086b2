package app

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/lugsail/lugsail/platform"
)

// Authenticator knows who holds a token, and whose an SSH key is.
type Authenticator interface {
	Authenticate(ctx context.Context, token, via, source string) (platform.Actor, error)
	KnowsKey(ctx context.Context, fingerprint string) error
	AuthenticateKey(ctx context.Context, fingerprint, source string) (platform.Actor, error)
	KeyFailed(source string)
	KeyWait(source string) error
}

// GitDoor is the application as the git server needs it.
type GitDoor struct {
	Service *Service
	Tokens  Authenticator
}

// Authenticate finds who holds the token that came as the password.
func (g GitDoor) Authenticate(ctx context.Context, password, source string) (platform.Actor, error) {
	return g.Tokens.Authenticate(ctx, password, "git", source)
}

// KnowsKey is nil when an SSH key is somebody's.
func (g GitDoor) KnowsKey(ctx context.Context, fingerprint string) error {
	return g.Tokens.KnowsKey(ctx, fingerprint)
}

// AuthenticateKey finds whose SSH key has signed.
func (g GitDoor) AuthenticateKey(ctx context.Context, fingerprint, source string) (platform.Actor, error) {
	return g.Tokens.AuthenticateKey(ctx, fingerprint, source)
}

// KeyFailed counts a connection on which no SSH key was right.
func (g GitDoor) KeyFailed(source string) { g.Tokens.KeyFailed(source) }

// KeyWait is nil, or says how long a source has to wait.
func (g GitDoor) KeyWait(source string) error { return g.Tokens.KeyWait(source) }

// App finds an app that the actor may fetch, or push to when write is set.
func (g GitDoor) App(ctx context.Context, actor platform.Actor, name string, write bool) (platform.App, error) {
	action := platform.ActionRead
	if write {
		action = platform.ActionDeploy
	}
	app, err := g.Service.find(ctx, actor, name, action)
	if platform.IsKind(err, platform.NotFound) {
		return app, platform.AsError(err).WithHint("Create it: lugsail create %.60s. Your apps: lugsail apps", name)
	}
	return app, err
}

// Deploy records a deployment of what was pushed.
func (g GitDoor) Deploy(ctx context.Context, actor platform.Actor, appID string, src platform.Source) (platform.Deployment, error) {
	d, err := g.Service.Deploy(ctx, actor, appID, src)
	if err == nil && !g.waits(ctx, d) {
		d.State = platform.DeploymentRunning // a worker takes it up in this moment
	}
	return d, err
}

// waits reports whether another deployment of the app must end first.
func (g GitDoor) waits(ctx context.Context, d platform.Deployment) bool {
	recent, err := g.Service.History.DeploymentsOf(ctx, d.AppID, 10)
	return err == nil && slices.ContainsFunc(recent, func(other platform.Deployment) bool {
		return other.Number < d.Number && !other.State.Ended()
	})
}

// Follow hands over the log's lines without their times, and returns the deployment when it has ended.
func (g GitDoor) Follow(ctx context.Context, deploymentID string, line func(string) error) (platform.Deployment, error) {
	d, err := g.Service.History.DeploymentByID(ctx, deploymentID)
	if err != nil {
		return d, err
	}
	return g.Service.follow(ctx, d, 0, func(p Progress) error {
		if p.Deployment != nil {
			return nil
		}
		_, text, _ := strings.Cut(p.Line, " ")
		return line(text)
	})
}

// Outcome tells the pusher how it ended: where the app answers, which release, how long each
// step took; or what still serves, because the log has said the reason already.
func (g GitDoor) Outcome(ctx context.Context, actor platform.Actor, d platform.Deployment) []string {
	switch d.State {
	case platform.DeploymentLive:
		return g.success(ctx, actor, d)
	case platform.DeploymentReplaced:
		return []string{fmt.Sprintf("Deployment %d was replaced by a newer push.", d.Number)}
	}
	lines := []string{"", fmt.Sprintf("Deployment %d %s.", d.Number, d.State)} // the log has said why
	if app, err := g.Service.Store.AppByID(ctx, d.AppID); err == nil && app.CurrentRelease > 0 {
		stays := "is still serving"
		if app.Scale.Of(platform.WebProcess) == 0 {
			stays = "stays as it was"
		}
		lines = append(lines, fmt.Sprintf("v%d %s.", app.CurrentRelease, stays))
	}
	return lines
}

func (g GitDoor) success(ctx context.Context, actor platform.Actor, d platform.Deployment) []string {
	lines := []string{fmt.Sprintf("v%d is live (%s)", d.Release, StepTimes(d))}
	app, err := g.Service.Store.AppByID(ctx, d.AppID)
	if err != nil {
		return lines // removed in the same moment
	}
	if o, err := g.Service.show(ctx, actor, app); err == nil {
		if o.NoWeb {
			return append(lines, "", "  It has no web process, so nothing answers at an address. See what runs: lugsail ps", "")
		}
		lines = append(lines, "", "  "+o.URL, "")
	}
	return lines
}

// StepTimes says how long the steps of a deployment took: "1.8 s: build 0.7, start 0.6, health 0.3".
func StepTimes(d platform.Deployment) string {
	var parts []string
	for _, step := range d.Steps {
		if step.StartedAt == nil || step.EndedAt == nil || step.Name == platform.StepRetire {
			continue
		}
		if took := step.EndedAt.Sub(*step.StartedAt); took >= 50*time.Millisecond {
			parts = append(parts, fmt.Sprintf("%s %.1f", step.Name, took.Seconds()))
		}
	}
	total := "just now"
	if d.StartedAt != nil && d.EndedAt != nil {
		total = fmt.Sprintf("%.1f s", d.EndedAt.Sub(*d.StartedAt).Seconds())
	}
	if len(parts) == 0 {
		return total
	}
	return total + ": " + strings.Join(parts, ", ")
}
