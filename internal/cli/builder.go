package cli

import (
	"net/http"

	"github.com/spf13/cobra"
)

func (p *program) builder() *cobra.Command {
	var file string
	c := &cobra.Command{
		Use: "builder [auto|buildpacks|dockerfile]", Short: "Show or choose what turns pushes into images", Args: args(0, 1),
		Long:      "Choose what turns pushes into images. auto takes the Dockerfile when the source has one,\nand else finds out the language. A change counts from the next push on.",
		Example:   "  lugsail builder buildpacks\n  lugsail builder dockerfile --file docker/Dockerfile",
		ValidArgs: []string{"auto", "buildpacks", "dockerfile"},
		RunE: func(cmd *cobra.Command, args []string) error {
			c, name, err := p.target(cmd.Context())
			if err != nil {
				return err
			}
			change := map[string]string{}
			if len(args) > 0 {
				change["builder"] = args[0]
			}
			if cmd.Flags().Changed("file") {
				change["dockerfile"] = file
			}
			if len(change) > 0 {
				if _, err := c.call(cmd.Context(), http.MethodPatch, path(name), change, nil); err != nil {
					return err
				}
			}
			a, raw, err := p.fetch(cmd.Context())
			if err != nil {
				return err
			}
			return p.answer(raw, func() {
				p.printf("Builder: %s\nDockerfile: %s\n", a.Builder, firstOf(a.Dockerfile, "Dockerfile"))
				if len(change) > 0 {
					p.printf("It counts from the next push on. To build again now: lugsail deploy%s\n", p.named())
				}
			})
		},
	}
	c.Flags().StringVar(&file, "file", "", "path of the Dockerfile in the source; empty means Dockerfile")
	return c
}
