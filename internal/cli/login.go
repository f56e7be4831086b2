package cli

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/lugsail/lugsail/platform"
)

type loginOptions struct {
	trust
	email         string
	token         bool
	passwordStdin bool
	code          string
}

func (p *program) login() *cobra.Command {
	var o loginOptions
	c := &cobra.Command{
		Use: "login [URL]", Short: "Sign in to a server", Args: args(0, 1),
		Long: "Sign in to a server, and let git push to it without further questions.\n\nURL is the address of the console. On the server itself it may be left out.",
		RunE: func(cmd *cobra.Command, args []string) error { return p.runLogin(cmd.Context(), args, o) },
	}
	f := c.Flags()
	f.StringVar(&o.email, "email", "", "e-mail address of the account")
	f.BoolVar(&o.passwordStdin, "password-stdin", false, "read the password from standard input")
	f.StringVar(&o.code, "code", "", "code of the second factor, or a recovery code, where nobody can be asked")
	f.BoolVar(&o.token, "token", false, "sign in by an API token, from standard input or LUGSAIL_TOKEN")
	f.StringVar(&o.file, "ca-file", "", "file of the server's CA certificate")
	f.StringVar(&o.fingerprint, "fingerprint", "", "SHA-256 fingerprint of the server's CA certificate")
	return c
}

func (p *program) runLogin(ctx context.Context, args []string, o loginOptions) error {
	base, err := p.loginURL(ctx, args)
	if err != nil {
		return err
	}
	server := savedServer{URL: base, Here: p.here(base)}
	if server.CA, err = p.certificate(ctx, base, o.trust); err != nil {
		return err
	}
	c, err := newClient(server, p.Version)
	if err != nil {
		return err
	}
	if o.token {
		server.Token, server.Email, err = p.byToken(ctx, c)
	} else {
		server.Own = true
		server.Token, server.Email, err = p.byPassword(ctx, c, o)
	}
	if err != nil {
		return err
	}
	s, err := p.readSaved()
	if err != nil {
		return err
	}
	before := s.Servers[base]
	s.Servers[base], s.Current = server, base
	if err := p.writeSaved(s); err != nil {
		return err
	}
	if before.Token != server.Token {
		p.endToken(ctx, before)
	}
	gitKnows, err := p.configureGit(ctx, server)
	if err != nil {
		return err
	}
	if p.json {
		return printJSON(p.Stdout, map[string]any{"server": base, "email": server.Email, "git": gitKnows})
	}
	p.printf("Signed in to %s as %s.\n", base, server.Email)
	if gitKnows {
		p.printf("git push to this server needs no password from now on.\n")
	}
	return nil
}

func (p *program) loginURL(ctx context.Context, args []string) (string, error) {
	if len(args) == 1 {
		return cleanURL(args[0])
	}
	if u := p.env("LUGSAIL_URL"); u != "" {
		return cleanURL(u)
	}
	if s, err := p.readSaved(); err == nil && s.Current != "" {
		return s.Current, nil
	}
	if u, _ := p.Local(); u != "" {
		return u, nil
	}
	u, err := p.ask(ctx, "Address of the console: ")
	if errors.Is(err, errNobody) {
		return "", usagef("Which server? Give the address of its console: lugsail login https://console.example.com")
	}
	if err != nil {
		return "", err
	}
	return cleanURL(u)
}

// here says whether this is the server itself.
func (p *program) here(base string) bool {
	u, _ := p.Local()
	return u == base
}

// cleanURL takes "console.example.com" as well as "https://console.example.com/".
func cleanURL(text string) (string, error) {
	if !strings.Contains(text, "://") {
		text = "https://" + text
	}
	u, err := url.Parse(strings.TrimRight(strings.TrimSpace(text), "/"))
	if err != nil || u.Scheme != "https" || u.Hostname() == "" || u.User != nil || u.Path != "" || u.RawQuery != "" {
		return "", usagef("%q is not the address of a console, such as https://console.example.com", text)
	}
	u.Host = strings.TrimSuffix(strings.ToLower(u.Host), ":443")
	return u.String(), nil
}

func (p *program) byToken(ctx context.Context, c *client) (secret, email string, err error) {
	secret = p.env("LUGSAIL_TOKEN")
	switch {
	case secret != "":
	case p.interactive():
		secret, err = p.password(ctx, "API token: ")
	default:
		secret, err = p.line()
	}
	if err != nil {
		return "", "", err
	}
	if c.token = strings.TrimSpace(secret); c.token == "" {
		return "", "", usagef("The token is empty")
	}
	var answer struct{ Account account }
	_, err = c.call(ctx, http.MethodGet, "/api/v1/account", nil, &answer)
	return c.token, answer.Account.Email, err
}

func (p *program) byPassword(ctx context.Context, c *client, o loginOptions) (secret, email string, err error) {
	email = o.email
	if email == "" {
		email, err = p.ask(ctx, "E-mail: ")
		if errors.Is(err, errNobody) {
			return "", "", usagef("Give --email and --password-stdin, or --token, where nobody can be asked")
		}
		if err != nil {
			return "", "", err
		}
	}
	var password string
	if o.passwordStdin {
		password, err = p.line()
	} else {
		password, err = p.password(ctx, "Password: ")
	}
	if errors.Is(err, errNobody) {
		return "", "", usagef("Give --password-stdin where nobody can be asked")
	}
	if err != nil {
		return "", "", err
	}
	name, err := os.Hostname()
	if err != nil {
		name = "a computer"
	}
	var answer struct {
		Secret  string
		Account account
	}
	body := map[string]string{"email": email, "password": password, "name": "lugsail on " + name}
	if o.code != "" { // a server of before knows no such field
		body["code"] = o.code
	}
	_, err = c.call(ctx, http.MethodPost, "/api/v1/login", body, &answer)
	if err != nil && platform.AsError(err).Code == "second_factor_needed" {
		if body["code"], err = p.askCode(ctx, "", "Code from your phone, or a recovery code: "); err != nil {
			return "", "", err
		}
		_, err = c.call(ctx, http.MethodPost, "/api/v1/login", body, &answer)
	}
	return answer.Secret, answer.Account.Email, err
}

func (p *program) logout() *cobra.Command {
	return &cobra.Command{
		Use: "logout", Short: "Sign out and forget the server", Args: args(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			s, err := p.readSaved()
			if err != nil {
				return err
			}
			server, ok := s.Servers[s.Current]
			if !ok {
				return platform.Errorf(platform.Unauthenticated, "not_signed_in", "You are not signed in to a server.")
			}
			p.endToken(cmd.Context(), server)
			if err := p.forgetGit(cmd.Context(), server); err != nil {
				return err
			}
			delete(s.Servers, s.Current)
			s.Current = ""
			if err := p.writeSaved(s); err != nil {
				return err
			}
			return p.done(map[string]any{"server": server.URL}, "Signed out of %s.\n", server.URL)
		},
	}
}

// endToken ends a token that login made. It is only said when that fails: the server may be gone for ever.
func (p *program) endToken(ctx context.Context, server savedServer) {
	if !server.Own {
		return
	}
	c, err := newClient(server, p.Version)
	if err == nil {
		_, err = c.call(ctx, http.MethodPost, "/api/v1/logout", struct{}{}, nil)
	}
	if err != nil && !platform.IsKind(err, platform.Unauthenticated) {
		p.note("The token of before could not be ended on the server: %s\n", platform.AsError(err).Message)
	}
}

// done says that something happened.
func (p *program) done(v any, format string, args ...any) error {
	if p.json {
		return printJSON(p.Stdout, v)
	}
	p.printf(format, args...)
	return nil
}
