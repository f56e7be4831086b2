package main

import "github.com/spf13/cobra"

func serveCommand() *cobra.Command {
	var s settings
	return s.add(&cobra.Command{
		Use: "serve", Short: "Run the control plane in the foreground", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := asRoot("serve"); err != nil {
				return err
			}
			c, err := s.load()
			if err != nil {
				return err
			}
			logTo(c.LogLevel)
			return serveGuarded(cmd.Context(), c)
		},
	})
}
