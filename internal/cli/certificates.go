package cli

import (
	"net/http"
	"time"

	"github.com/spf13/cobra"
)

func (p *program) certificates() *cobra.Command {
	return &cobra.Command{
		Use: "certificates", Short: "Show the certificates of all names, and when they are renewed", Args: args(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := p.client()
			if err != nil {
				return err
			}
			var answer struct {
				Certificates []struct {
					Host, Issuer, Trouble string
					Wanted, Public        bool
					Until, Renewal        *time.Time
				}
			}
			raw, err := c.call(cmd.Context(), http.MethodGet, "/api/v1/certificates", nil, &answer)
			if err != nil {
				return err
			}
			return p.answer(raw, func() {
				rows := [][]string{{"NAME", "FROM", "UNTIL", "RENEWED"}}
				for _, k := range answer.Certificates {
					until, renewal := "made at the first visit", ""
					if k.Until != nil && k.Renewal != nil {
						until, renewal = k.Until.Local().Format(time.DateOnly), k.Renewal.Local().Format(time.DateOnly)
					}
					rows = append(rows, []string{k.Host, k.Issuer, until, renewal})
				}
				p.table(rows)
				for _, k := range answer.Certificates {
					if k.Wanted && !k.Public {
						p.printf("%s waits for its public certificate. %s\n", clean(k.Host), clean(k.Trouble))
					}
				}
			})
		},
	}
}
