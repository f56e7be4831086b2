package cli

import (
	"net/http"
	"net/url"
	"strings"

	"github.com/spf13/cobra"
)

// blueprint is a stack, as the API tells it.
type blueprint struct {
	Name, Title, Sentence, Category, Plan string
	Internet                              bool
	Addons                                []string
	Asks                                  []struct{ Name, Label, Help, Default string }
}

// fromBlueprint is what came of a blueprint.
type fromBlueprint struct {
	App        app
	Deployment *deployment
	Addons     []string
	Note       string
}

func (p *program) blueprints() *cobra.Command {
	return &cobra.Command{
		Use: "blueprints [NAME]", Short: "List the stacks that are ready to run, or show one", Args: args(0, 1),
		Example: "  lugsail blueprints\n  lugsail blueprints wordpress\n  lugsail create blog --blueprint wordpress",
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := p.client()
			if err != nil {
				return err
			}
			var answer struct{ Blueprints []blueprint }
			raw, err := c.call(cmd.Context(), http.MethodGet, "/api/v1/blueprints", nil, &answer)
			if err != nil {
				return err
			}
			if len(args) == 0 {
				return p.answer(raw, func() { p.showBlueprints(answer.Blueprints) })
			}
			var names []string
			for _, b := range answer.Blueprints {
				if b.Name == args[0] {
					return p.show(b, func() { p.showBlueprint(b) })
				}
				names = append(names, b.Name)
			}
			return usageOf(args[0], "There is no blueprint %q; there are %s", args[0], strings.Join(names, ", "))
		},
	}
}

func (p *program) showBlueprints(all []blueprint) {
	rows := [][]string{{"NAME", "", "WHAT IT IS"}}
	for _, b := range all {
		rows = append(rows, []string{b.Name, b.Category, b.Sentence})
	}
	p.table(rows)
	p.printf("\nMake one: lugsail create my-app --blueprint NAME; of a database: lugsail addons create NAME my-db\n")
}

func (p *program) showBlueprint(b blueprint) {
	p.printf("%s: %s\n", b.Title, b.Sentence)
	if len(b.Addons) > 0 {
		p.printf("It comes with: %s\n", strings.Join(b.Addons, ", "))
	}
	if b.Plan != "" {
		p.printf("It runs well on %s and larger plans.\n", b.Plan)
	}
	if b.Internet {
		p.printf("Making it fetches from the project's own site.\n")
	}
	for _, q := range b.Asks {
		p.printf("  --set %s=…   %s %s (otherwise %s)\n", q.Name, q.Label, q.Help, q.Default)
	}
	if b.Category == "database" {
		p.printf("Make one: lugsail addons create %s my-db\n", b.Name)
		return
	}
	p.printf("Make one: lugsail create my-app --blueprint %s\n", b.Name)
}

// createFrom makes an app of a blueprint and follows it until it serves.
func (p *program) createFrom(cmd *cobra.Command, name, from, size string, sets []string, detach bool) error {
	answers := map[string]string{}
	for _, set := range sets {
		key, value, ok := strings.Cut(set, "=")
		if !ok {
			return usagef("%q is no answer: write NAME=VALUE", set)
		}
		answers[key] = value
	}
	c, err := p.client()
	if err != nil {
		return err
	}
	var answer fromBlueprint
	raw, err := c.call(cmd.Context(), http.MethodPost, "/api/v1/blueprints/"+url.PathEscape(from), map[string]any{"name": name, "plan": size, "answers": answers}, &answer)
	if err != nil {
		return c.instead(cmd.Context(), name, "lugsail create --blueprint "+from, err)
	}
	if p.json {
		return printJSON(p.Stdout, raw)
	}
	with := ""
	if len(answer.Addons) > 0 {
		with = " with " + strings.Join(answer.Addons, " and ")
	}
	p.printf("Created %s%s on plan %s. It will answer at %s\n", answer.App.Name, with, answer.App.Plan, answer.App.URL)
	if answer.Note != "" {
		p.printf("\n%s\n\n", answer.Note)
	}
	return p.started(cmd.Context(), c, name, raw, detach)
}
