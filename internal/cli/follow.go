package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/lugsail/lugsail/platform"
)

// start asks for a deployment and follows it to its end.
func (p *program) start(ctx context.Context, c *client, name, method, at string, body any, detach bool) error {
	raw, err := c.call(ctx, method, at, body, nil)
	if err != nil {
		return err
	}
	return p.started(ctx, c, name, raw, detach)
}

// started follows what an answer says has begun.
func (p *program) started(ctx context.Context, c *client, name string, raw json.RawMessage, detach bool) error {
	var answer struct{ Deployment *deployment }
	if err := json.Unmarshal(raw, &answer); err != nil {
		return fmt.Errorf("reading the answer: %w", err)
	}
	if answer.Deployment == nil {
		return p.nothing(ctx, c, name, raw)
	}
	if detach {
		return p.answer(raw, func() {
			p.printf("Deployment #%d of %s has started. Watch it: lugsail deployments %d --app %s\n", answer.Deployment.Number, name, answer.Deployment.Number, name)
		})
	}
	return p.watch(ctx, c, name, answer.Deployment.Number)
}

// nothing says why there is no deployment.
func (p *program) nothing(ctx context.Context, c *client, name string, raw json.RawMessage) error {
	var answer struct{ App app }
	if !p.json {
		if _, err := c.call(ctx, http.MethodGet, path(name), nil, &answer); err != nil {
			return err
		}
	}
	return p.answer(raw, func() {
		if answer.App.Release == nil {
			p.printf("Kept for the first deployment of %s.\n", name)
			return
		}
		p.printf("That is how %s runs already. Nothing was deployed.\n", name)
	})
}

// watch shows a deployment until it ends. Interrupting it leaves the deployment alone.
func (p *program) watch(ctx context.Context, c *client, name string, number int) error {
	p.progress("Deployment #%d of %s\n", number, name)
	shown := p.beginLog()
	defer shown.end()
	var last deployment
	var raw json.RawMessage // as the API answered it
	err := c.follow(ctx, path(name, "deployments", number, "events"), func(e event) error {
		switch e.name {
		case "log":
			var l struct{ Line string }
			if err := json.Unmarshal([]byte(e.data), &l); err != nil {
				return fmt.Errorf("reading an event: %w", err)
			}
			shown.line(withoutTime(l.Line))
		case "done":
			raw = json.RawMessage(e.data)
			if err := json.Unmarshal([]byte(e.data), &last); err != nil {
				return fmt.Errorf("reading an event: %w", err)
			}
			return errStreamEnd
		}
		return nil
	})
	shown.end()
	if ctx.Err() != nil && !p.json {
		p.printf("\nThe deployment goes on. Watch it: lugsail deployments %d --app %s\n", number, name)
	}
	if err != nil {
		return err
	}
	return p.outcome(ctx, c, name, last, raw, shown.newest)
}

// quietTime is the silence after which a person hears that it goes on.
const quietTime = 15 * time.Second

// shownLog is a deployment's log on its way to a person.
type shownLog struct {
	p       *program
	mu      sync.Mutex // one line at a time
	newest  []string   // the last two lines
	quiet   *time.Ticker
	done    chan struct{}
	ticking sync.WaitGroup
	end     func() // may be called twice
}

func (p *program) beginLog() *shownLog {
	l := &shownLog{p: p, quiet: time.NewTicker(quietTime), done: make(chan struct{})}
	l.end = sync.OnceFunc(func() {
		close(l.done)
		l.ticking.Wait()
		l.quiet.Stop()
	})
	l.ticking.Go(l.tick)
	return l
}

// tick shows in quiet times that it goes on, and with what.
func (l *shownLog) tick() {
	for began := time.Now(); ; {
		select {
		case <-l.done:
			return
		case <-l.quiet.C:
			l.mu.Lock()
			text := fmt.Sprintf("… still at work after %s", time.Since(began).Round(time.Second))
			if n := len(l.newest); n > 0 {
				text += ": " + strings.TrimSpace(l.newest[n-1])
			}
			l.p.progress("%s\n", text)
			l.mu.Unlock()
		}
	}
}

func (l *shownLog) line(text string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.quiet.Reset(quietTime)
	l.p.progress("%s\n", l.p.painted(text))
	l.newest = append(l.newest, clean(text))
	l.newest = l.newest[max(0, len(l.newest)-2):]
}

// progress is for people: where standard output is for JSON there is none.
func (p *program) progress(format string, args ...any) {
	if p.json {
		return
	}
	p.printf(format, args...)
}

// withoutTime drops the time that begins each line of a deployment's log.
func withoutTime(line string) string {
	stamp, rest, _ := strings.Cut(line, " ")
	if _, err := time.Parse(time.RFC3339Nano, stamp); err == nil {
		return rest
	}
	return line
}

