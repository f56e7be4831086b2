package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/lugsail/lugsail/internal/command"
	"github.com/lugsail/lugsail/platform"
)

func path(name string, more ...any) string {
	text := "/api/v1/apps/" + name
	for _, m := range more {
		text += fmt.Sprintf("/%v", m)
	}
	return text
}

func (p *program) create() *cobra.Command {
	var size, from string
	var sets []string
	var ssh, detach bool
	c := &cobra.Command{
		Use: "create NAME", Short: "Create an app", Args: args(1, 1),
		Example: "  lugsail create my-shop\n  git push lugsail main\n  lugsail create blog --blueprint wordpress",
		RunE: func(cmd *cobra.Command, args []string) error {
			if from != "" {
				return p.createFrom(cmd, args[0], from, size, sets, detach)
			}
			c, err := p.client()
			if err != nil {
				return err
			}
			var answer struct{ App app }
			raw, err := c.call(cmd.Context(), http.MethodPost, "/api/v1/apps", map[string]string{"name": args[0], "plan": size}, &answer)
			if err != nil {
				return c.instead(cmd.Context(), args[0], "lugsail create", err)
			}
			address, err := c.remoteOf(answer.App, ssh)
			if err != nil {
				return err
			}
			answer.App.GitURL = address
			added, worktree, err := p.addRemote(cmd.Context(), answer.App.GitURL)
			if err != nil {
				return err
			}
			return p.answer(raw, func() { p.created(cmd.Context(), answer.App, added, worktree) })
		},
	}
	c.Flags().StringVar(&size, "plan", "", "plan of each replica (see lugsail plans)")
	c.Flags().StringVar(&from, "blueprint", "", "make it of a stack that is ready to run (see lugsail blueprints)")
	c.Flags().StringArrayVar(&sets, "set", nil, "NAME=VALUE answers what the blueprint asks; can be given several times")
	c.Flags().BoolVarP(&detach, "detach", "d", false, "do not wait until a blueprint serves")
	c.Flags().BoolVar(&ssh, "ssh", false, "let the git remote lead there by SSH, with your key (see lugsail keys)")
	complete(c, "plan", p.completePlan)
	return c
}

// instead adds to an error that a name is taken one near it that is free.
func (c *client) instead(ctx context.Context, name, command string, err error) error {
	known := platform.AsError(err)
	if known.Code != "app_exists" {
		return err
	}
	var answer struct{ Instead string }
	if _, askErr := c.call(ctx, http.MethodGet, "/api/v1/names/"+url.PathEscape(name), nil, &answer); askErr != nil || platform.ValidateAppName(answer.Instead) != nil {
		return err // what went wrong first counts
	}
	hint := sentence(known.Hint)
	if strings.HasPrefix(hint, "Choose another name") { // its example may be taken too
		hint = "Choose another name."
	}
	return known.WithHint("%s", strings.TrimSpace(fmt.Sprintf("%s This one is free: %s %s", hint, command, answer.Instead)))
}

func (p *program) created(ctx context.Context, a app, added, worktree bool) {
	p.printf("Created %s on plan %s. It will answer at %s\n\n", a.Name, a.Plan, a.URL)
	switch {
	case added:
		p.printf("Deploy it:  %s\n", pushLine(ctx, remote, a.DeployBranch))
	case worktree:
		p.printf("This folder has a git remote named %s already. Deploy with:  %s\n", remote, pushLine(ctx, a.GitURL, a.DeployBranch))
	default:
		p.printf("In the app's folder:\n  git init -b main && git add . && git commit -m \"First version\"\n  git remote add %s %s\n  git push %s main\n", remote, a.GitURL, remote)
		p.printf("Or without git:\n  lugsail deploy . --app %s\n", a.Name)
	}
}

func (p *program) apps() *cobra.Command {
	return &cobra.Command{
		Use: "apps", Short: "List the apps", Args: args(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := p.client()
			if err != nil {
				return err
			}
			var answer struct{ Apps []app }
			raw, err := c.list(cmd.Context(), "/api/v1/apps", "apps", &answer)
			if err != nil {
				return err
			}
			return p.answer(raw, func() {
				if len(answer.Apps) == 0 {
					p.printf("There are no apps yet. Make the first one: lugsail create NAME\n")
					return
				}
				rows := [][]string{{"NAME", "STATE", "RELEASE", "PLAN", "ADDRESS"}}
				for _, a := range answer.Apps {
					rows = append(rows, []string{a.Name, a.Status.Word, a.releaseText(), a.Plan, a.URL})
				}
				p.table(rows)
			})
		},
	}
}

