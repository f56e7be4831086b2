package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/lugsail/lugsail/internal/config"
	"github.com/lugsail/lugsail/platform"
	"github.com/lugsail/lugsail/platform/account"
)

// setupLink asks the running control plane for a new one-time link, by each name of the console; a
// Conflict when an account exists.
func setupLink(ctx context.Context, c config.Config) ([]string, error) {
	answer, err := askAdmin(ctx, c, "setup-link", "")
	if err == nil && answer.Claimed {
		err = platform.Errorf(platform.Conflict, "set_up", "This server is set up already.").
			WithHint("Sign in at %s. A forgotten password: lugsail recover", c.ConsoleURL())
	}
	return answer.URLs, err
}

func recoverLink(ctx context.Context, c config.Config, email string) ([]string, error) {
	answer, err := askAdmin(ctx, c, "recover", email)
	return answer.URLs, err
}

func setupLinkCommand() *cobra.Command {
	var s settings
	return s.add(&cobra.Command{
		Use: "setup-link", Short: "Make a new one-time link for the first account", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := asRoot("setup-link"); err != nil {
				return err
			}
			c, err := s.load()
			if err != nil {
				return err
			}
			urls, err := setupLink(cmd.Context(), c)
			if err != nil {
				return err
			}
			return printLink(cmd, urls)
		},
	})
}

func recoverCommand() *cobra.Command {
	var s settings
	return s.add(&cobra.Command{
		Use: "recover [E-MAIL]", Short: "Make a one-time link to set a new password", Args: cobra.MaximumNArgs(1),
		Long: "Make a one-time link to set a new password.\n\n" +
			"Without E-MAIL it is for the first owner. Its page also helps who has lost the phone: it can switch the\n" +
			"second factor off and remove the passkeys. Root on the server is proof enough.",
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := asRoot("recover"); err != nil {
				return err
			}
			c, err := s.load()
			if err != nil {
				return err
			}
			email := ""
			if len(args) == 1 {
				email = args[0]
			}
			urls, err := recoverLink(cmd.Context(), c, email)
			if err != nil {
				return err
			}
			return printLink(cmd, urls)
		},
	})
}

// printLink gives programs the addresses alone, and people a word beside them.
func printLink(cmd *cobra.Command, urls []string) error {
	if asJSON(cmd) {
		return printJSON(cmd.OutOrStdout(), map[string]any{"urls": urls, "minutes": int(account.LinkLife.Minutes())})
	}
	_, err := fmt.Fprintln(cmd.OutOrStdout(), strings.Join(urls, "\n"))
	_, _ = fmt.Fprintf(cmd.ErrOrStderr(), "Open it in a browser. It works once, for %d minutes.\n", int(account.LinkLife.Minutes())) // a closed pipe ends the program by signal
	return err
}
