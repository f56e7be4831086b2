package cli

import (
	"context"
	"net/http"
	"net/url"
	"strings"

	"github.com/spf13/cobra"
)

// binding is an add-on's tie to an app, as the API tells it.
type binding struct {
	App, Addon, Blueprint, Prefix string
	ConfigVars                    []string `json:"config_vars"`
	Hidden                        []string
}

func (p *program) addons() *cobra.Command {
	c := &cobra.Command{
		Use: "addons", Short: "Databases and caches: list, make, bind to apps", Args: cobra.ArbitraryArgs,
		Long: "Databases and caches for apps. Each lies on this server, in a network that only the apps reach which are bound to it.\n\n" +
			"An add-on is destroyed, brought back, scaled to another plan and looked at as an app is: lugsail logs --app NAME.",
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				return unknown(cmd, args)
			}
			return p.listAddons(cmd.Context())
		},
	}
	c.AddCommand(p.addonCreate(), p.addonBind(), p.addonUnbind(), p.addonRotate(), p.addonRenew(), p.addonStats(), p.addonShell(), p.addonExport(), p.addonImport(), p.addonTunnel(), p.addonOpen(), p.addonClose())
	return c
}

func (p *program) listAddons(ctx context.Context) error {
	c, err := p.client()
	if err != nil {
		return err
	}
	var apps struct{ Apps []app }
	if _, err := c.list(ctx, "/api/v1/apps", "apps", &apps); err != nil {
		return err
	}
	var ties struct{ Bindings []binding }
	if _, err := c.call(ctx, http.MethodGet, "/api/v1/bindings", nil, &ties); err != nil {
		return err
	}
	var doors struct {
		PublicPorts []publicPort `json:"public_ports"`
	}
	if _, err := c.call(ctx, http.MethodGet, "/api/v1/public-ports", nil, &doors); err != nil {
		return err
	}
	type addon struct {
		Name      string   `json:"name"`
		Blueprint string   `json:"blueprint"`
		State     string   `json:"state"`
		Plan      string   `json:"plan"`
		Apps      []string `json:"apps"`

		PublicPort *publicPort `json:"public_port"` // null: only apps reach it
	}
	all := []addon{}
	for _, a := range apps.Apps {
		if !a.Addon {
			continue
		}
		one := addon{Name: a.Name, Blueprint: a.Blueprint, State: a.Status.Word, Plan: a.Plan, Apps: []string{}}
		for _, t := range ties.Bindings {
			if t.Addon == a.Name {
				one.Apps = append(one.Apps, t.App+" as "+t.Prefix)
			}
		}
		for _, d := range doors.PublicPorts {
			if d.Addon == a.Name {
				one.PublicPort = &d
			}
		}
		all = append(all, one)
	}
	return p.show(map[string]any{"addons": all}, func() {
		if len(all) == 0 {
			p.printf("There are no add-ons yet. Make one: lugsail addons create postgresql my-db\n")
			return
		}
		rows := [][]string{{"NAME", "KIND", "STATE", "PLAN", "APPS"}}
		for _, a := range all {
			rows = append(rows, []string{a.Name, a.Blueprint, a.State, a.Plan, strings.Join(a.Apps, ", ")})
		}
		p.table(rows)
		for _, a := range all {
			if a.PublicPort != nil {
				p.printf("\n%s", a.PublicPort.told())
			}
		}
	})
}

