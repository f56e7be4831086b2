package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/spf13/cobra"
)

func (p *program) logs() *cobra.Command {
	var f logFilter
	var follow bool
	c := &cobra.Command{
		Use: "logs [APP]", Short: "Show what an app writes", Args: p.appArg, ValidArgsFunction: p.completeApp,
		Long: "Show what an app writes: the newest lines of what runs and, of each replica that a deployment, a restart\n" +
			"or a scaling has stopped, the last 200 lines (32 KB at most), in the order of time.\n\n" +
			"What a release wrote that never went live is in the log of its deployment: lugsail deployments NUMBER",
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, name, err := p.target(cmd.Context())
			if err != nil {
				return err
			}
			query := f.query()
			if !follow {
				var answer struct{ Lines []logLine }
				var failed int
				if !p.json {
					failed = failedLast(cmd.Context(), c, name)
				}
				raw, err := c.call(cmd.Context(), http.MethodGet, path(name, "logs")+"?"+query.Encode(), nil, &answer)
				if err != nil {
					return err
				}
				return p.answer(raw, func() {
					defer p.mentionFailed(failed, name)
					switch {
					case len(answer.Lines) > 0:
					case f.grep != "":
						p.note("%s has no line with %q among the newest 10,000 of each replica.\n", name, f.grep)
					default:
						p.note("%s has written nothing that is still kept.\n", name)
					}
					for _, l := range answer.Lines {
						p.logLine(l)
					}
				})
			}
			p.mentionFailed(failedLast(cmd.Context(), c, name), name)
			return p.followLogs(cmd, c, name, query)
		},
	}
	c.Flags().BoolVarP(&follow, "follow", "f", false, "go on with what comes")
	p.logFlags(c, &f)
	return c
}

// failedLast is the number of the newest deployment when it failed, else 0.
func failedLast(ctx context.Context, c *client, name string) int {
	var answer struct{ Deployments []deployment }
	_, err := c.call(ctx, http.MethodGet, path(name, "deployments")+"?limit=1", nil, &answer)
	if err != nil || len(answer.Deployments) == 0 || answer.Deployments[0].State != "failed" {
		return 0 // what is wrong, the log's own answer says, too
	}
	return answer.Deployments[0].Number
}

// mentionFailed is for those who look into the log for why a deployment failed: what a release that never
// served wrote is not in it.
func (p *program) mentionFailed(number int, name string) {
	if number > 0 {
		p.note("The newest deployment, #%d, failed; its own log says why: lugsail deployments %d --app %s\n", number, number, name)
	}
}

// tail is logs --follow, for those who know it by that name.
func (p *program) tail() *cobra.Command {
	var f logFilter
	c := &cobra.Command{
		Use: "tail [APP]", Short: "Follow what an app writes (logs --follow)", Args: p.appArg, ValidArgsFunction: p.completeApp,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, name, err := p.target(cmd.Context())
			if err != nil {
				return err
			}
			query := f.query()
			return p.followLogs(cmd, c, name, query)
		},
	}
	p.logFlags(c, &f)
	return c
}

// logFilter is which lines are wanted.
type logFilter struct {
	tail    int
	process string
	grep    string
}

func (f logFilter) query() url.Values {
	query := url.Values{"tail": {strconv.Itoa(f.tail)}}
	if f.process != "" {
		query.Set("process", f.process)
	}
	if f.grep != "" {
		query.Set("q", f.grep)
	}
	return query
}

func (p *program) logFlags(c *cobra.Command, f *logFilter) {
	c.Flags().IntVarP(&f.tail, "tail", "n", 100, "how many of the newest lines")
	c.Flags().StringVarP(&f.process, "process", "p", "", "only this process type")
	c.Flags().StringVarP(&f.grep, "grep", "g", "", "only lines with this text in them, in whatever case")
	complete(c, "process", p.completeProcess)
}

// followLogs goes on when the connection breaks. The server then begins anew, so what was shown
// of a replica is passed over; lines of several replicas come in no order.
func (p *program) followLogs(cmd *cobra.Command, c *client, name string, query url.Values) error {
	query.Set("follow", "true")
	var shown map[string]time.Time // by replica, when the connection broke
	newest := map[string]time.Time{}
	return c.follow(cmd.Context(), path(name, "logs")+"?"+query.Encode(), func(e event) error {
		if e.name == streamOpen {
			shown = maps.Clone(newest)
		}
		if e.name != "log" {
			return nil
		}
		var l logLine
		if err := json.Unmarshal([]byte(e.data), &l); err != nil {
			return fmt.Errorf("reading an event: %w", err)
		}
		who := fmt.Sprintf("v%d %s", l.Release, l.Replica)
		if at, ok := shown[who]; ok && !l.At.After(at) {
			return nil
		}
		if l.At.After(newest[who]) {
			newest[who] = l.At
		}
		if p.json {
			return writeJSON(p.Stdout, append([]byte(e.data), '\n'))
		}
		p.logLine(l)
		return nil
	})
}

func (p *program) logLine(l logLine) {
	p.printf("%s %s: %s\n", l.At.Local().Format("2006-01-02 15:04:05"), l.Replica, p.painted(l.Text))
}
