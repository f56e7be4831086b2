package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/spf13/cobra"

	"github.com/lugsail/lugsail/platform"
)

func (p *program) destroy() *cobra.Command {
	var confirm string
	var now bool
	c := &cobra.Command{
		Use: "destroy [APP]", Short: "Put an app into the trash, or remove it for good", Args: p.appArg, ValidArgsFunction: p.completeApp,
		Long:    "Put an app into the trash: it stops, and for 14 days it can be brought back with\nlugsail restore, with its releases, config vars, domains, volumes and repository.\nIts name stays taken until then. With --now it is removed for good, also from the trash.",
		Example: "  lugsail destroy my-shop\n  lugsail destroy my-shop --now",
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, name, err := p.target(cmd.Context())
			if err != nil {
				return err
			}
			if confirm == "" {
				if confirm, err = p.askName(cmd.Context(), name, now); err != nil {
					return err
				}
			}
			if confirm != name {
				return platform.Errorf(platform.Invalid, "not_confirmed", "Nothing was removed: %q is not the app's name.", confirm)
			}
			return p.destroyed(cmd.Context(), c, name, now)
		},
	}
	c.Flags().StringVar(&confirm, "confirm", "", "the app's name, to go on without a question")
	c.Flags().BoolVar(&now, "now", false, "remove it for good, past the trash; this cannot be undone")
	return c
}

func (p *program) askName(ctx context.Context, name string, now bool) (string, error) {
	question := fmt.Sprintf("This stops the app %s and puts it into the trash for 14 days.\nType its name to go on: ", name)
	if now {
		question = fmt.Sprintf("This removes the app %s, its releases, its volumes with all their files, its repository and its config vars for ever.\nType its name to go on: ", name)
	}
	confirm, err := p.ask(ctx, question)
	if errors.Is(err, errNobody) {
		return "", usagef("Give --confirm %s where nobody can be asked", name)
	}
	return confirm, err
}

func (p *program) destroyed(ctx context.Context, c *client, name string, now bool) error {
	body := map[string]any{"confirm": name}
	if now {
		body["now"] = true
	}
	var answer struct{ Deployment *deployment }
	raw, err := c.call(ctx, http.MethodDelete, path(name), body, &answer)
	if err != nil {
		return err
	}
	if now {
		if err := p.awaitGone(ctx, c, name); err != nil {
			return err
		}
		return p.answer(raw, func() { p.printf("Removed %s for good.\n", name) })
	}
	a, err := p.awaitTrash(ctx, c, name, answer.Deployment)
	if err != nil {
		return err
	}
	return p.answer(raw, func() {
		p.printf("%s is in the trash.\n", name)
		if a.TrashEndsAt != nil {
			p.printf("It is removed for good on %s. To bring it back: lugsail restore %s\n", a.TrashEndsAt.Local().Format("2 January 2006"), name)
		}
	})
}

// awaitTrash waits until what ran of the app has stopped.
func (p *program) awaitTrash(ctx context.Context, c *client, name string, d *deployment) (app, error) {
	var answer struct{ App app }
	for end := time.Now().Add(2 * time.Minute); ; {
		_, err := c.call(ctx, http.MethodGet, path(name), nil, &answer)
		if err != nil && !platform.IsKind(err, platform.Unavailable) {
			return answer.App, err
		}
		latest := answer.App.LatestDeployment
		if err == nil && (d == nil || latest == nil || latest.Number != d.Number || latest.EndedAt != nil) {
			return answer.App, nil
		}
		if time.Now().After(end) {
			return answer.App, nil // it goes on by itself
		}
		select {
		case <-ctx.Done():
			return answer.App, ctx.Err()
		case <-time.After(200 * time.Millisecond):
		}
	}
}

func (p *program) restore() *cobra.Command {
	var detach bool
	c := &cobra.Command{
		Use: "restore [APP]", Short: "Bring an app back from the trash", Example: "  lugsail restore my-shop", Args: p.appArg, ValidArgsFunction: p.completeTrash,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, name, err := p.target(cmd.Context())
			if err != nil {
				return err
			}
			var answer struct{ Deployment *deployment }
			raw, err := c.call(cmd.Context(), http.MethodPost, path(name, "restore"), nil, &answer)
			switch {
			case err != nil:
				return err
			case answer.Deployment == nil || detach:
				return p.answer(raw, func() { p.printf("%s is back from the trash.\n", name) })
			}
			return p.watch(cmd.Context(), c, name, answer.Deployment.Number)
		},
	}
	detachFlag(c, &detach)
	return c
}

type trashed struct {
	Name        string     `json:"name"`
	TrashedAt   *time.Time `json:"trashed_at"`
	TrashEndsAt *time.Time `json:"trash_ends_at"`
	Release     int        `json:"release"`
}

func (p *program) trashList(ctx context.Context) ([]trashed, json.RawMessage, error) {
	c, err := p.client()
	if err != nil {
		return nil, nil, err
	}
	var answer struct{ Apps []trashed }
	raw, err := c.call(ctx, http.MethodGet, "/api/v1/trash", nil, &answer)
	return answer.Apps, raw, err
}

func (p *program) trash() *cobra.Command {
	return &cobra.Command{
		Use: "trash", Short: "List the apps in the trash", Example: "  lugsail trash", Args: args(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			apps, raw, err := p.trashList(cmd.Context())
			if err != nil {
				return err
			}
			return p.answer(raw, func() {
				if len(apps) == 0 {
					p.printf("The trash is empty.\n")
					return
				}
				rows := [][]string{{"NAME", "RELEASE", "DESTROYED", "REMOVED FOR GOOD"}}
				for _, a := range apps {
					rows = append(rows, a.row())
				}
				p.table(rows)
				p.printf("\nBring one back: lugsail restore NAME\n")
			})
		},
	}
}

func (a trashed) row() []string {
	release, since, ends := "-", "-", "-"
	if a.Release > 0 {
		release = fmt.Sprintf("v%d", a.Release)
	}
	if a.TrashedAt != nil && a.TrashEndsAt != nil {
		since, ends = ago(*a.TrashedAt), a.TrashEndsAt.Local().Format("2 January 2006")
	}
	return []string{a.Name, release, since, ends}
}

// completeTrash offers the apps in the trash.
func (p *program) completeTrash(cmd *cobra.Command, given []string, _ string) ([]string, cobra.ShellCompDirective) {
	if len(given) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	apps, _, err := p.trashList(cmd.Context())
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	var names []string
	for _, a := range apps {
		names = append(names, a.Name)
	}
	return names, cobra.ShellCompDirectiveNoFileComp
}
