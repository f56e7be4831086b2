package cli

import (
	"context"
	"fmt"
	"net/http"
	"strings"

	"github.com/spf13/cobra"

	"github.com/lugsail/lugsail/platform"
)

func (p *program) rollback() *cobra.Command {
	var detach, preview bool
	c := &cobra.Command{
		Use: "rollback [vNUMBER]", Short: "Return to an earlier release", Args: args(0, 1),
		Long: "Return to the contents of an earlier release, by default the one before. That makes a new release; nothing is built.\n\n" +
			"--preview says what would change, and changes nothing.",
		ValidArgsFunction: p.completeRelease,
		RunE: func(cmd *cobra.Command, args []string) error {
			c, name, err := p.target(cmd.Context())
			if err != nil {
				return err
			}
			to := 0
			if len(args) == 1 {
				if to, err = number(args[0], "v"); err != nil {
					return err
				}
			}
			if preview {
				return p.previewRollback(cmd.Context(), c, name, to)
			}
			return p.start(cmd.Context(), c, name, http.MethodPost, path(name, "rollback"), map[string]int{"release": to}, detach)
		},
	}
	detachFlag(c, &detach)
	c.Flags().BoolVar(&preview, "preview", false, "say what that would change, and change nothing")
	return c
}

// rollbackPreview is what a roll back would change, as the API tells it.
type rollbackPreview struct {
	Release    release
	Difference struct {
		From, To            int
		Image, Plan, Health *struct{ From, To string }
		Processes           []struct{ Type, From, To string }
		Config              platform.ConfigDiff
	}
	Effect effect
	Stays  []string
}

func (p *program) previewRollback(ctx context.Context, c *client, name string, to int) error {
	at := path(name, "preview", "rollback")
	if to > 0 {
		at += fmt.Sprintf("?release=%d", to)
	}
	var answer rollbackPreview
	raw, err := c.call(ctx, http.MethodGet, at, nil, &answer)
	if err != nil {
		return err
	}
	return p.answer(raw, func() {
		if rows := answer.rows(); len(rows) > 1 {
			p.table(rows)
		} else {
			p.printf("v%d and v%d hold the same: image, config vars, process types, plan and health check.\n", answer.Difference.From, answer.Difference.To)
		}
		p.printf("\n%s Nothing is built.\n", answer.Effect.Sentence)
		for _, s := range answer.Stays {
			p.printf("%s\n", s)
		}
		p.printf("Nothing was changed. Do it: lugsail rollback v%d%s\n", answer.Release.Number, p.named())
	})
}

// rows are what differs, under their headings.
func (r rollbackPreview) rows() [][]string {
	d := r.Difference
	rows := [][]string{{"WHAT CHANGES", fmt.Sprintf("V%d, LIVE NOW", d.From), fmt.Sprintf("V%d", d.To)}}
	add := func(what, from, to string) { rows = append(rows, []string{what, firstOf(from, "-"), firstOf(to, "-")}) }
	if d.Image != nil {
		add("Code", d.Image.From, d.Image.To)
	}
	for _, t := range d.Processes {
		add("Process type "+t.Type, t.From, t.To)
	}
	if d.Plan != nil {
		add("Plan", d.Plan.From, d.Plan.To)
	}
	if d.Health != nil {
		add("Health check", d.Health.From, d.Health.To)
	}
	if n := strings.Join(d.Config.Added, ", "); n != "" {
		add("Config vars", "", "has "+n)
	}
	if n := strings.Join(d.Config.Changed, ", "); n != "" {
		add("Config vars", "newer "+n, "older "+n)
	}
	if n := strings.Join(d.Config.Removed, ", "); n != "" {
		add("Config vars", "has "+n, "")
	}
	return rows
}