func (a app) releaseText() string {
	if a.Release == nil {
		return "-"
	}
	return fmt.Sprintf("v%d", a.Release.Number)
}

func (p *program) info() *cobra.Command {
	return &cobra.Command{
		Use: "info [APP]", Short: "Show an app", Args: p.appArg, ValidArgsFunction: p.completeApp,
		RunE: func(cmd *cobra.Command, _ []string) error {
			a, raw, err := p.fetch(cmd.Context())
			if err != nil {
				return err
			}
			return p.answer(raw, func() { p.describe(a) })
		},
	}
}

func (p *program) fetch(ctx context.Context) (app, json.RawMessage, error) {
	c, name, err := p.target(ctx)
	if err != nil {
		return app{}, nil, err
	}
	var answer struct{ App app }
	raw, err := c.call(ctx, http.MethodGet, path(name), nil, &answer)
	return answer.App, raw, err
}

func (p *program) describe(a app) {
	rows := [][]string{
		{"Name", a.Name},
		{"State", a.Status.Word + ". " + a.Status.Sentence},
		{"Address", a.address()},
		{"Also at", strings.Join(others(a), ", ")},
		{"Git", a.GitURL},
		{"Git by SSH", a.SSHURL},
		{"Branch", branchText(a.DeployBranch)},
		{"Plan", a.Plan},
		{"Replicas", a.scaleText()},
	}
	if a.Source != nil {
		rows = append(rows, []string{"Fetched from", a.Source.String()})
	}
	if r := a.Release; r != nil {
		rows = append(rows, []string{"Release", fmt.Sprintf("v%d, %s, %s", r.Number, r.Cause, ago(r.CreatedAt))})
	}
	if d := a.LatestDeployment; d != nil {
		rows = append(rows, []string{"Deployment", fmt.Sprintf("#%d, %s, %s", d.Number, d.word(), ago(d.CreatedAt))})
	}
	rows = append(rows, []string{"Created", fmt.Sprintf("%s by %s", ago(a.CreatedAt), a.CreatedBy)})
	p.table(slices.DeleteFunc(rows, func(r []string) bool { return r[1] == "" }))
}

// address is where an app answers, if anything of it does.
func (a app) address() string {
	if a.HasWeb != nil && !*a.HasWeb {
		return "none: it has no web process"
	}
	return a.URL
}

func others(a app) []string {
	var hosts []string
	for _, h := range a.Hosts {
		if !strings.HasPrefix(strings.TrimPrefix(a.URL, "https://")+":", h+":") {
			hosts = append(hosts, h)
		}
	}
	return hosts
}

func (a app) scaleText() string {
	var parts []string
	for _, t := range slices.Sorted(maps.Keys(a.Scale)) {
		parts = append(parts, fmt.Sprintf("%s=%d", t, a.Scale[t]))
	}
	return strings.Join(parts, " ")
}

func (p *program) open() *cobra.Command {
	return &cobra.Command{
		Use: "open [APP]", Short: "Open an app in the browser", Args: p.appArg, ValidArgsFunction: p.completeApp,
		RunE: func(cmd *cobra.Command, _ []string) error {
			a, _, err := p.fetch(cmd.Context())
			if err != nil {
				return err
			}
			for _, opener := range []string{"xdg-open", "open"} {
				if command.Find(opener) != "" && p.interactive() {
					if (command.Command{Name: opener, Args: []string{a.URL}, Env: environ(p)}).Run(cmd.Context()) == nil {
						break
					}
				}
			}
			return p.done(map[string]string{"url": a.URL}, "%s\n", a.URL)
		},
	}
}

func environ(p *program) []string {
	var env []string
	for _, name := range []string{"HOME", "PATH", "DISPLAY", "WAYLAND_DISPLAY", "XDG_RUNTIME_DIR", "DBUS_SESSION_BUS_ADDRESS", "BROWSER", "LANG"} {
		if v := p.env(name); v != "" {
			env = append(env, name+"="+v)
		}
	}
	return env
}
