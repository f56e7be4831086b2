package main

import (
	"fmt"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"github.com/lugsail/lugsail/internal/proxy"
)

func addr(port int) string { return fmt.Sprintf(":%d", port) }

func proxyCommand() *cobra.Command {
	var s settings
	return s.add(&cobra.Command{
		Use: "proxy", Short: "Run the data plane in the foreground", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := s.load()
			if err != nil {
				return err
			}
			logTo(c.LogLevel)
			p, err := proxy.New(proxy.Config{
				HTTPAddr: addr(c.HTTPPort), HTTPSAddr: addr(c.HTTPSPort), PublicHTTPSPort: c.HTTPSPort,
				ControlSocket: c.ControlSocket(), DataDir: c.ProxyDir(),
				ACMEDirectory: c.ACMEDirectory(), ACMEEmail: c.ACMEEmail, ACMERoots: c.ACMERoots,
			})
			if err != nil {
				return err
			}
			group, ctx := errgroup.WithContext(cmd.Context())
			group.Go(func() error { return p.Run(ctx) })
			group.Go(func() error { return keepSmall(ctx) })
			return group.Wait()
		},
	})
}