func (p *program) addonCreate() *cobra.Command {
	var size, prefix string
	var detach bool
	c := &cobra.Command{
		Use: "create KIND NAME", Short: "Make a database or a cache", Args: args(2, 2),
		Long:    "Make a database or a cache: postgresql, mariadb or valkey. With --app it is bound to that app when it is made.",
		Example: "  lugsail addons create postgresql shop-db --app shop\n  lugsail addons create valkey shop-cache --app shop --as CACHE",
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := p.client()
			if err != nil {
				return err
			}
			var answer fromBlueprint
			raw, err := c.call(cmd.Context(), http.MethodPost, "/api/v1/blueprints/"+url.PathEscape(args[0]), map[string]any{"name": args[1], "plan": size}, &answer)
			if err != nil {
				return c.instead(cmd.Context(), args[1], "lugsail addons create "+args[0], err)
			}
			if p.app != "" {
				if _, err := c.call(cmd.Context(), http.MethodPost, path(p.app, "bindings"), map[string]string{"addon": args[1], "prefix": prefix}, nil); err != nil {
					return err
				}
			}
			if err := p.started(cmd.Context(), c, args[1], raw, detach); err != nil || p.json {
				return err
			}
			if p.app == "" {
				p.printf("Bind it to an app: lugsail addons bind %s --app APP\n", args[1])
				return nil
			}
			return p.showBinding(cmd.Context(), c, p.app, args[1])
		},
	}
	c.Flags().StringVar(&size, "plan", "", "its plan (see lugsail plans); without it the smallest that it runs well on")
	c.Flags().StringVar(&prefix, "as", "", asMeans)
	detachFlag(c, &detach)
	complete(c, "plan", p.completePlan)
	return c
}

const asMeans = "what the app's config vars begin with: CACHE gives CACHE_URL"

func (p *program) addonBind() *cobra.Command {
	var prefix string
	var detach bool
	c := &cobra.Command{
		Use: "bind NAME", Short: "Let an app have an add-on", Args: args(1, 1),
		Long:    "Let an app have an add-on: the app reaches it by its name, and gets config vars such as DATABASE_URL by a restart.",
		Example: "  lugsail addons bind shop-db --app shop",
		RunE: func(cmd *cobra.Command, args []string) error {
			c, name, err := p.target(cmd.Context())
			if err != nil {
				return err
			}
			if err := p.start(cmd.Context(), c, name, http.MethodPost, path(name, "bindings"), map[string]string{"addon": args[0], "prefix": prefix}, detach); err != nil || p.json {
				return err
			}
			return p.showBinding(cmd.Context(), c, name, args[0])
		},
	}
	c.Flags().StringVar(&prefix, "as", "", asMeans)
	detachFlag(c, &detach)
	return c
}

func (p *program) showBinding(ctx context.Context, c *client, name, addon string) error {
	var answer struct{ Bindings []binding }
	if _, err := c.call(ctx, http.MethodGet, path(name, "bindings"), nil, &answer); err != nil {
		return err
	}
	for _, b := range answer.Bindings {
		if b.Addon == addon {
			p.printf("%s finds %s by: %s\n", name, addon, strings.Join(b.ConfigVars, ", "))
		}
	}
	return nil
}

func (p *program) addonUnbind() *cobra.Command {
	var detach bool
	c := &cobra.Command{
		Use: "unbind NAME", Short: "Take an add-on away from an app; its data stays", Args: args(1, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, name, err := p.target(cmd.Context())
			if err != nil {
				return err
			}
			return p.start(cmd.Context(), c, name, http.MethodDelete, path(name, "bindings", url.PathEscape(args[0])), nil, detach)
		},
	}
	detachFlag(c, &detach)
	return c
}

func (p *program) addonRotate() *cobra.Command {
	return p.addonWork("rotate", "Give an add-on a new password",
		"Give an add-on a new password. It starts anew, somebody has to be able to log in with the new one, and then the apps\nthat are bound to it are restarted. When that fails, the old password stays everywhere.")
}

func (p *program) addonRenew() *cobra.Command {
	return p.addonWork("renew", "Make an add-on anew with today's packages; its data stays",
		"Make an add-on anew from its blueprint: with the newest packages of its version, and this Lugsail's settings.\nIt is away for some seconds. Its data stays. Apps: lugsail deploy --renew")
}

func (p *program) addonWork(verb, short, long string) *cobra.Command {
	var detach bool
	c := &cobra.Command{
		Use: verb + " NAME", Short: short, Long: long, Args: args(1, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := p.client()
			if err != nil {
				return err
			}
			return p.start(cmd.Context(), c, args[0], http.MethodPost, path(url.PathEscape(args[0]), verb), nil, detach)
		},
	}
	detachFlag(c, &detach)
	return c
}
