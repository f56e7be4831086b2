package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/lugsail/lugsail/platform"
)

// start asks for a deployment and follows it to its end.
func (p *program) start(ctx context.Context, c *client, name, method, at string, body any, detach bool) error {
	var answer struct{ Deployment *deployment }
	raw, err := c.call(ctx, method, at, body, &answer)
	if err != nil {
		return err
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
	shown := map[string]string{}
	var last deployment
	var raw json.RawMessage // as the API answered it
	err := c.follow(ctx, path(name, "deployments", number, "events"), func(e event) error {
		switch e.name {
		case "log":
			var l struct{ Line string }
			if err := json.Unmarshal([]byte(e.data), &l); err != nil {
				return fmt.Errorf("reading an event: %w", err)
			}
			p.progress("       %s\n", clean(withoutTime(l.Line)))
		case "step", "done":
			last, raw = deployment{}, json.RawMessage(e.data)
			if err := json.Unmarshal([]byte(e.data), &last); err != nil {
				return fmt.Errorf("reading an event: %w", err)
			}
			p.steps(last, shown)
			if e.name == "done" {
				return errStreamEnd
			}
		}
		return nil
	})
	if ctx.Err() != nil && !p.json {
		p.printf("\nThe deployment goes on. Watch it: lugsail deployments %d --app %s\n", number, name)
	}
	if err != nil {
		return err
	}
	return p.outcome(ctx, c, name, last, raw)
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

// steps prints each step once when it begins and once when it ends.
func (p *program) steps(d deployment, shown map[string]string) {
	for _, s := range d.Steps {
		if shown[s.Name] == s.State || s.State == "waiting" {
			continue
		}
		shown[s.Name] = s.State
		switch s.State {
		case "running":
			p.progress("-----> %s\n", s.Name)
		case "done":
			if s.Detail != "" {
				p.progress("       %s: %s\n", s.Name, clean(s.Detail))
			}
		case "failed":
			p.progress("   !   %s failed\n", s.Name)
		}
	}
}

func (p *program) outcome(ctx context.Context, c *client, name string, d deployment, raw json.RawMessage) error {
	if d.State != "live" {
		return failed(d, name)
	}
	if p.json {
		return printJSON(p.Stdout, map[string]any{"deployment": raw})
	}
	var answer struct{ App app }
	if _, err := c.call(ctx, http.MethodGet, path(name), nil, &answer); err != nil {
		return err
	}
	p.printf("\nv%d is live at %s (%s)\n", d.Release, answer.App.URL, d.took())
	return nil
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
