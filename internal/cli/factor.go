package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/lugsail/lugsail/platform"
)

// proof is what somebody is asked for once more, before a change of what guards the account.
type proof struct {
	passwordStdin bool
	code          string
}

func (o *proof) flags(c *cobra.Command) {
	c.Flags().BoolVar(&o.passwordStdin, "password-stdin", false, "read the password from standard input")
	c.Flags().StringVar(&o.code, "code", "", "code of the second factor, or a recovery code")
}

func (p *program) provePassword(ctx context.Context, o proof) (string, error) {
	if o.passwordStdin {
		return p.line()
	}
	password, err := p.password(ctx, "Your password: ")
	if errors.Is(err, errNobody) {
		return "", usagef("Give --password-stdin where nobody can be asked")
	}
	return password, err
}

func (p *program) askCode(ctx context.Context, given, prompt string) (string, error) {
	if given != "" {
		return given, nil
	}
	code, err := p.ask(ctx, prompt)
	if errors.Is(err, errNobody) {
		return "", usagef("Give --code where nobody can be asked")
	}
	return code, err
}

func (p *program) secondFactor() *cobra.Command {
	c := &cobra.Command{
		Use: "second-factor", Aliases: []string{"2fa"}, Short: "Show, switch on and off the code that is asked after the password", Args: cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				return unknown(cmd, args)
			}
			c, err := p.client()
			if err != nil {
				return err
			}
			var answer struct {
				SecondFactor struct {
					On                bool
					Since             *time.Time
					RecoveryCodesLeft int `json:"recovery_codes_left"`
					Passkeys          int
				} `json:"second_factor"`
			}
			raw, err := c.call(cmd.Context(), http.MethodGet, "/api/v1/second-factor", nil, &answer)
			if err != nil {
				return err
			}
			return p.answer(raw, func() {
				if f := answer.SecondFactor; f.On {
					p.printf("The second factor is on since %s. Recovery codes left: %d. Passkeys: %d.\n", day(f.Since), f.RecoveryCodesLeft, f.Passkeys)
				} else {
					p.printf("The second factor is off. Passkeys: %d.\nSwitch it on: lugsail second-factor on\n", f.Passkeys)
				}
			})
		},
	}
	c.AddCommand(p.factorOn(), p.factorOff(), p.factorCodes())
	return c
}

func (p *program) factorOn() *cobra.Command {
	return &cobra.Command{
		Use: "on", Short: "Ask for a code from your phone at each sign-in", Args: args(0, 0),
		Long: "Ask for a code from your phone at each sign-in.\n\nAn app on your phone scans the QR code and shows codes of six digits from then on. The first one switches it on.",
		RunE: func(cmd *cobra.Command, _ []string) error {
			if !p.interactive() {
				return usagef("This needs a terminal, to show the secret and to ask for its first code. Programs use POST /api/v1/second-factor")
			}
			ctx := cmd.Context()
			c, err := p.client()
			if err != nil {
				return err
			}
			password, err := p.provePassword(ctx, proof{})
			if err != nil {
				return err
			}
			var begun struct {
				Secret, URL string
				QR          []string
			}
			if _, err := c.call(ctx, http.MethodPost, "/api/v1/second-factor", map[string]string{"password": password}, &begun); err != nil {
				return err
			}
			p.note("Scan this with the app on your phone:\n\n%s\nOr type the secret in: %s\n\n", drawn(begun.QR), begun.Secret)
			raw, err := p.firstCode(ctx, c)
			if err != nil {
				return err
			}
			return p.showCodes(raw, "The second factor is on, and all browsers are signed out.")
		},
	}
}

// firstCode asks until a code is right: a secret that was shown is worth a second try.
func (p *program) firstCode(ctx context.Context, c *client) (raw []byte, err error) {
	for {
		code, err := p.askCode(ctx, "", "The code that it shows: ")
		if err != nil {
			return nil, err
		}
		raw, err := c.call(ctx, http.MethodPost, "/api/v1/second-factor/confirm", map[string]string{"code": code}, nil)
		if wrong := platform.AsError(err); err != nil && wrong.Code == "second_factor_wrong" {
			p.note("%s %s\n", wrong.Message, wrong.Hint)
			continue
		}
		return raw, err
	}
}

// drawn draws a QR code with half blocks, two rows a line, dark on light whatever the terminal's colours are.
func drawn(rows []string) string {
	dark := func(y, x int) bool { return y >= 0 && y < len(rows) && x >= 0 && x < len(rows[y]) && rows[y][x] == '1' }
	var text strings.Builder
	for y := -2; y < len(rows)+2; y += 2 {
		_, _ = text.WriteString("  \x1b[40;97m") // white on black: what is light is drawn
		for x := -2; x < len(rows)+2; x++ {
			square := "█"
			switch above, below := dark(y, x), dark(y+1, x); {
			case above && below:
				square = " "
			case above:
				square = "▄"
			case below:
				square = "▀"
			}
			_, _ = text.WriteString(square) // a builder never fails
		}
		_, _ = text.WriteString("\x1b[0m\n")
	}
	return text.String()
}

func (p *program) factorOff() *cobra.Command {
	var o proof
	c := &cobra.Command{
		Use: "off", Short: "Let the password alone sign you in", Args: args(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			_, err := p.proved(cmd.Context(), o, "/api/v1/second-factor/off")
			if err != nil {
				return err
			}
			return p.done(map[string]bool{"on": false}, "The second factor is off, and all browsers are signed out.\n")
		},
	}
	o.flags(c)
	return c
}

