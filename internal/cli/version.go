package cli

import (
	"net/http"
	"runtime"

	"github.com/spf13/cobra"
)

func (p *program) version() *cobra.Command {
	return &cobra.Command{
		Use: "version", Short: "Show the version of this program and of the server", Args: args(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			v := map[string]string{"version": p.Version, "platform": runtime.GOOS + "/" + runtime.GOARCH, "go": runtime.Version()}
			if c, err := p.client(); err == nil {
				var answer struct{ Version string }
				if _, err := c.call(cmd.Context(), http.MethodGet, "/api/v1/server", nil, &answer); err == nil {
					v["server"] = answer.Version
				}
			}
			if p.json {
				return printJSON(p.Stdout, v)
			}
			p.printf("lugsail %s (%s, %s)\n", v["version"], v["platform"], v["go"])
			if v["server"] != "" {
				p.printf("server  %s\n", v["server"])
			}
			return nil
		},
	}
}
