package main

import (
	"context"

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
