package cli

import (
	"net/http"

	"github.com/spf13/cobra"

	"github.com/lugsail/lugsail/platform"
)

type leftover struct {
	ID, Kind, App, Text string
	Bytes               int64
}

func (p *program) diskClean() *cobra.Command {
	var yes bool
	c := &cobra.Command{
		Use: "clean", Short: "Remove what Lugsail made and nobody uses", Args: args(0, 0),
		Long: "Tells what can go without harm, and removes it when you say so: what builds kept to be faster, images of releases too old to go back to, and what is left of apps that are gone.\n\n" +
			"What is not Lugsail's is never touched, nor what is in the trash. It is for the server's owner.",
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := p.client()
			if err != nil {
				return err
			}
			var found struct {
				Leftovers []leftover
				Bytes     int64
			}
			raw, err := c.call(cmd.Context(), http.MethodGet, "/api/v1/disk/leftovers", nil, &found)
			if err != nil {
				return err
			}
			if p.json && !yes {
				return printJSON(p.Stdout, raw)
			}
			if len(found.Leftovers) == 0 && !p.json {
				p.printf("There is nothing to remove.\n")
				return nil
			}
			if !p.json {
				p.showLeftovers(found.Leftovers)
			}
			if !yes {
				agreed, err := p.confirm(cmd.Context(), "Remove "+platform.Bytes(found.Bytes)+"?")
				if err != nil || !agreed {
					return platform.Errorf(platform.Conflict, "not_confirmed", "Nothing was removed.").WithHint("To remove it without a question: lugsail disk clean --yes").Because(err)
				}
			}
			return p.clean(cmd, c)
		},
	}
	c.Flags().BoolVar(&yes, "yes", false, "do not ask")
	return c
}

func (p *program) clean(cmd *cobra.Command, c *client) error {
	var done struct {
		Removed, Busy []leftover
		Bytes         int64
	}
	raw, err := c.call(cmd.Context(), http.MethodPost, "/api/v1/disk/clean", map[string]any{}, &done)
	if err != nil {
		return err
	}
	return p.answer(raw, func() {
		p.printf("Removed %s.\n", platform.Bytes(done.Bytes))
		for _, l := range done.Busy {
			p.printf("In use just now, and left: %s\n", clean(l.Text))
		}
	})
}

func (p *program) showLeftovers(all []leftover) {
	rows := [][]string{{"SIZE", "WHAT"}}
	for _, l := range all {
		rows = append(rows, []string{platform.Bytes(l.Bytes), l.Text})
	}
	p.table(rows)
}
