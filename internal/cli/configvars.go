package cli

import (
	"bufio"
	"fmt"
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
	c.Flags().BoolVar(&show, "show", false, "show the values")
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
			for _, k := range slices.Sorted(maps.Keys(answer.Config)) {
				p.printf("%s=%s\n", k, clean(answer.Config[k]))
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
				if err := p.readEnvFile(file, set); err != nil {
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
	return p.start(cmd.Context(), c, name, http.MethodPatch, path(name, "config"), body, "Kept. Nothing needs to be deployed for it now.", detach)
}

func (p *program) configUnset() *cobra.Command {
	var detach bool
	c := &cobra.Command{
		Use: "unset NAME...", Short: "Remove config vars and deploy", Args: args(1, -1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return p.changeConfig(cmd, map[string]string{}, args, detach)
		},
	}
	detachFlag(c, &detach)
	return c
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
				return platform.Errorf(platform.NotFound, "config_not_found", "%s has no config var %s.", name, args[0]).
					WithHint("`lugsail config --app %s` lists them.", name)
			}
			return p.done(map[string]string{args[0]: v}, "%s\n", v)
		},
	}
}

func (p *program) readEnvFile(file string, into map[string]string) error {
	in := io.Reader(p.Stdin)
	if file != "-" {
		f, err := os.Open(file)
		if err != nil {
			return platform.Errorf(platform.Invalid, "env_file", "The file %s cannot be read.", file).Because(err)
		}
		defer func() { _ = f.Close() }() // nothing was written
		in = f
	}
	return parseEnv(in, into)
}

// parseEnv reads the lines of a .env file: comments, an optional export, values that
// may stand in quotes. Double quotes know \n, \t, \" and \\; single quotes know nothing.
func parseEnv(r io.Reader, into map[string]string) error {
	in := bufio.NewScanner(r)
	in.Buffer(nil, 1<<20)
	for n := 1; in.Scan(); n++ {
		line := strings.TrimSpace(strings.TrimPrefix(in.Text(), "\ufeff"))
		if line == "" || line[0] == '#' {
			continue
		}
		name, value, ok := strings.Cut(strings.TrimPrefix(line, "export "), "=")
		if !ok {
			return platform.Errorf(platform.Invalid, "env_line", "Line %d of the file is not of the form NAME=value.", n)
		}
		into[strings.TrimSpace(name)] = unquote(strings.TrimSpace(value))
	}
	if err := in.Err(); err != nil {
		return fmt.Errorf("reading the file: %w", err)
	}
	return nil
}

func unquote(v string) string {
	if len(v) >= 2 && v[0] == v[len(v)-1] {
		switch v[0] {
		case '\'':
			return v[1 : len(v)-1]
		case '"':
			return strings.NewReplacer(`\n`, "\n", `\t`, "\t", `\"`, `"`, `\\`, `\`).Replace(v[1 : len(v)-1])
		}
	}
	if i := strings.Index(v, " #"); i >= 0 {
		v = strings.TrimSpace(v[:i])
	}
	return v
}
