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
	c.AddCommand(p.configSet(), p.configUnset(), p.configGet(), p.configHistory(), p.configRestore(), p.configApply())
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
	var answer struct {
		Names   []string
		Waiting platform.ConfigDiff
		Brought []binding
	}
	raw, err := c.call(cmd.Context(), http.MethodGet, path(name, "config"), nil, &answer)
	if err != nil {
		return err
	}
	return p.answer(raw, func() {
		for _, b := range answer.Brought {
			if b.App == name {
				defer p.note("\n%s brings: %s\n", b.Addon, strings.Join(b.ConfigVars, ", "))
			}
		}
		if len(answer.Names) == 0 {
			p.printf("%s has no config vars. Set one: lugsail config set NAME=value\n", name)
		}
		for _, n := range answer.Names {
			p.printf("%s\n", n)
		}
		if !answer.Waiting.Nothing() {
			p.note("\nWhat runs has older values. The next deployment changes: %s\nDeploy them now: lugsail config apply%s\n", changesText(answer.Waiting), p.named())
		}
	})
}

func (p *program) configSet() *cobra.Command {
	var file string
	var how configManner
	c := &cobra.Command{
		Use: "set [NAME=value...]", Short: "Set config vars and deploy", Args: args(0, -1),
		Long:    "Set config vars, and deploy once for all of them. With --later they are saved, and the next deployment has them,\nwhatever brings it; with --preview nothing is saved.",
		Example: "  lugsail config set SECRET=xyz MODE=live\n  lugsail config set MODE=live --later\n  lugsail config set --env-file .env --preview\n  lugsail config set --env-file - <secrets",
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
			return p.changeConfig(cmd, set, nil, how)
		},
	}
	c.Flags().StringVar(&file, "env-file", "", `file of NAME=value lines; "-" is standard input`)
	how.flags(c)
	return c
}

// configManner is how a change of config vars is made.
type configManner struct{ detach, later, preview bool }

func (m *configManner) flags(c *cobra.Command) {
	detachFlag(c, &m.detach)
	laterFlag(c, &m.later)
	c.Flags().BoolVar(&m.preview, "preview", false, "say what that would change, and save nothing")
}

func laterFlag(c *cobra.Command, later *bool) {
	c.Flags().BoolVar(later, "later", false, "save it for the next deployment, and deploy nothing now")
}

func (p *program) changeConfig(cmd *cobra.Command, set map[string]string, unset []string, how configManner) error {
	if how.later && (how.detach || how.preview) || how.detach && how.preview {
		return usagef("Give one of --detach, --later and --preview")
	}
	if err := platform.ValidateConfigVars(set); err != nil {
		return err
	}
	c, name, err := p.target(cmd.Context())
	if err != nil {
		return err
	}
	body := map[string]any{"set": set, "unset": unset}
	switch {
	case how.preview:
		return p.previewConfig(cmd.Context(), c, name, body)
	case how.later:
		body["later"] = true
		return p.saveConfig(cmd.Context(), c, name, http.MethodPatch, path(name, "config"), body)
	}
	return p.start(cmd.Context(), c, name, http.MethodPatch, path(name, "config"), body, how.detach)
}

func (p *program) configUnset() *cobra.Command {
	var how configManner
	c := &cobra.Command{
		Use: "unset NAME...", Short: "Remove config vars and deploy", Args: args(1, -1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := p.areThere(cmd.Context(), args); err != nil {
				return err
			}
			return p.changeConfig(cmd, map[string]string{}, args, how)
		},
	}
	how.flags(c)
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
