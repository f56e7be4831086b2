package main

import (
	"context"
	"errors"
	"io"
	"net/http"
	"os"

	"github.com/spf13/cobra"

	"github.com/lugsail/lugsail/internal/config"
	"github.com/lugsail/lugsail/platform"
)

// hostAddress is how root on the server shows and changes its address, also when nobody reaches the console.
func (s *settings) hostAddress() *cobra.Command {
	c := s.host("address", "Show and change where this server is found", func(_ context.Context, m machine) error { return m.showAddress(m.config) })
	c.Long = "Shows where this server is found, and changes it, also when its console cannot be reached:\n" +
		"`lugsail host address ready` always leads back to the name made of the server's IP address.\n\n" +
		"The old address goes on to work until the new one is confirmed, in the console or with `lugsail host address confirm`."
	email := ""
	domain := s.hostMove("domain DOMAIN", "Answer below a domain of your own: console.DOMAIN, my-app.DOMAIN", cobra.ExactArgs(1), func(cmd *cobra.Command, args []string) platform.AddressWish {
		wish := platform.AddressWish{Kind: platform.AddressDomain, Domain: args[0]}
		if cmd.Flags().Changed("email") {
			wish.Email = &email
		}
		return wish
	})
	domain.Flags().StringVar(&email, "email", "", "for the account at the certificate authority")
	c.AddCommand(domain,
		s.hostMove("ready [IP]", "Answer below a ready name made of the server's public IP address", cobra.MaximumNArgs(1), func(_ *cobra.Command, args []string) platform.AddressWish {
			return platform.AddressWish{Kind: platform.AddressReady, IP: firstOf(args...)}
		}),
		s.hostMove("local", "Answer on this machine alone, below localhost", cobra.NoArgs, func(*cobra.Command, []string) platform.AddressWish {
			return platform.AddressWish{Kind: platform.AddressLocal}
		}),
		s.host("confirm", "Let go of the addresses that the server has left", func(ctx context.Context, m machine) error {
			return m.takeAddress(ctx, map[string]string{"former_domains": ""})
		}),
	)
	return c
}

func (s *settings) hostMove(use, short string, takes cobra.PositionalArgs, wish func(*cobra.Command, []string) platform.AddressWish) *cobra.Command {
	return &cobra.Command{
		Use: use, Short: short, Args: takes,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := asRoot("host address " + use); err != nil {
				return err
			}
			m, err := s.machine(cmd)
			if err != nil {
				return err
			}
			changes, err := m.config.Wish(wish(cmd, args))
			if err != nil {
				return err
			}
			return m.takeAddress(cmd.Context(), m.config.Leave(changes, ""))
		},
	}
}

// takeAddress writes the settings, and lets a control plane that runs start anew with them.
func (m machine) takeAddress(ctx context.Context, changes map[string]string) error {
	next, err := m.config.Change(changes)
	if err != nil {
		return err
	}
	running := true
	response, err := postAdmin(ctx, m.config, "restart")
	if err != nil {
		running = false // it takes the settings when it starts
	} else {
		_ = response.Body.Close() // it says nothing
	}
	if err := m.showAddress(next); err != nil || m.json {
		return err
	}
	if !running {
		m.printf("Lugsail does not run just now; it takes the address when it starts: lugsail service start\n")
	}
	return nil
}

func (m machine) showAddress(c config.Config) error {
	a := c.Address()
	if m.json {
		return printJSON(m.out, map[string]any{"address": map[string]any{
			"kind": a.Kind, "base": a.Base, "console_url": a.Console, "former": append([]string{}, a.Former...), "acme_email": a.Email, "public_ca": a.Public,
		}})
	}
	m.printf("Console  %s\nApps     https://NAME.%s\n", a.Console, a.Base)
	for _, url := range a.Former {
		m.printf("Also at  %s, until the address above is confirmed\n", url)
	}
	return nil
}

// hostDiagnostics packs what can be told of this machine, with the control plane or without it.
func (s *settings) hostDiagnostics() *cobra.Command {
	c := &cobra.Command{
		Use: "diagnostics [FILE]", Short: "Pack what helps to find out what is wrong, without secrets", Args: cobra.MaximumNArgs(1),
		Long: "Packs versions, the check-up's findings, settings without secrets, states and the last log lines of Lugsail's own processes into one archive.\n" +
			"It works also when the control plane does not; then it tells less.",
	}
	c.RunE = func(cmd *cobra.Command, args []string) error {
		if err := asRoot("host diagnostics"); err != nil {
			return err
		}
		m, err := s.machine(cmd)
		if err != nil {
			return err
		}
		return m.diagnose(cmd.Context(), firstOf(args...))
	}
	return c
}

func (m machine) diagnose(ctx context.Context, path string) error {
	findings, err := examineOn(ctx, m.config)
	if err != nil {
		return err
	}
	b := diagnosisOf(m.config, findings, nil)
	write := func(to io.Writer) error { return b.Write(ctx, to) }
	if response, err := postAdmin(ctx, m.config, "diagnostics"); err == nil { // it knows more, and what to take out
		defer func() { _ = response.Body.Close() }() // it is read to its end
		write = func(to io.Writer) error {
			if _, err := io.Copy(to, response.Body); err != nil {
				return err
			}
			return asPlatform(response.Trailer.Get(troubleTrailer))
		}
	}
	if path == "" {
		path = b.Name()
	}
	file, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return platform.Errorf(platform.Conflict, "file_not_made", "%s cannot be made.", path).WithHint("Name another file.").Because(err)
	}
	if err := errors.Join(write(file), file.Close()); err != nil {
		return errors.Join(err, os.Remove(path))
	}
	if m.json {
		return printJSON(m.out, map[string]string{"file": path})
	}
	m.printf("%s is written. It holds no secret that Lugsail knows; look into it before you give it away.\n", path)
	return nil
}

// diagnosticsForRoot streams the archive to root on this machine.
func (c *control) diagnosticsForRoot(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Trailer", troubleTrailer)
	w.Header().Set("Content-Type", "application/gzip")
	w.Header().Set(troubleTrailer, fromPlatform(c.apps.Diagnose(r.Context(), platform.System(), w)))
}
