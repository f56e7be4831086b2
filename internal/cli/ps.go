package cli

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
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
			var answer struct {
				Replicas []replica `json:"replicas"`
				Runs     []runBody `json:"runs"`
			}
			var all [2]struct {
				Replicas json.RawMessage `json:"replicas,omitempty"`
				Runs     json.RawMessage `json:"runs,omitempty"`
			}
			for i, list := range []string{"replicas", "runs"} {
				raw, err := c.call(cmd.Context(), http.MethodGet, path(name, list), nil, &answer)
				if err == nil {
					err = json.Unmarshal(raw, &all[i])
				}
				if err != nil {
					return err
				}
			}
			raw, err := json.Marshal(map[string]any{"replicas": all[0].Replicas, "runs": all[1].Runs})
			if err != nil {
				return err
			}
			return p.answer(raw, func() { p.showReplicas(name, answer.Replicas, answer.Runs) })
		},
	}
}

func (p *program) showReplicas(name string, replicas []replica, runs []runBody) {
	if len(replicas)+len(runs) == 0 {
		p.printf("No replica of %s runs.\n", name)
		return
	}
	rows := [][]string{{"REPLICA", "RELEASE", "STATE", "RESTARTS", "SINCE"}}
	for _, r := range replicas {
		rows = append(rows, r.row())
	}
	for _, r := range runs {
		rows = append(rows, r.row())
	}
	p.table(rows)
	for _, r := range replicas {
		if len(r.LastLines) == 0 {
			continue
		}
		p.printf("\nThe last lines of %s, which ended with exit code %d:\n", r.Name, r.ExitCode)
		for _, line := range r.LastLines {
			p.printf("  %s\n", line)
		}
	}
}

func (r runBody) row() []string {
	state := r.State
	if state == "exited" {
		state += fmt.Sprintf(" (code %d)", r.ExitCode)
	}
	return []string{r.Name, fmt.Sprintf("v%d", r.Release), state, "", ago(r.CreatedAt) + ", by " + r.By}
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
	var grace int
	var detach, preview bool
	c := &cobra.Command{
		Use: "scale [TYPE=COUNT...]", Short: "Set how many replicas run, and how large", Args: args(0, -1),
		Long: "Set how many replicas of each process type run, how large each is, and how long one may take to end.\n\n" +
			"Process types are the lines of the Procfile. web gets the visitors; others, such as worker, run beside it. A new one starts with 1 replica.",
		Example:           "  lugsail scale web=3 worker=1\n  lugsail scale --plan small\n  lugsail scale --stop-grace 60\n  lugsail scale web=3 --preview",
		ValidArgsFunction: p.completeScale,
		RunE: func(cmd *cobra.Command, args []string) error {
			change, err := counts(args)
			if err != nil {
				return err
			}
			c, name, err := p.target(cmd.Context())
			if err != nil {
				return err
			}
			if preview {
				return p.previewScale(cmd, c, name, size, change)
			}
			if cmd.Flags().Changed("stop-grace") {
				raw, err := c.call(cmd.Context(), http.MethodPatch, path(name), map[string]int{"stop_grace": grace}, nil)
				if err != nil {
					return err
				}
				if size == "" && len(change) == 0 {
					return p.answer(raw, func() { p.printf("From now on a replica of %s has %d s to end after SIGTERM.\n", name, grace) })
				}
			}
			if size == "" && len(change) == 0 {
				a, raw, err := p.fetch(cmd.Context())
				if err != nil {
					return err
				}
				return p.answer(raw, func() { p.printf("%s on plan %s, %d s to end after SIGTERM\n", a.scaleText(), a.Plan, a.StopGrace) })
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
	c.Flags().IntVar(&grace, "stop-grace", 30, "seconds that a replica has to end after SIGTERM, before it is killed")
	c.Flags().BoolVar(&preview, "preview", false, "say what that would do, and change nothing")
	complete(c, "plan", p.completePlan)
	detachFlag(c, &detach)
	return c
}

// previewScale says what another plan or other replicas would do.
func (p *program) previewScale(cmd *cobra.Command, c *client, name, size string, change map[string]int) error {
	if size == "" && len(change) == 0 || cmd.Flags().Changed("stop-grace") {
		return usagef("Give --preview with --plan or a number of replicas, such as web=3")
	}
	var scale []string
	for _, t := range slices.Sorted(maps.Keys(change)) {
		scale = append(scale, fmt.Sprintf("%s=%d", t, change[t]))
	}
	query := url.Values{}
	if size != "" {
		query.Set("plan", size)
	}
	if len(scale) > 0 {
		query.Set("scale", strings.Join(scale, ","))
	}
	var answer struct{ Effect effect }
	raw, err := c.call(cmd.Context(), http.MethodGet, path(name, "preview", "scale")+"?"+query.Encode(), nil, &answer)
	if err != nil {
		return err
	}
	return p.answer(raw, func() { p.printf("%s\nNothing was changed.\n", answer.Effect.Sentence) })
}

func (p *program) restart() *cobra.Command {
	var detach bool
	c := &cobra.Command{
		Use: "restart", Short: "Start the app's replicas anew", Args: args(0, 0),
		Long: "Start a new replica of what serves in the place of each one that runs, one after another.\n\n" +
			"Each new one must answer before the one of before is stopped, so visitors notice nothing. Nothing is built, and no release is made.",
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, name, err := p.target(cmd.Context())
			if err != nil {
				return err
			}
			return p.start(cmd.Context(), c, name, http.MethodPost, path(name, "restart"), nil, detach)
		},
	}
	detachFlag(c, &detach)
	return c
}

func counts(args []string) (map[string]int, error) {
	change := map[string]int{}
	for i, arg := range args {
		t, n, ok := strings.Cut(arg, "=")
		count, err := strconv.Atoi(n)
		if form := joined(args[i:]); form != "" {
			return nil, hinted("lugsail scale "+form, "A process type and its number are one word, such as %s", form)
		}
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

// joined is what somebody means who writes a process type and its number as two words, web 3, or as web:3,
// or the number alone; "" when it is nothing of that.
func joined(args []string) string {
	t, n, ok := strings.Cut(args[0], ":")
	if !ok && len(args) > 1 {
		t, n = args[0], args[1]
	}
	if n == "" {
		t, n = platform.WebProcess, args[0]
	}
	if _, err := strconv.Atoi(n); err != nil || platform.ValidateProcessType(t) != nil {
		return ""
	}
	return t + "=" + n
}
