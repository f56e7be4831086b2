package cli

import (
	"net/http"
	"net/url"

	"github.com/spf13/cobra"
)

func (p *program) domains() *cobra.Command {
	c := &cobra.Command{
		Use: "domains", Short: "Show and change an app's own domains", Args: cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				return unknown(cmd, args)
			}
			c, name, err := p.target(cmd.Context())
			if err != nil {
				return err
			}
			var answer struct{ Domains []domain }
			raw, err := c.list(cmd.Context(), path(name, "domains"), "domains", &answer)
			if err != nil {
				return err
			}
			return p.answer(raw, func() {
				if len(answer.Domains) == 0 {
					p.printf("%s has no domains of its own. Add one: lugsail domains add shop.example.com\n", name)
					return
				}
				rows := [][]string{{"DOMAIN", "LEADS HERE", "ADDED", "BY"}}
				for _, d := range answer.Domains {
					here := "not yet"
					if d.LeadsHere {
						here = "yes"
					}
					rows = append(rows, []string{d.Host, here, ago(d.CreatedAt), d.CreatedBy})
				}
				p.table(rows)
			})
		},
	}
	c.AddCommand(p.domainAdd(), p.domainRemove())
	return c
}

func (p *program) domainAdd() *cobra.Command {
	return &cobra.Command{
		Use: "add DOMAIN", Short: "Let an app answer on a domain", Args: args(1, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, name, err := p.target(cmd.Context())
			if err != nil {
				return err
			}
			var answer struct {
				Domain domain
				Advice struct{ Record, Value, Sentence string }
			}
			raw, err := c.call(cmd.Context(), http.MethodPost, path(name, "domains"), map[string]string{"host": args[0]}, &answer)
			if err != nil {
				return err
			}
			return p.answer(raw, func() {
				if answer.Domain.LeadsHere {
					p.printf("%s answers on %s.\n", name, answer.Domain.Host)
					return
				}
				p.printf("%s will answer on %s as soon as that leads to this server.\n→ %s\n", name, answer.Domain.Host, answer.Advice.Sentence)
			})
		},
	}
}

func (p *program) domainRemove() *cobra.Command {
	return &cobra.Command{
		Use: "remove DOMAIN", Short: "Take a domain away from an app", Args: args(1, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, name, err := p.target(cmd.Context())
			if err != nil {
				return err
			}
			if _, err := c.call(cmd.Context(), http.MethodDelete, path(name, "domains", url.PathEscape(args[0])), nil, nil); err != nil {
				return err
			}
			return p.done(map[string]string{"removed": args[0]}, "%s no longer answers on %s.\n", name, args[0])
		},
	}
}
