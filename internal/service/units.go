package service

import (
	"context"
	_ "embed"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"text/template"

	"github.com/lugsail/lugsail/internal/atomicfile"
	"github.com/lugsail/lugsail/internal/command"
)

const unitDir = "/etc/systemd/system"

// units are what starts and stops the whole.
var units = []string{
	"lugsail-http.socket", "lugsail-https.socket", "lugsail-control.socket",
	"lugsail-proxy.service", "lugsail.service",
}

//go:embed units.txt
var unitText string

// Units gives the text of each unit file by its name.
func Units(c Config, dataDir, configDir string) (map[string]string, error) {
	// systemd writes "every address" as the port alone.
	funcs := template.FuncMap{"listen": func(address string) string { return strings.TrimPrefix(address, ":") }}
	t, err := template.New("units").Funcs(funcs).Parse(unitText)
	if err != nil {
		return nil, fmt.Errorf("reading the unit files: %w", err)
	}
	all := map[string]string{}
	for _, name := range units {
		var b strings.Builder
		err := t.ExecuteTemplate(&b, name, map[string]any{
			"C": c, "Args": strings.Join(c.Args, " "), "DataDir": dataDir, "ConfigDir": configDir, "ControlDir": filepath.Dir(c.Control),
		})
		if err != nil {
			return nil, fmt.Errorf("writing %s: %w", name, err)
		}
		all[name] = strings.TrimLeft(b.String(), "\n")
	}
	return all, nil
}

// Install writes the unit files and lets systemd start them at boot. Without systemd there is nothing to do.
func (c *Control) Install(ctx context.Context, dataDir, configDir string) error {
	if !c.systemd {
		return nil
	}
	all, err := Units(c.Config, dataDir, configDir)
	if err != nil {
		return err
	}
	for name, text := range all {
		if err := atomicfile.Write(filepath.Join(unitDir, name), []byte(text), 0o644); err != nil {
			return err
		}
	}
	if err := systemctl(ctx, "daemon-reload"); err != nil {
		return err
	}
	return systemctl(ctx, append([]string{"enable", "--quiet"}, units...)...)
}

// Uninstall stops the service and takes the unit files away.
func (c *Control) Uninstall(ctx context.Context) error {
	if !c.systemd {
		return c.Stop(ctx)
	}
	if _, err := os.Stat(filepath.Join(unitDir, "lugsail.service")); os.IsNotExist(err) {
		return nil
	}
	if err := systemctl(ctx, append([]string{"disable", "--now", "--quiet"}, units...)...); err != nil {
		return err
	}
	for _, name := range units {
		if err := removeIfThere(filepath.Join(unitDir, name)); err != nil {
			return err
		}
	}
	return command.Command{Name: "systemctl", Args: []string{"daemon-reload"}}.Run(ctx)
}
