package cli

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/lugsail/lugsail/platform"
)

// configChange is one change of config vars, as the API tells it.
type configChange struct {
	platform.ConfigDiff
	Number      int       `json:"number"`
	At          time.Time `json:"at"`
	Actor       string    `json:"actor"`
	FromRelease int       `json:"from_release"`
	Later       bool      `json:"later"`
	Release     int       `json:"release"`
}

func (p *program) configHistory() *cobra.Command {
	return &cobra.Command{
		Use: "history", Short: "List who changed config vars, the newest first", Args: args(0, 0),
		Long: "List who set and removed config vars, and when: names, never values.\n\n" +
			"The release of a row has the config vars as that change left them; lugsail config restore brings them back.",
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, name, err := p.target(cmd.Context())
			if err != nil {
				return err
			}
			var answer struct{ Changes []configChange }
			raw, err := c.call(cmd.Context(), http.MethodGet, path(name, "config", "history"), nil, &answer)
			if err != nil {
				return err
			}
			return p.answer(raw, func() { p.showConfigHistory(name, answer.Changes) })
		},
	}
}

func (p *program) showConfigHistory(name string, changes []configChange) {
	if len(changes) == 0 {
		p.printf("The config vars of %s were not changed yet.\n", name)
		return
	}
	rows := [][]string{{"WHEN", "BY", "RELEASE", "CHANGE"}}
	for _, ch := range changes {
		release, text := "-", changesText(ch.ConfigDiff)
		if ch.Release > 0 {
			release = fmt.Sprintf("v%d", ch.Release)
		}
		if ch.FromRelease > 0 {
			text += fmt.Sprintf(", as in v%d", ch.FromRelease)
		}
		if ch.Later {
			text += ", for the next deployment"
		}
		rows = append(rows, []string{ago(ch.At), ch.Actor, release, text})
	}
	p.table(rows)
}

// changesText tells a change in one line: "new A, B; changed C; removed D".
func changesText(d platform.ConfigDiff) string {
	var parts []string
	for _, part := range []struct {
		word  string
		names []string
	}{{"new", d.Added}, {"changed", d.Changed}, {"removed", d.Removed}} {
		if len(part.names) > 0 {
			parts = append(parts, part.word+" "+strings.Join(part.names, ", "))
		}
	}
	return strings.Join(parts, "; ")
}

func (p *program) configRestore() *cobra.Command {
	var detach, later bool
	c := &cobra.Command{
		Use: "restore vNUMBER", Short: "Bring back the config vars of a release, and deploy", Args: args(1, 1),
		Long:              "Bring all config vars back as a release has them. The code stays as it is; lugsail rollback brings both back.\n\nlugsail config history tells which release has which.",
		ValidArgsFunction: p.completeRelease,
		RunE: func(cmd *cobra.Command, args []string) error {
			if detach && later {
				return usagef("Give --detach or --later: what is saved for later is not waited for")
			}
			n, err := number(args[0], "v")
			if err != nil {
				return err
			}
			c, name, err := p.target(cmd.Context())
			if err != nil {
				return err
			}
			at, body := path(name, "config", "restore"), map[string]any{"release": n, "later": later}
			if later {
				return p.saveConfig(cmd.Context(), c, name, http.MethodPost, at, body)
			}
			return p.start(cmd.Context(), c, name, http.MethodPost, at, body, detach)
		},
	}
	detachFlag(c, &detach)
	laterFlag(c, &later)
	return c
}

func (p *program) configApply() *cobra.Command {
	var detach bool
	c := &cobra.Command{
		Use: "apply", Short: "Deploy config vars that were saved for later", Args: args(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, name, err := p.target(cmd.Context())
			if err != nil {
				return err
			}
			return p.start(cmd.Context(), c, name, http.MethodPost, path(name, "config", "apply"), struct{}{}, detach)
		},
	}
	detachFlag(c, &detach)
	return c
}

// saveConfig changes config vars for the next deployment, and tells what waits for it then.
func (p *program) saveConfig(ctx context.Context, c *client, name, method, at string, body any) error {
	raw, err := c.call(ctx, method, at, body, nil)
	if err != nil {
		return err
	}
	if p.json {
		return printJSON(p.Stdout, raw)
	}
	var answer struct{ Waiting platform.ConfigDiff }
	if _, err := c.call(ctx, http.MethodGet, path(name, "config"), nil, &answer); err != nil {
		return err
	}
	if answer.Waiting.Nothing() {
		return p.nothing(ctx, c, name, raw)
	}
	p.printf("Saved. The next deployment of %s changes: %s\nDeploy them now: lugsail config apply%s\n", name, changesText(answer.Waiting), p.named())
	return nil
}

// previewConfig says what a change would do.
func (p *program) previewConfig(ctx context.Context, c *client, name string, body any) error {
	var answer struct {
		Config platform.ConfigDiff
		Effect effect
	}
	raw, err := c.call(ctx, http.MethodPost, path(name, "config", "preview"), body, &answer)
	if err != nil {
		return err
	}
	return p.answer(raw, func() {
		if answer.Config.Nothing() {
			p.printf("That is how the config vars of %s are already.\n", name)
			return
		}
		p.printf("Config vars of %s: %s\n%s\nNothing was saved.\n", name, changesText(answer.Config), answer.Effect.Sentence)
	})
}

// effect is what something would do, as the API tells it.
type effect struct {
	Sentence string `json:"sentence"`
}
