package cli

import (
	"context"
	"io"
	"maps"
	"net/http"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/lugsail/lugsail/platform"
)

func (p *program) config() *cobra.Command {
	var show bool
	c := &cobra.Command{
		Use: "config", Short: "Show and change config vars", Args: cobra.ArbitraryArgs,
		Long: "Show and change config vars: names and values in the environment of the app.\n\nWithout a word after it, config shows the names; --show shows the values too.",
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				return unknown(cmd, args)
			}
			return p.listConfig(cmd, show)
		},
	}
	c.Flags().BoolVar(&show, "show", false, "show the values, as lines of an .env file")
	c.AddCommand(p.configSet(), p.configUnset(), p.configGet())
	return c
}

func (p *program) listConfig(cmd *cobra.Command, show bool) error {
	c, name, err := p.target(cmd.Context())
	if err != nil {
		return err
	}
	if show {
		var answer struct{ Config map[string]string }
		raw, err := c.call(cmd.Context(), http.MethodGet, path(name, "config", "values"), nil, &answer)
		if err != nil {
			return err
		}
		return p.answer(raw, func() {
			for line := range strings.Lines(platform.FormatDotenv(answer.Config)) {
				p.printf("%s\n", clean(strings.TrimSuffix(line, "\n")))
			}
		})
	}
	var answer struct{ Names []string }
	raw, err := c.call(cmd.Context(), http.MethodGet, path(name, "config"), nil, &answer)
	if err != nil {
		return err
	}
	return p.answer(raw, func() {
		if len(answer.Names) == 0 {
			p.printf("%s has no config vars. Set one: lugsail config set NAME=value\n", name)
		}
		for _, n := range answer.Names {
			p.printf("%s\n", n)
		}
	})
}

func (p *program) configSet() *cobra.Command {
	var file string
	var detach bool
	c := &cobra.Command{
		Use: "set [NAME=value...]", Short: "Set config vars and deploy", Args: args(0, -1),
		Example: "  lugsail config set SECRET=xyz MODE=live\n  lugsail config set --env-file .env\n  lugsail config set --env-file - <secrets",
		RunE: func(cmd *cobra.Command, args []string) error {
			set := map[string]string{}
			if file != "" {
				var err error
				if set, err = p.readEnvFile(file); err != nil {
					return err
				}
			}
			for _, a := range args {
				k, v, ok := strings.Cut(a, "=")
				if !ok {
					return usagef("%q must have the form NAME=value", k)
				}
				set[k] = v
			}
			if len(set) == 0 {
				return usagef("Give at least one NAME=value, or --env-file")
			}
			return p.changeConfig(cmd, set, nil, detach)
		},
	}
	c.Flags().StringVar(&file, "env-file", "", `file of NAME=value lines; "-" is standard input`)
	detachFlag(c, &detach)
	return c
}

func (p *program) changeConfig(cmd *cobra.Command, set map[string]string, unset []string, detach bool) error {
	if err := platform.ValidateConfigVars(set); err != nil {
		return err
	}
	c, name, err := p.target(cmd.Context())
	if err != nil {
		return err
	}
	body := map[string]any{"set": set, "unset": unset}
	return p.start(cmd.Context(), c, name, http.MethodPatch, path(name, "config"), body, detach)
}

func (p *program) configUnset() *cobra.Command {
	var detach bool
	c := &cobra.Command{
		Use: "unset NAME...", Short: "Remove config vars and deploy", Args: args(1, -1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := p.areThere(cmd.Context(), args); err != nil {
				return err
			}
			return p.changeConfig(cmd, map[string]string{}, args, detach)
		},
	}
	detachFlag(c, &detach)
	return c
}

// areThere finds the mistyped name before anything is removed.
func (p *program) areThere(ctx context.Context, wanted []string) error {
	c, name, err := p.target(ctx)
	if err != nil {
		return err
	}
	var answer struct{ Names []string }
	if _, err := c.call(ctx, http.MethodGet, path(name, "config"), nil, &answer); err != nil {
		return err
	}
	for _, w := range wanted {
		if !slices.Contains(answer.Names, w) {
			return noConfigVar(name, w, answer.Names)
		}
	}
	return nil
}

func noConfigVar(app, name string, all []string) error {
	e := platform.Errorf(platform.NotFound, "config_not_found", "%s has no config var %s.", app, name)
	if hint := meant(name, all); hint != "" {
		return e.WithHint("%s", hint)
	}
	return e.WithHint("`lugsail config --app %s` lists them.", app)
}

func (p *program) configGet() *cobra.Command {
	return &cobra.Command{
		Use: "get NAME", Short: "Print the value of a config var", Args: args(1, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, name, err := p.target(cmd.Context())
			if err != nil {
				return err
			}
			var answer struct{ Config map[string]string }
			if _, err := c.call(cmd.Context(), http.MethodGet, path(name, "config", "values"), nil, &answer); err != nil {
				return err
			}
			v, ok := answer.Config[args[0]]
			if !ok {
				return noConfigVar(name, args[0], slices.Collect(maps.Keys(answer.Config)))
			}
			return p.done(map[string]string{args[0]: v}, "%s\n", p.value(v))
		},
	}
}

// maxEnvFile is far above what an app can have.
const maxEnvFile = 1 << 20

func (p *program) readEnvFile(file string) (map[string]string, error) {
	in := io.Reader(p.Stdin)
	if file != "-" {
		f, err := os.Open(file)
		if err != nil {
			return nil, platform.Errorf(platform.Invalid, "env_file", "The file %s cannot be read.", file).Because(err)
		}
		defer func() { _ = f.Close() }() // nothing was written
		in = f
	}
	text, err := io.ReadAll(io.LimitReader(in, maxEnvFile+1))
	if err != nil {
		return nil, platform.Errorf(platform.Invalid, "env_file", "The file %s cannot be read.", file).Because(err)
	}
	if len(text) > maxEnvFile {
		return nil, platform.Errorf(platform.Invalid, "env_file", "The file %s is too large.", file).
			WithHint("All config vars of an app together may have 64 KiB.")
	}
	return platform.ParseDotenv(string(text))
}
