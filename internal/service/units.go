package service

import (
	"context"
	_ "embed"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"text/template"

	"github.com/lugsail/lugsail/internal/atomicfile"
	"github.com/lugsail/lugsail/internal/command"
)

const unitDir = "/etc/systemd/system"

// units are what starts and stops the whole: the sockets, the proxy that they belong to, the control plane,
// and the network rules, which the Docker Engine waits for.
var units = []string{
	"lugsail-http.socket", "lugsail-https.socket", "lugsail-control.socket",
	"lugsail-proxy.service", "lugsail.service", "lugsail-firewall.service",
}

//go:embed units.txt
var unitText string

// Units gives the text of each unit file by its name.
func Units(c Config, dataDir, configDir string) (map[string]string, error) {
	t, err := template.New("units").Funcs(template.FuncMap{"listen": everyAddress, "path": path, "word": word}).Parse(unitText)
	if err != nil {
		return nil, fmt.Errorf("reading the unit files: %w", err)
	}
	all := map[string]string{}
	for _, name := range units {
		var b strings.Builder
		err := t.ExecuteTemplate(&b, name, map[string]any{
			"C": c, "DataDir": dataDir, "ConfigDir": configDir,
			"RuntimeDir": belowRun(c.RunDir), "ProtectHome": protectHome(c.Binary, dataDir, configDir, c.RunDir, c.EngineDir),
		})
		if err != nil {
			return nil, fmt.Errorf("writing %s: %w", name, err)
		}
		all[name] = strings.TrimLeft(b.String(), "\n")
	}
	return all, nil
}

// everyAddress writes an address as systemd does: one that means all of them as the port alone.
func everyAddress(address string) string { return strings.TrimPrefix(address, ":") }

// path keeps systemd from replacing parts of a path, and word parts of a command line.
func path(s string) string { return strings.ReplaceAll(s, "%", "%%") }
func word(s string) string { return strings.ReplaceAll(path(s), "$", "$$") }

// belowRun is the part of a directory behind /run/, which systemd makes at each boot; "" where it lies elsewhere.
func belowRun(dir string) string {
	below, ok := strings.CutPrefix(dir, "/run/")
	if !ok {
		return ""
	}
	return below
}

// protectHome hides people's directories, unless something of ours lies there: then they are only not written to.
func protectHome(ours ...string) string {
	for _, place := range ours {
		for _, home := range []string{"/home/", "/root/", "/run/user/"} {
			if strings.HasPrefix(place+"/", home) {
				return "read-only"
			}
		}
	}
	return "yes"
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
	changed := false // systemd does not open a running socket anew
	for name, text := range all {
		file := filepath.Join(unitDir, name)
		if before, err := os.ReadFile(file); err == nil && string(before) != text && strings.HasSuffix(name, ".socket") {
			changed = true
		}
		if err := atomicfile.Write(file, []byte(text), 0o644); err != nil {
			return err
		}
	}
	if err := systemctl(ctx, "daemon-reload"); err != nil {
		return err
	}
	if changed {
		if err := systemctl(ctx, append([]string{"stop"}, units[:4]...)...); err != nil {
			return err
		}
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

// UnitHas reports whether a process belongs to one of the units.
func UnitHas(pid int) bool {
	groups, err := os.ReadFile(fmt.Sprintf("/proc/%d/cgroup", pid))
	if err != nil {
		return false // it has gone
	}
	for line := range strings.Lines(string(groups)) {
		for part := range strings.SplitSeq(strings.TrimSpace(line), "/") {
			if strings.HasSuffix(part, ".service") && slices.Contains(units, part) {
				return true
			}
		}
	}
	return false
}
