package gitserver

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/lugsail/lugsail/platform"
)

// arrival is a push whose objects are in quarantine: it is decided whether they may stay.
type arrival struct {
	*Server
	push       *push
	updates    []update
	quarantine string
	env        []string     // shows git the quarantine
	say        func(string) // to the pusher
}

// handle reports whether git may keep the push. The pusher has been told why by then.
func (a arrival) handle(ctx context.Context) bool {
	ok, err := a.decide(ctx)
	if err == nil {
		return ok
	}
	e := platform.AsError(err)
	if ctx.Err() != nil && e.Kind == platform.Internal {
		a.say("Lugsail is restarting. Push again in a few seconds.")
		return false
	}
	if e.Kind == platform.Internal {
		a.cfg.Log.ErrorContext(ctx, "a push could not be handled", "app", a.push.app.Name, "error", err)
	}
	a.say("")
	a.say(e.Message)
	if e.Hint != "" {
		a.say(e.Hint)
	}
	a.say("")
	return false
}

func (a arrival) decide(ctx context.Context) (bool, error) {
	if err := a.push.allowed(ctx); err != nil { // sending may have taken long
		return false, err
	}
	if len(a.updates) > maxUpdates {
		return false, platform.Errorf(platform.Invalid, "push_too_many_refs", "This push has %d branches and tags; the limit is %d.", len(a.updates), maxUpdates).
			WithHint("Push only the branch that deploys: git push lugsail main")
	}
	have, err := a.branches(ctx, a.push.repo, candidates(a.push.app)...)
	if err != nil {
		return false, err
	}
	branch := deployBranch(a.push.app, func(name string) bool {
		return have[name] != "" || a.pushes(name)
	})
	var deploys *update
	for i, u := range a.updates {
		if string(u.Name) == heads+branch {
			deploys = &a.updates[i]
		}
	}
	a.mentionOthers(branch, have[branch] != "" || deploys != nil)
	if deploys == nil {
		return true, nil
	}
	if deploys.deletes() {
		return false, platform.Errorf(platform.Invalid, "branch_deploys", "%s is the branch that deploys and cannot be deleted.", branch).
			WithHint("To take the app off the server, run: lugsail destroy --app %s", a.push.app.Name)
	}
	return a.deploy(ctx, branch, have[branch], *deploys)
}

// pushes reports whether the push brings the branch.
func (a arrival) pushes(branch string) bool {
	for _, u := range a.updates {
		if string(u.Name) == heads+branch && !u.deletes() {
			return true
		}
	}
	return false
}

// mentionOthers says what happens to what does not deploy. Tags need a word only where they come alone.
func (a arrival) mentionOthers(branch string, there bool) {
	const most = 3
	count, tags := 0, 0
	for _, u := range a.updates {
		if strings.HasPrefix(string(u.Name), "refs/tags/") && !u.deletes() {
			tags++
		}
		name, isBranch := strings.CutPrefix(string(u.Name), heads)
		if !isBranch || name == branch || u.deletes() {
			continue
		}
		if count++; count <= most {
			a.say(fmt.Sprintf("Branch %s is kept; only %s deploys.", shorten(name), branch))
		}
		if count == 1 && !there {
			a.say(fmt.Sprintf("Nothing is deployed yet. To deploy this branch: git push lugsail %s:%s", shorten(name), branch))
		}
	}
	if count > most {
		a.say(fmt.Sprintf("The same holds for %d more branches.", count-most))
	}
	if tags > 0 && tags == len(a.updates) {
		a.say(fmt.Sprintf("Tags are kept, and do not deploy; only %s does.", branch))
	}
}

// deploy brings the pushed commit live. have is where the branch stands now; "" is nowhere.
func (a arrival) deploy(ctx context.Context, branch, have string, u update) (bool, error) {
	title, err := a.commitTitle(ctx, u.New)
	if err != nil {
		return false, err
	}
	if have == u.New {
		a.say(fmt.Sprintf("%s is at this commit already. To deploy it again, run: lugsail deploy", branch))
		a.landed(a.push, landing{ref: string(u.Name), commit: u.New, number: a.applied(a.push.app.ID)})
		return true, nil
	}
	if have != "" && have != u.Old && !a.contains(ctx, have, u.New) {
		return false, platform.Errorf(platform.Conflict, "push_stale", "%s was moved to %s by another push meanwhile.", branch, have[:7]).
			WithHint("Fetch and merge it, then push again: git pull lugsail %s", branch)
	}
	d, land, err := a.takeOff(ctx, branch, u.New, title)
	if err != nil {
		return false, err
	}
	defer land()
	ended, err := a.follow(ctx, d)
	if err != nil {
		return false, a.unfollowed(ctx, d, err)
	}
	a.say("")
	for _, line := range a.work.Outcome(ctx, a.push.actor, ended) {
		a.say(line)
	}
	a.say("")
	if ended.State != platform.DeploymentLive {
		return false, nil
	}
	a.landed(a.push, landing{ref: string(u.Name), commit: u.New, number: ended.Number})
	return true, a.checkOut(ctx, a.push.repo, string(u.Name))
}

