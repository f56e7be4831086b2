package cli

import (
	"fmt"
	"net/http"

	"github.com/spf13/cobra"
)

func (p *program) plans() *cobra.Command {
	return &cobra.Command{
		Use: "plans", Short: "List the plans, and what still fits", Args: args(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := p.client()
			if err != nil {
				return err
			}
			var answer struct {
				Plans    []plan
				Capacity struct{ Memory, Reserved, Promised, Free, CPUs int64 }
			}
			raw, err := c.call(cmd.Context(), http.MethodGet, "/api/v1/plans", nil, &answer)
			if err != nil {
				return err
			}
			return p.answer(raw, func() {
				rows := [][]string{{"PLAN", "FOR", "MEMORY", "CPU", "FITS"}}
				for _, o := range answer.Plans {
					fits := fmt.Sprintf("%d more", o.Fits)
					if o.Limited {
						fits += fmt.Sprintf(", limited to this server's cores (%d)", answer.Capacity.CPUs)
					}
					if o.Fits == 0 {
						fits = "no"
					}
					kind := "apps"
					if o.Addon {
						kind = "add-ons"
					}
					rows = append(rows, []string{o.Name, kind, memory(o.Memory), fmt.Sprintf("%g–%g", o.CPU, o.CPUBurst), fits})
				}
				p.table(rows)
				k := answer.Capacity
				p.printf("\n%s of %s is free for apps; %s is promised to them already.\n", memory(k.Free), memory(k.Memory), memory(k.Promised))
			})
		},
	}
}
