package cli

import (
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
)

// happening is one event, as the API tells it.
type happening struct {
	At     time.Time `json:"at"`
	Actor  string    `json:"actor"`
	Via    string    `json:"via"`
	Action string    `json:"action"`
	App    string    `json:"app"`
	Text   string    `json:"text"`
}

// mostEvents is how many the server gives at once.
const mostEvents = 200

func (p *program) activity() *cobra.Command {
	var topic string
	var most int
	c := &cobra.Command{
		Use: "activity [APP]", Short: "Show who did what, the newest first", Args: p.appArg, ValidArgsFunction: p.completeApp,
		Long: "Show who did what and when: of all apps and accounts that you may see, or of one app.\n\n" +
			"--topic shows one kind only: what stands before the point of ACTION, such as deployment, config or domain.",
		RunE: func(cmd *cobra.Command, _ []string) error {
			if most < 1 || most > mostEvents {
				return usagef("--limit takes a number from 1 to %d", mostEvents)
			}
			c, at, err := p.eventsAt(cmd)
			if err != nil {
				return err
			}
			query := url.Values{"limit": {strconv.Itoa(most)}}
			if topic != "" {
				query.Set("topic", topic)
			}
			var answer struct {
				Events []happening
				Next   *string
			}
			raw, err := c.call(cmd.Context(), http.MethodGet, at+"?"+query.Encode(), nil, &answer)
			if err != nil {
				return err
			}
			return p.answer(raw, func() {
				p.showEvents(answer.Events)
				if answer.Next != nil && most < mostEvents {
					p.note("There is more: --limit %d shows older ones.\n", mostEvents)
				}
			})
		},
	}
	c.Flags().StringVar(&topic, "topic", "", "only one kind: app, deployment, config, domain, source, token …")
	c.Flags().IntVar(&most, "limit", 50, "how many of the newest")
	return c
}

// eventsAt is where the events are: those of the app that was named, else all. The folder names none here.
func (p *program) eventsAt(cmd *cobra.Command) (*client, string, error) {
	if p.app == "" {
		c, err := p.client()
		return c, "/api/v1/events", err
	}
	c, name, err := p.target(cmd.Context())
	return c, path(name, "events"), err
}

func (p *program) showEvents(all []happening) {
	if len(all) == 0 {
		p.printf("Nothing of that kind happened yet.\n")
		return
	}
	rows := [][]string{{"WHEN", "BY", "APP", "ACTION", "WHAT"}}
	for _, e := range all {
		rows = append(rows, []string{ago(e.At), e.by(), e.App, e.Action, strings.TrimPrefix(e.Text, e.App+" ")})
	}
	p.table(rows)
}

// by tells who, and through which door; what Lugsail does by itself needs none.
func (e happening) by() string {
	if e.Via == "" || e.Via == "system" {
		return e.Actor
	}
	return e.Actor + " (" + e.Via + ")"
}