func (p *program) factorCodes() *cobra.Command {
	var o proof
	c := &cobra.Command{
		Use: "codes", Short: "Make new recovery codes; the older ones work no more", Args: args(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			raw, err := p.proved(cmd.Context(), o, "/api/v1/recovery-codes")
			if err != nil {
				return err
			}
			return p.showCodes(raw, "The older codes work no more.")
		},
	}
	o.flags(c)
	return c
}

func (p *program) proved(ctx context.Context, o proof, path string) ([]byte, error) {
	c, err := p.client()
	if err != nil {
		return nil, err
	}
	password, err := p.provePassword(ctx, o)
	if err != nil {
		return nil, err
	}
	code, err := p.askCode(ctx, o.code, "Code from the phone, or a recovery code: ")
	if err != nil {
		return nil, err
	}
	return c.call(ctx, http.MethodPost, path, map[string]string{"password": password, "code": code}, nil)
}

func (p *program) showCodes(raw []byte, first string) error {
	var answer struct {
		RecoveryCodes []string `json:"recovery_codes"`
	}
	if err := json.Unmarshal(raw, &answer); err != nil {
		return fmt.Errorf("reading the recovery codes: %w", err)
	}
	return p.answer(raw, func() {
		p.note("%s\nKeep these recovery codes: each signs you in once when the phone is lost. They are shown only now.\n\n", first)
		p.printf("%s\n", strings.Join(answer.RecoveryCodes, "\n"))
	})
}

func (p *program) passkeys() *cobra.Command {
	c := &cobra.Command{
		Use: "passkeys", Short: "Show and remove your passkeys", Args: cobra.ArbitraryArgs,
		Long: "Show and remove your passkeys.\n\nThe console makes them, in a browser: Account, Passkeys.",
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				return unknown(cmd, args)
			}
			c, err := p.client()
			if err != nil {
				return err
			}
			var answer struct {
				Passkeys []struct {
					ID, Name, Host string
					LastUsedAt     *time.Time `json:"last_used_at"`
				}
			}
			raw, err := c.call(cmd.Context(), http.MethodGet, "/api/v1/passkeys", nil, &answer)
			if err != nil {
				return err
			}
			return p.answer(raw, func() {
				if len(answer.Passkeys) == 0 {
					p.printf("You have no passkeys here. A browser makes them: %s/account/passkeys\n", c.base)
					return
				}
				rows := [][]string{{"ID", "NAME", "FOR", "LAST USED"}}
				for _, k := range answer.Passkeys {
					rows = append(rows, []string{k.ID, k.Name, k.Host, lastUse(k.LastUsedAt)})
				}
				p.table(rows)
			})
		},
	}
	c.AddCommand(&cobra.Command{
		Use: "remove ID", Short: "Remove a passkey; all browsers are signed out", Args: args(1, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return p.removeBy(cmd.Context(), "/api/v1/passkeys/", args[0])
		},
	})
	return c
}

func (p *program) removeBy(ctx context.Context, path, id string) error {
	c, err := p.client()
	if err != nil {
		return err
	}
	if _, err := c.call(ctx, http.MethodDelete, path+url.PathEscape(id), nil, nil); err != nil {
		return err
	}
	return p.done(map[string]string{"removed": id}, "Removed %s.\n", id)
}

func (p *program) sessions() *cobra.Command {
	c := &cobra.Command{
		Use: "sessions", Short: "Show the browsers that are signed in, and sign them out", Args: cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				return unknown(cmd, args)
			}
			c, err := p.client()
			if err != nil {
				return err
			}
			var answer struct {
				Sessions []struct {
					ID, Source string
					UserAgent  string     `json:"user_agent"`
					LastSeenAt *time.Time `json:"last_seen_at"`
				}
			}
			raw, err := c.call(cmd.Context(), http.MethodGet, "/api/v1/sessions", nil, &answer)
			if err != nil {
				return err
			}
			return p.answer(raw, func() {
				if len(answer.Sessions) == 0 {
					p.printf("No browser is signed in.\n")
					return
				}
				rows := [][]string{{"ID", "FROM", "SEEN", "BROWSER"}}
				for _, s := range answer.Sessions {
					rows = append(rows, []string{s.ID, s.Source, lastUse(s.LastSeenAt), s.UserAgent})
				}
				p.table(rows)
			})
		},
	}
	c.AddCommand(p.sessionEnd())
	return c
}

func (p *program) sessionEnd() *cobra.Command {
	var all bool
	c := &cobra.Command{
		Use: "end [ID]", Short: "Sign a browser out, or with --all every one", Args: args(0, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if all == (len(args) == 1) {
				return usagef("Which one? Give its ID, or --all")
			}
			c, err := p.client()
			if err != nil {
				return err
			}
			if !all {
				if _, err := c.call(cmd.Context(), http.MethodDelete, "/api/v1/sessions/"+url.PathEscape(args[0]), nil, nil); err != nil {
					return err
				}
				return p.done(map[string]string{"ended": args[0]}, "Signed out %s.\n", args[0])
			}
			var answer struct{ Ended int }
			raw, err := c.call(cmd.Context(), http.MethodDelete, "/api/v1/sessions", nil, &answer)
			if err != nil {
				return err
			}
			return p.answer(raw, func() { p.printf("Signed out %s.\n", plural(answer.Ended, "browser")) })
		},
	}
	c.Flags().BoolVar(&all, "all", false, "every browser")
	return c
}