// outcome says how a deployment has ended; newest are the last lines that were shown of its log.
func (p *program) outcome(ctx context.Context, c *client, name string, d deployment, raw json.RawMessage, newest []string) error {
	if nothingNew(d) && !p.json {
		return nil // the log has said so
	}
	if d.State != "live" && !nothingNew(d) && p.json {
		return failed(d, name)
	}
	if p.json {
		return printJSON(p.Stdout, map[string]any{"deployment": raw})
	}
	var answer struct{ App app }
	_, err := c.call(ctx, http.MethodGet, path(name), nil, &answer)
	switch {
	case d.State != "live" && d.Failure != nil && slices.Contains(newest, d.Failure.Message):
		return ended(d, answer.App) // the log has said why
	case d.State != "live":
		return failed(d, name)
	case err != nil:
		return err
	}
	p.printf("\n")
	p.live(d, answer.App)
	if d.Kind == string(platform.DeployRollback) && d.FromRelease > 0 && !gone(d, answer.App) {
		p.rolledBack(ctx, c, name, d)
	}
	return nil
}

// gone reports whether a newer release has taken the place of what a deployment made live.
func gone(d deployment, a app) bool {
	return a.Release != nil && d.Release > 0 && a.Release.Number > d.Release
}

// rolledBack says what came back with a release, and how to go on from there.
func (p *program) rolledBack(ctx context.Context, c *client, name string, d deployment) {
	p.printf("It is v%d again. To bring the newest push back: lugsail deploy%s\n", d.FromRelease, p.named())
	var answer struct{ Waiting *platform.ConfigDiff }
	if _, err := c.call(ctx, http.MethodGet, path(name, "config"), nil, &answer); err != nil || answer.Waiting == nil {
		p.printf("Its config vars are those that v%d had.\n", d.FromRelease)
		return
	}
	if answer.Waiting.Nothing() {
		p.printf("Its config vars are those that v%d had; they are the same as the app's now.\n", d.FromRelease)
		return
	}
	p.printf("Its config vars are those that v%d had. The app's own are newer (%s), and come with the next push or: lugsail config apply%s\n", d.FromRelease, changesText(*answer.Waiting), p.named())
}

// live says where what went live answers, and how to go on from there.
func (p *program) live(d deployment, a app) {
	if gone(d, a) {
		p.printf("v%d was live; v%d has taken its place.\n", d.Release, a.Release.Number)
	} else if web, ok := a.Scale[platform.WebProcess]; !ok {
		p.printf("v%d is live (%s)\n", d.Release, d.took())
	} else if web == 0 {
		p.printf("%s is scaled to 0: nothing answers at %s\n", a.Name, a.URL)
	} else {
		p.printf("v%d is live at %s (%s)\n", d.Release, a.URL, d.took())
	}
}

// named is the flag that names the app in an advice, where the person needed it too.
func (p *program) named() string {
	if p.app == "" {
		return ""
	}
	return " --app " + p.app
}

// ended says what serves after a deployment whose log has told what went wrong.
func ended(d deployment, a app) error {
	text := fmt.Sprintf("Deployment #%d is %s", d.Number, d.State)
	if d.State == "failed" {
		text = fmt.Sprintf("Deployment #%d failed", d.Number)
	}
	if a.Release != nil {
		stays := "is still serving"
		if web, ok := a.Scale[platform.WebProcess]; ok && web == 0 {
			stays = "stays as it was"
		}
		text += fmt.Sprintf("; v%d %s", a.Release.Number, stays)
	}
	return platform.Errorf(platform.Invalid, firstOf(d.Failure.Code, "deployment_failed"), "%s.", text)
}

func failed(d deployment, name string) error {
	hint := fmt.Sprintf("The log: lugsail deployments %d --app %s", d.Number, name)
	switch {
	case d.Failure != nil:
		return platform.Errorf(platform.Invalid, firstOf(d.Failure.Code, "deployment_failed"), "%s", d.Failure.Message).WithHint("%s", firstOf(d.Failure.Hint, hint))
	case d.State == "cancelled":
		return platform.Errorf(platform.Invalid, "deployment_cancelled", "Deployment #%d was cancelled.", d.Number)
	case d.State == "replaced":
		return platform.Errorf(platform.Invalid, "deployment_replaced", "Deployment #%d was replaced by a newer one while it waited.", d.Number)
	}
	return platform.Errorf(platform.Invalid, "deployment_failed", "Deployment #%d ended as %s.", d.Number, d.State).WithHint("%s", hint)
}

// awaitGone waits until the app is no longer there.
func (p *program) awaitGone(ctx context.Context, c *client, name string) error {
	for end := time.Now().Add(2 * time.Minute); ; {
		_, err := c.call(ctx, http.MethodGet, path(name), nil, nil)
		if platform.IsKind(err, platform.NotFound) {
			return nil
		}
		if err != nil && !platform.IsKind(err, platform.Unavailable) {
			return err
		}
		if time.Now().After(end) {
			return platform.Errorf(platform.Unavailable, "destroy_slow", "The app %s is being removed, but that takes long.", name).
				WithHint("Look again in a few minutes: lugsail apps")
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(200 * time.Millisecond):
		}
	}
}