// takeOff begins the deployment of the commit. When the app's newest deployment is of the
// same commit, it joins that one: a person pressed Ctrl-C and pushes again.
func (a arrival) takeOff(ctx context.Context, branch, commit, title string) (platform.Deployment, func(), error) {
	st := a.state(a.push.app.ID)
	st.take.Lock()
	defer st.take.Unlock()
	before := a.newest(a.push.app.ID)
	if before != nil && before.commit == commit {
		a.say(fmt.Sprintf("%s is being deployed already, as deployment #%d. Its log goes on here.", commit[:7], before.deployment.Number))
		return before.deployment, a.fly(a.push.app.ID, before.deployment, commit, a.push.actor.SessionID), nil
	}
	if before != nil && len(a.push.own) == 0 {
		return platform.Deployment{}, nil, platform.Errorf(platform.Conflict, "push_shallow", "Another push is under way, and one from a shallow clone cannot wait for it.").
			WithHint("Push again when it has ended, or complete the clone first: git fetch --unshallow")
	}
	if before != nil && before.by != "" && before.by != a.push.actor.SessionID && !a.contains(ctx, before.commit, commit) {
		return platform.Deployment{}, nil, a.diverges(branch, *before)
	}
	if err := a.room(); err != nil { // what was sent has taken some
		return platform.Deployment{}, nil, err
	}
	src, err := a.export(ctx, a.push.repo, a.env, commit)
	if err != nil {
		return platform.Deployment{}, nil, err
	}
	src.Commit, src.Title, src.Branch = commit, title, branch
	a.say(fmt.Sprintf("Received %s %s (%s, %s)", commit[:7], title, plural(src.Files, "file"), platform.Bytes(src.Bytes)))
	for _, note := range notes(src.Dir) {
		a.say(note)
	}
	if err := a.keep(src); err != nil { // then the branch follows only as long as this server runs
		a.cfg.Log.WarnContext(ctx, "a push is not kept", "app", a.push.app.Name, "error", err)
	}
	d, err := a.work.Deploy(ctx, a.push.actor, a.push.app.ID, src)
	if err != nil {
		return platform.Deployment{}, nil, errors.Join(discard(src, err), os.RemoveAll(keptPath(a.push.repo, src)))
	}
	land := a.fly(a.push.app.ID, d, commit, a.push.actor.SessionID)
	a.announce(ctx, d, before, commit)
	return d, land, nil
}

// diverges refuses to take the place of what somebody else is bringing live. Whoever pushes again
// with the same token means it: what came before was a mistake, amended since.
func (a arrival) diverges(branch string, before flight) error {
	return platform.Errorf(platform.Conflict, "push_stale", "Another push is under way, and its commit %s is not part of what you push.", before.commit[:7]).
		WithHint("Fetch first: when deployment #%d has ended, run: git pull lugsail %s. Then push again.", before.deployment.Number, branch)
}

func (a arrival) announce(ctx context.Context, d platform.Deployment, before *flight, commit string) {
	a.say(fmt.Sprintf("Deployment #%d of %s", d.Number, a.push.app.Name))
	if before == nil {
		if d.State == platform.DeploymentWaiting {
			a.say("Another deployment of this app runs first.")
		}
		return
	}
	a.say(fmt.Sprintf("Waiting for deployment #%d of %s, which is under way. A newer push would take this one's place.", before.deployment.Number, before.commit[:7]))
	if !a.contains(ctx, before.commit, commit) {
		a.say(fmt.Sprintf("Careful: %s is not part of what you push. When both go live, yours is what serves.", before.commit[:7]))
	}
}

// unfollowed tells the difference between a stop of the server and a real failure. The
// deployment goes on in both.
func (a arrival) unfollowed(ctx context.Context, d platform.Deployment, err error) error {
	if ctx.Err() == nil {
		return fmt.Errorf("following deployment %s: %w", d.ID, err)
	}
	return platform.Errorf(platform.Unavailable, "restarting", "Lugsail is restarting. Deployment #%d goes on by itself after the restart.", d.Number).
		WithHint("The branch follows when it is live. To watch it, push again in a few seconds.")
}
