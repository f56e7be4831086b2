package cli

import (
	"context"
	"net/http"

	"github.com/spf13/cobra"

	"github.com/lugsail/lugsail/platform"
)

type serverAddress struct {
	Kind       string
	Base       string
	ConsoleURL string `json:"console_url"`
	PublicCA   bool   `json:"public_ca"`
	Former     []string
	LeadsHere  bool `json:"leads_here"`
	Names      []struct {
		Host, State, Sentence string
		Needed                bool
	}
	Records []struct {
		Type, Name, Value, Means string
		Instead                  bool
	}
}

func (p *program) address() *cobra.Command {
	c := &cobra.Command{
		Use: "address", Short: "Show and change where this server is found", Args: cobra.ArbitraryArgs,
		Long: "Shows where the server is found: below a domain of your own, below a ready name made of its IP address, or on the machine itself alone.\n\n" +
			"It is for the server's owner. The old address goes on to work until the new one is confirmed.\n" +
			"As root on the server itself, also when nothing answers: lugsail host address",
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				return unknown(cmd, args)
			}
			return p.askAddress(cmd.Context(), http.MethodGet, "", nil, p.showAddress)
		},
	}
	c.AddCommand(p.addressCheck(), p.addressDomain(), p.addressReady(), p.addressLocal(), p.addressConfirm())
	return c
}

func (p *program) askAddress(ctx context.Context, method, below string, body any, show func(serverAddress)) error {
	c, err := p.client()
	if err != nil {
		return err
	}
	var answer struct{ Address serverAddress }
	raw, err := c.call(ctx, method, "/api/v1/server/address"+below, body, &answer)
	if err != nil {
		return err
	}
	return p.answer(raw, func() { show(answer.Address) })
}

func (p *program) addressCheck() *cobra.Command {
	return &cobra.Command{
		Use: "check DOMAIN", Short: "See whether a domain leads here, and what to enter into the DNS", Args: args(1, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return p.askAddress(cmd.Context(), http.MethodPost, "/check", map[string]any{"kind": "domain", "domain": args[0]}, p.showNames)
		},
	}
}

func (p *program) addressDomain() *cobra.Command {
	var email string
	var anyway bool
	c := &cobra.Command{
		Use: "domain DOMAIN", Short: "Answer below a domain of your own: console.DOMAIN, my-app.DOMAIN", Args: args(1, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			body := map[string]any{"kind": "domain", "domain": args[0], "anyway": anyway}
			if cmd.Flags().Changed("email") {
				body["acme_email"] = email
			}
			return p.move(cmd.Context(), body)
		},
	}
	c.Flags().StringVar(&email, "email", "", "for the account at the certificate authority")
	c.Flags().BoolVar(&anyway, "anyway", false, "also when the domain does not lead here yet")
	return c
}

func (p *program) addressReady() *cobra.Command {
	return &cobra.Command{
		Use: "ready [IP]", Short: "Answer below a ready name made of the server's public IP address", Args: args(0, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			body := map[string]any{"kind": "ready"}
			if len(args) == 1 {
				body["ip"] = args[0]
			}
			return p.move(cmd.Context(), body)
		},
	}
}

func (p *program) addressLocal() *cobra.Command {
	return &cobra.Command{
		Use: "local", Short: "Answer on the server itself alone, below localhost", Args: args(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return p.move(cmd.Context(), map[string]any{"kind": "local"})
		},
	}
}

func (p *program) addressConfirm() *cobra.Command {
	return &cobra.Command{
		Use: "confirm", Short: "Let go of the old address, once you are signed in at the new one", Args: args(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := p.client()
			if err != nil {
				return err
			}
			if _, err := c.call(cmd.Context(), http.MethodPost, "/api/v1/server/address/confirm", nil, nil); err != nil {
				return err
			}
			return p.done(map[string]bool{"confirmed": true}, "The server answers at its new address alone.\n")
		},
	}
}

// move changes the address. What the DNS says comes with the refusal.
func (p *program) move(ctx context.Context, body map[string]any) error {
	err := p.askAddress(ctx, http.MethodPut, "", body, func(a serverAddress) {
		p.showAddress(a)
		if len(a.Former) > 0 {
			p.printf("→ Sign in there: lugsail login %s   Then let the old address go: lugsail address confirm\n", a.ConsoleURL)
		}
	})
	if platform.AsError(err) == nil || platform.AsError(err).Code != "address_not_here" || p.json {
		return err
	}
	if showErr := p.askAddress(ctx, http.MethodPost, "/check", body, p.showNames); showErr != nil {
		return showErr
	}
	return platform.AsError(err).WithHint("Enter the records, wait a few minutes, and try again. Or take it now all the same: --anyway")
}

func (p *program) showAddress(a serverAddress) {
	p.printf("Console  %s\nApps     https://NAME.%s\n", clean(a.ConsoleURL), clean(a.Base))
	if !a.PublicCA {
		p.printf("Certificates come from the server's own authority: `lugsail login` offers to trust it.\n")
	}
	for _, url := range a.Former {
		p.printf("Also at  %s, until the address above is confirmed\n", clean(url))
	}
	p.showNames(a)
}

func (p *program) showNames(a serverAddress) {
	for _, n := range a.Names {
		level := "ok"
		if n.State != "here" {
			level = "warn"
		}
		if n.Needed {
			p.printf("%s %s\n", mark(p.Stdout, level), clean(n.Sentence))
		}
	}
	if len(a.Records) == 0 || a.LeadsHere {
		return
	}
	rows := [][]string{{"TYPE", "NAME", "VALUE", ""}}
	for _, r := range a.Records {
		means := r.Means
		if r.Instead {
			means = "instead, " + means
		}
		rows = append(rows, []string{r.Type, r.Name, firstOf(r.Value, "(this server's public address)"), means})
	}
	p.printf("To enter at the domain's provider:\n")
	p.table(rows)
}
