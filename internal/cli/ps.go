package cli

import (
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/lugsail/lugsail/platform"
)

func (p *program) ps() *cobra.Command {
	return &cobra.Command{
		Use: "ps [APP]", Short: "List the running replicas", Args: p.appArg, ValidArgsFunction: p.completeApp,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, name, err := p.target(cmd.Context())
			if err != nil {
				return err
			}
			var answer struct{ Replicas []replica }
			raw, err := c.call(cmd.Context(), http.MethodGet, path(name, "replicas"), nil, &answer)
			if err != nil {
				return err
			}
			return p.answer(raw, func() {
				if len(answer.Replicas) == 0 {
					p.printf("No replica of %s runs.\n", name)
					return
				}
				rows := [][]string{{"REPLICA", "RELEASE", "STATE", "RESTARTS", "SINCE"}}
				for _, r := range answer.Replicas {
					rows = append(rows, r.row())
				}
				p.table(rows)
			})
		},
	}
}

func (r replica) row() []string {
	state, since := r.State, ""
	switch {
	case r.OutOfMemory:
		state += " (out of memory)"
	case r.State == "exited":
		state += fmt.Sprintf(" (code %d)", r.ExitCode)
	}
	if r.StartedAt != nil {
		since = ago(*r.StartedAt)
	}
	return []string{r.Name, fmt.Sprintf("v%d", r.Release), state, strconv.Itoa(r.Restarts), since}
}

func (p *program) scale() *cobra.Command {
	var size string
	var detach bool
	c := &cobra.Command{
		Use: "scale [TYPE=COUNT...]", Short: "Set how many replicas run, and how large", Args: args(0, -1),
		Example:           "  lugsail scale web=3\n  lugsail scale --plan small",
		ValidArgsFunction: p.completeScale,
		RunE: func(cmd *cobra.Command, args []string) error {
			c, name, err := p.target(cmd.Context())
			if err != nil {
				return err
			}
			change, err := counts(args)
			if err != nil {
				return err
			}
			if size == "" && len(change) == 0 {
				a, raw, err := p.fetch(cmd.Context())
				if err != nil {
					return err
				}
				return p.answer(raw, func() { p.printf("%s on plan %s\n", a.scaleText(), a.Plan) })
			}
			if size != "" {
				first := *p
				if p.json && len(change) > 0 {
					first.Stdout = io.Discard // one answer is printed: the last
				}
				if err := first.start(cmd.Context(), c, name, http.MethodPatch, path(name), map[string]string{"plan": size}, detach); err != nil || len(change) == 0 {
					return err
				}
			}
			return p.start(cmd.Context(), c, name, http.MethodPut, path(name, "scale"), map[string]any{"scale": change}, detach)
		},
	}
	c.Flags().StringVar(&size, "plan", "", "plan of each replica (see lugsail plans)")
	complete(c, "plan", p.completePlan)
	detachFlag(c, &detach)
	return c
}

func counts(args []string) (map[string]int, error) {
	change := map[string]int{}
	for _, arg := range args {
		t, n, ok := strings.Cut(arg, "=")
		count, err := strconv.Atoi(n)
		if !ok || err != nil || count < 0 || count > platform.MaxReplicas {
			return nil, usageOf(arg, "%q must be a process type and a number up to %d, such as web=3", arg, platform.MaxReplicas)
		}
		if err := platform.ValidateProcessType(t); err != nil {
			return nil, err
		}
		change[t] = count
	}
	return change, nil
}
