package cli

import (
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/spf13/cobra"

	"github.com/lugsail/lugsail/platform"
)

type stats struct {
	Bytes, Connections int64
	MaxBytes           int64 `json:"max_bytes"`
	MaxConnections     int64 `json:"max_connections"`
	SlowOver           int64 `json:"slow_over"`
	Slow               *int64
	Queries            []struct {
		Text                 string
		Calls, Mean, Longest int64
	}
}

func (p *program) addonStats() *cobra.Command {
	return &cobra.Command{
		Use: "stats NAME", Short: "Tell how an add-on is: its size, connections and slow queries", Args: args(1, 1),
		Long: "Tell how an add-on is at this moment: how much it holds, how many are connected, and what was slow since it started.\nWhat it takes of CPU and memory: lugsail metrics NAME",
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := p.client()
			if err != nil {
				return err
			}
			var answer struct{ Stats stats }
			raw, err := c.call(cmd.Context(), http.MethodGet, path(url.PathEscape(args[0]), "stats"), nil, &answer)
			if err != nil {
				return err
			}
			return p.answer(raw, func() { p.showStats(answer.Stats) })
		},
	}
}

func (p *program) showStats(s stats) {
	holds := platform.Bytes(s.Bytes)
	if s.MaxBytes > 0 {
		holds += " of " + platform.Bytes(s.MaxBytes)
	}
	over := time.Duration(s.SlowOver) * time.Millisecond
	slow := fmt.Sprintf("none longer than %s", over)
	switch {
	case s.Slow != nil && *s.Slow > 0:
		slow = fmt.Sprintf("%d longer than %s", *s.Slow, over)
	case len(s.Queries) > 0:
		slow = "longer than " + over.String() + ":"
	}
	p.table([][]string{{"Holds", holds}, {"Connected", fmt.Sprintf("%d of %d", s.Connections, s.MaxConnections)}, {"Slow queries", slow}})
	if len(s.Queries) == 0 {
		return
	}
	rows := [][]string{{"LONGEST", "MEAN", "CALLS", "QUERY"}}
	for _, q := range s.Queries {
		rows = append(rows, []string{milliseconds(q.Longest), milliseconds(q.Mean), fmt.Sprint(q.Calls), q.Text})
	}
	p.table(rows)
}

func milliseconds(n int64) string { return (time.Duration(n) * time.Millisecond).String() }
