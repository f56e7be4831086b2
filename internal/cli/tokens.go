package cli

import (
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/spf13/cobra"
)

func (p *program) tokens() *cobra.Command {
	c := &cobra.Command{
		Use: "tokens", Short: "Show, create and revoke API tokens", Args: cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				return unknown(cmd, args)
			}
			c, err := p.client()
			if err != nil {
				return err
			}
			var answer struct{ Tokens []token }
			raw, err := c.call(cmd.Context(), http.MethodGet, "/api/v1/tokens", nil, &answer)
			if err != nil {
				return err
			}
			return p.answer(raw, func() {
				rows := [][]string{{"ID", "NAME", "MAY", "APP", "EXPIRES", "LAST USED"}}
				for _, t := range answer.Tokens {
					rows = append(rows, []string{t.ID, t.Name, strings.Join(t.Scopes, ", "), firstOf(t.App, "all"), day(t.ExpiresAt), lastUse(t.LastUsedAt)})
				}
				p.table(rows)
			})
		},
	}
	c.AddCommand(p.tokenCreate(), p.tokenRevoke())
	return c
}

func day(t *time.Time) string {
	if t == nil {
		return "never"
	}
	return t.Local().Format("2006-01-02")
}

func lastUse(t *time.Time) string {
	if t == nil {
		return "never"
	}
	return ago(*t)
}

func (p *program) tokenCreate() *cobra.Command {
	var scope, of string
	var days int
	c := &cobra.Command{
		Use: "create NAME", Short: "Create a token; it is shown once", Args: args(1, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := p.client()
			if err != nil {
				return err
			}
			body := map[string]any{"name": args[0], "scopes": []string{scope}, "app": of, "expires_days": days}
			var answer struct {
				Secret string
				Token  token
			}
			raw, err := c.call(cmd.Context(), http.MethodPost, "/api/v1/tokens", body, &answer)
			if err != nil {
				return err
			}
			return p.answer(raw, func() {
				p.printf("%s\n", answer.Secret)
				p.note("It may %s, expires %s, and is shown only now.\n", strings.Join(answer.Token.Scopes, ", "), day(answer.Token.ExpiresAt))
			})
		},
	}
	c.Flags().StringVar(&scope, "scope", "deploy", "what it may do: read, deploy or admin")
	c.Flags().StringVarP(&of, "app", "a", "", "only this app")
	complete(c, "app", p.completeApps)
	c.Flags().IntVar(&days, "expires-days", 0, "days until it expires; 0 means 90")
	return c
}

func (p *program) tokenRevoke() *cobra.Command {
	return &cobra.Command{
		Use: "revoke ID", Short: "Revoke a token", Args: args(1, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := p.client()
			if err != nil {
				return err
			}
			if _, err := c.call(cmd.Context(), http.MethodDelete, "/api/v1/tokens/"+url.PathEscape(args[0]), nil, nil); err != nil {
				return err
			}
			return p.done(map[string]string{"revoked": args[0]}, "Revoked %s.\n", args[0])
		},
	}
}
