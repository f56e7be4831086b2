package cli

import (
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
)

type publicPort struct {
	Addon     string    `json:"addon"`
	Host      string    `json:"host"`
	Port      int       `json:"port"`
	Sources   []string  `json:"sources"`
	Until     time.Time `json:"until"`
	Trouble   string    `json:"trouble"`
	CreatedBy string    `json:"created_by"`
}

// told says where an add-on is reached, in a line or two.
func (d publicPort) told() string {
	if d.Trouble != "" {
		return fmt.Sprintf("Port %d should lead to %s, and cannot be opened: %s.\n", d.Port, d.Addon, d.Trouble)
	}
	return fmt.Sprintf("%s:%d leads to %s until %s, for %s.\n", d.Host, d.Port, d.Addon, d.Until.Local().Format(minute), strings.Join(d.Sources, ", ")) //nolint:gosmopolitan // the person's own clock
}

func (p *program) addonOpen() *cobra.Command {
	var from []string
	var length string
	var port int
	c := &cobra.Command{
		Use: "open NAME --from ADDRESS", Short: "Let some addresses of the internet reach an add-on for a while", Args: args(1, 1),
		Long: "Let some addresses of the internet reach an add-on, until its time is over: a port of the server leads there.\n" +
			"What goes through it may travel in the clear. For programs on this computer, lugsail addons tunnel opens nothing and encrypts all.",
		Example: "  lugsail addons open shop-db --from 203.0.113.7 --for 2h\n  lugsail addons open shop-db --from 203.0.113.0/24 --from 2001:db8::/48 --for 7d --port 6000",
		RunE: func(cmd *cobra.Command, args []string) error {
			open, err := lengthOf(length)
			if err != nil {
				return err
			}
			c, err := p.client()
			if err != nil {
				return err
			}
			var answer struct {
				PublicPort publicPort `json:"public_port"`
			}
			body := map[string]any{"sources": from, "seconds": int64(open / time.Second), "port": port}
			raw, err := c.call(cmd.Context(), http.MethodPut, path(url.PathEscape(args[0]), "public-port"), body, &answer)
			if err != nil {
				return err
			}
			return p.answer(raw, func() {
				p.printf("%sA firewall of your provider has to let it through, too. Close it: lugsail addons close %s\n", answer.PublicPort.told(), args[0])
			})
		},
	}
	c.Flags().StringArrayVar(&from, "from", nil, "who may connect: an address or a network; again for more")
	c.Flags().StringVar(&length, "for", "24h", "how long: 90m, 24h, 7d; 30 days at most")
	c.Flags().IntVar(&port, "port", 0, "port of the server; without it the add-on's own, or the next one that is free")
	return c
}

// lengthOf reads a length of time with days in it.
func lengthOf(text string) (time.Duration, error) {
	if days, ok := strings.CutSuffix(text, "d"); ok {
		if n, err := strconv.Atoi(days); err == nil && n > 0 && n < 10_000 {
			return time.Duration(n) * 24 * time.Hour, nil
		}
	}
	if d, err := time.ParseDuration(text); err == nil && d >= time.Second {
		return d, nil
	}
	return 0, usagef("%q is no length of time: give 90m, 24h or 7d", text)
}

func (p *program) addonClose() *cobra.Command {
	return &cobra.Command{
		Use: "close NAME", Short: "Close an add-on to the internet, with all connections", Args: args(1, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := p.client()
			if err != nil {
				return err
			}
			raw, err := c.call(cmd.Context(), http.MethodDelete, path(url.PathEscape(args[0]), "public-port"), nil, nil)
			if err != nil {
				return err
			}
			return p.answer(raw, func() { p.printf("Only apps that are bound to %s reach it now.\n", args[0]) })
		},
	}
}
