package main

import (
	"encoding/json"
	"io"
	"log/slog"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/lugsail/lugsail/internal/cli"
	"github.com/lugsail/lugsail/internal/config"
	"github.com/lugsail/lugsail/internal/service"
	"github.com/lugsail/lugsail/platform"
)

// serverCommands are those that work on the server itself.
func serverCommands() []*cobra.Command {
	all := []*cobra.Command{serveCommand(), proxyCommand(), serviceCommand(), hostCommand(), setupLinkCommand(), recoverCommand(), dbCommand()}
	withoutJSON(all)
	return all
}

// answers are the commands on the server that print something which programs want.
var answers = []string{"setup-link", "recover", "service status", "host check", "host fingerprint", "host settings", "host summary", "host address", "host address domain", "host address ready", "host address local", "host address confirm", "host diagnostics", "db status", "db check", "db copy", "db copies", "db restore", "db migrate-to"}

func withoutJSON(commands []*cobra.Command) {
	for _, c := range commands {
		if !slices.Contains(answers, c.CommandPath()) {
			cli.WithoutJSON(c)
		}
		withoutJSON(c.Commands())
	}
}

// settings reads the configuration as the flags of a command say.
type settings struct {
	file  string
	flags *pflag.FlagSet
}

// add gives a command the flags of all settings, and --config.
func (s *settings) add(c *cobra.Command) *cobra.Command {
	s.flags = c.PersistentFlags()
	s.flags.StringVar(&s.file, "config", firstOf(os.Getenv("LUGSAIL_CONFIG"), config.DefaultFile), "file of the server's settings")
	for _, f := range config.Fields() {
		if f.Secret() {
			continue // flags can be read by everybody on the machine
		}
		s.flags.String(f.Flag(), f.Default, f.Usage)
		_ = s.flags.MarkHidden(f.Flag()) // exists: it was just made
	}
	return c
}

func (s settings) load() (config.Config, error) {
	given := map[string]string{}
	if s.flags != nil {
		s.flags.VisitAll(func(f *pflag.Flag) {
			if f.Changed && known(f.Name) {
				given[f.Name] = f.Value.String()
			}
		})
	}
	return config.Load(config.Sources{File: firstOf(s.file, os.Getenv("LUGSAIL_CONFIG")), Environ: os.Environ(), Flags: given})
}

// args are the flags that make another process read the same configuration.
func (s settings) args() []string {
	args := []string{"--config", firstOf(s.file, config.DefaultFile)}
	if s.flags != nil {
		s.flags.VisitAll(func(f *pflag.Flag) {
			if f.Changed && known(f.Name) {
				args = append(args, "--"+f.Name+"="+f.Value.String())
			}
		})
	}
	return args
}

func known(flag string) bool {
	for _, f := range config.Fields() {
		if f.Flag() == flag {
			return true
		}
	}
	return false
}

// service is how the configuration looks to the supervisor.
func (s settings) service(c config.Config) (service.Config, error) {
	binary, err := os.Executable()
	if err != nil {
		return service.Config{}, err
	}
	cfg := service.Config{
		Binary: strings.TrimSuffix(binary, " (deleted)"), Args: s.args(), RunDir: c.RunDir, LogDir: c.LogDir,
		HTTPAddr: addr(c.HTTPPort), HTTPSAddr: addr(c.HTTPSPort), Control: c.ControlSocket(),
		ProxyUser: service.ProxyUser, ProxyDir: c.ProxyDir(),
	}
	if c.ManageDocker {
		cfg.DockerHost = c.DockerHost
	}
	return cfg, nil
}

func asRoot(what string) error {
	if os.Geteuid() == 0 {
		return nil
	}
	return platform.Errorf(platform.Forbidden, "not_root", "This must run as root.").WithHint("sudo lugsail %s", what)
}

// logTo makes the program's log: text to standard error, for the service's log file or the journal.
func logTo(level string) {
	levels := map[string]slog.Level{"debug": slog.LevelDebug, "info": slog.LevelInfo, "warn": slog.LevelWarn, "error": slog.LevelError}
	slog.SetDefault(slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: levels[level]})))
}

func firstOf(texts ...string) string {
	for _, t := range texts {
		if t != "" {
			return t
		}
	}
	return ""
}

func asJSON(cmd *cobra.Command) bool {
	yes, _ := cmd.Flags().GetBool("json") // false where the flag does not exist
	return yes
}

func printJSON(out io.Writer, v any) error {
	e := json.NewEncoder(out)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	return e.Encode(v)
}
