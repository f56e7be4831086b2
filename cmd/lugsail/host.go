package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/lugsail/lugsail/internal/config"
	"github.com/lugsail/lugsail/internal/disk"
	"github.com/lugsail/lugsail/internal/firewall"
	"github.com/lugsail/lugsail/internal/host"
	"github.com/lugsail/lugsail/internal/proxy"
	"github.com/lugsail/lugsail/internal/service"
	"github.com/lugsail/lugsail/internal/store"
	"github.com/lugsail/lugsail/platform"
)

func hostCommand() *cobra.Command {
	var s settings
	c := s.add(&cobra.Command{Use: "host", Short: "Prepare and look at this machine", Args: cobra.NoArgs})
	c.AddCommand(
		s.host("check", "Check whether Lugsail can run here", checkHost),
		s.host("setup", "Make users, directories and the settings file", setupHost),
		s.host("prepare-docker", "Merge sane defaults into the Docker Engine's settings, and start it", prepareDocker),
		s.host("prepare", "Make the base image and the builder", prepareBuilds),
		s.host("wait", "Wait until the console answers", waitForConsole),
		s.host("fingerprint", "Show the fingerprint of this server's own CA", fingerprint),
		s.host("settings", "Show every setting", showSettings),
		s.host("summary", "Show where the console is and how to push", summary),
		s.hostAddress(), s.hostDiagnostics(), s.hostRestore(), s.hostRemove(),
	)
	images := s.host("restore-images", "Bring in the images that a restored backup has", restoreImages)
	images.Hidden = true
	c.AddCommand(images)
	first := s.host("firewall", "Put the network rules in before the Docker Engine starts", firewallFirst)
	first.Hidden = true
	c.AddCommand(first)
	return c
}

// machine is what the commands about the host work with.
type machine struct {
	settings *settings
	config   config.Config
	service  service.Config
	out      io.Writer
	json     bool
}

func (m machine) printf(format string, args ...any) {
	_, _ = fmt.Fprintf(m.out, format, args...) // a closed pipe ends the program by signal
}

func (s *settings) host(use, short string, do func(context.Context, machine) error) *cobra.Command {
	return &cobra.Command{
		Use: use, Short: short, Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := asRoot(strings.TrimPrefix(cmd.CommandPath(), "lugsail ")); err != nil {
				return err
			}
			m, err := s.machine(cmd)
			if err != nil {
				return err
			}
			return do(cmd.Context(), m)
		},
	}
}

func (s *settings) machine(cmd *cobra.Command) (machine, error) {
	c, err := s.load()
	if err != nil {
		return machine{}, err
	}
	logTo("warn")
	sc, err := s.service(c)
	return machine{s, c, sc, cmd.OutOrStdout(), asJSON(cmd)}, err
}

func dirOf(path string) string { return filepath.Dir(path) }

func checkHost(_ context.Context, m machine) error {
	state, err := service.ReadState(m.service)
	if err != nil {
		return err
	}
	own := func(pid int) bool {
		if service.Systemd() && (pid == 1 || service.UnitHas(pid)) {
			return true // a socket unit of ours, or one that systemctl reports better
		}
		for _, p := range state.Parts {
			if p.PID == pid && p.Alive() {
				return true
			}
		}
		return pid == state.Supervisor.PID && state.Supervisor.Alive()
	}
	found := host.Check{
		DataDir: m.config.DataDir, Dirs: m.directories(), Present: m.config.Instance != "",
		Ports: m.config.Ports(), Own: own,
	}.Run()
	if m.json {
		problems := []*platform.Error{}
		for _, err := range found {
			problems = append(problems, platform.AsError(err))
		}
		if err := printJSON(m.out, map[string]any{"problems": problems}); err != nil {
			return err
		}
	}
	if len(found) == 0 || m.json {
		return errors.Join(found...)
	}
	for _, err := range found[:len(found)-1] {
		e := platform.AsError(err)
		m.printf("Error: %s\n", e.Message)
		if e.Hint != "" {
			m.printf("→ %s\n", e.Hint)
		}
	}
	return found[len(found)-1]
}

func (m machine) directories() []host.Directory {
	c := m.config
	return []host.Directory{
		{Path: dirOf(c.File()), Mode: 0o755, Shared: true},
		{Path: dirOf(c.KeyFile), Mode: 0o755, Shared: true},
		{Path: c.DataDir, Mode: 0o711, Option: "--data-dir", Known: knownData(c)}, // the proxy's user passes through to its own part
		{Path: c.LogDir, Mode: 0o750, Option: "--log-dir", Known: []string{"*.log", "*.log.1"}},
		{Path: c.ProxyDir(), Mode: 0o700, Owner: service.ProxyUser},
		{Path: c.RunDir, Mode: 0o755, Shared: true},
	}
}

// knownData takes a directory with our database in it for ours, with all that lies there.
func knownData(c config.Config) []string {
	if there, err := store.Exists(c.DataDir); err != nil || !there {
		return nil
	}
	return []string{"*"}
}

func setupHost(ctx context.Context, m machine) error {
	c := m.config
	if err := host.MakeUser(ctx, service.ProxyUser); err != nil {
		return err
	}
	repaired, err := host.MakeDirectories(m.directories())
	for _, path := range repaired {
		m.printf("Repaired the mode of %s.\n", path)
	}
	if err != nil {
		return err
	}
	if fixed, err := host.Closed(c.KeyFile); err != nil || fixed {
		m.printf("Repaired the mode of %s: others could read it.\n", c.KeyFile)
		if err != nil {
			return err
		}
	}
	if err := makeHostKey(m, c); err != nil {
		return err
	}
	if c.Instance == "" {
		c.Instance = platform.NewID()
	}
	return writeSettings(c)
}

func prepareDocker(ctx context.Context, m machine) error {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	socket := strings.TrimPrefix(m.config.DockerHost, "unix://")
	engine, err := host.AskEngine(ctx, socket)
	if err != nil {
		return err
	}
	if err := service.KeepEngineUp(ctx); err != nil {
		return err
	}
	merged, err := host.MergeDaemon(host.DaemonFile, host.Defaults(engine))
	if err != nil {
		return err
	}
	err = startEngine(ctx, m, socket, engine, merged.Added)
	if err == nil || len(merged.Added) == 0 {
		return err
	}
	return restoreEngine(context.WithoutCancel(ctx), m, socket, merged, err)
}

// restoreEngine starts the engine with its owner's settings when it did not start with ours.
func restoreEngine(ctx context.Context, m machine, socket string, merged host.Merge, cause error) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	if err := errors.Join(merged.Undo(), service.RestartEngine(ctx, m.service, socket, false), service.EnsureEngine(ctx, m.service, socket)); err != nil {
		return errors.Join(cause, err)
	}
	m.printf("The Docker Engine does not start with these settings. It runs again with its own; %s is as it was before.\n", host.DaemonFile)
	return nil
}

// startEngine makes new settings of the engine count without stopping a container, and waits until it answers.
func startEngine(ctx context.Context, m machine, socket string, engine host.Engine, added []string) error {
	if len(added) > 0 {
		m.printf("Set in %s: %s\n", host.DaemonFile, strings.Join(added, ", "))
		var err error
		switch host.HowToRestart(engine) {
		case host.RestartNow:
			err = service.RestartEngine(ctx, m.service, socket, false)
		case host.RestartReload:
			m.printf("Containers run here, so the Docker Engine was not restarted: the settings count in full after its next restart.\n")
			err = service.RestartEngine(ctx, m.service, socket, true)
		}
		if err != nil {
			return err
		}
	}
	return service.EnsureEngine(ctx, m.service, socket)
}

func fingerprint(_ context.Context, m machine) error {
	data, err := os.ReadFile(filepath.Join(m.config.ProxyDir(), "ca", "ca.crt"))
	block, _ := pem.Decode(data)
	if err != nil || block == nil {
		return platform.Errorf(platform.NotFound, "no_ca", "This server has no CA yet.").WithHint("Start it once: lugsail service start").Because(err)
	}
	sum := sha256.Sum256(block.Bytes)
	text := strings.ToUpper(hex.EncodeToString(sum[:]))
	var parts []string
	for i := 0; i < len(text); i += 2 {
		parts = append(parts, text[i:i+2])
	}
	if m.json {
		return printJSON(m.out, map[string]string{"fingerprint": strings.Join(parts, ":")})
	}
	m.printf("%s\n", strings.Join(parts, ":"))
	return nil
}

func showSettings(_ context.Context, m machine) error {
	if m.json {
		all := map[string]string{}
		for _, f := range config.Fields() {
			all[f.Name] = m.config.Setting(f.Name)
		}
		return printJSON(m.out, map[string]any{"settings": all})
	}
	w := tabwriter.NewWriter(m.out, 0, 4, 2, ' ', 0)
	for _, f := range config.Fields() {
		if _, err := fmt.Fprintf(w, "%s\t%s\t%s\n", f.Name, m.config.Setting(f.Name), f.Usage); err != nil {
			return err
		}
	}
	return w.Flush()
}

func (s *settings) hostRemove() *cobra.Command {
	var purge bool
	c := &cobra.Command{
		Use: "remove", Short: "Remove Lugsail's containers and networks; with --purge its images, data and user too", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := asRoot("host remove"); err != nil {
				return err
			}
			m, err := s.machine(cmd)
			if err != nil {
				return err
			}
			return removeHost(cmd.Context(), m, purge)
		},
	}
	c.Flags().BoolVar(&purge, "purge", false, "remove images, data, settings and the proxy's user too")
	return c
}

func removeHost(ctx context.Context, m machine, purge bool) error {
	socket := strings.TrimPrefix(m.config.DockerHost, "unix://")
	if service.EngineAnswers(ctx, socket) {
		if err := removeFromEngine(ctx, m.config, purge); err != nil {
			return err
		}
	} else {
		m.printf("The Docker Engine does not answer; containers of Lugsail, if any, are still there.\n")
	}
	for _, dir := range filled(m.config.DataDir, engineRoot(ctx, m.config)) {
		if err := disk.Drop(dir); err != nil {
			m.printf("Room that Lugsail kept is left: %v\n", err)
		}
	}
	// Its targets are gone, and their addresses are given out anew.
	err := errors.Join(firewall.Remove(ctx, firewallConfig(m.config)), removeRunDir(m.config), os.RemoveAll(proxy.TableFile(m.config.ProxyDir())), service.LeaveEngine(ctx))
	if err != nil || !purge {
		return err
	}
	for _, dir := range []string{m.config.DataDir, m.config.LogDir} {
		removed, removeErr := host.RemoveMarked(dir)
		if _, there := os.Stat(dir); removeErr == nil && !removed && there == nil {
			m.printf("%s is left: it is not marked as Lugsail's.\n", dir)
		}
		err = errors.Join(err, removeErr)
	}
	err = errors.Join(err, os.RemoveAll(m.config.KeyFile), os.RemoveAll(snapshotKey(m.config)), os.RemoveAll(m.config.File()))
	for _, file := range []string{m.config.KeyFile, m.config.File()} {
		_ = os.Remove(dirOf(file)) // goes only when nothing else lies there
	}
	if m.config.File() != config.DefaultFile {
		return err // another installation beside the usual one may have the same user
	}
	if userErr := host.RemoveUser(ctx, service.ProxyUser); userErr != nil {
		m.printf("The user %s is left: %v\n", service.ProxyUser, userErr)
	}
	return err
}

// hookSocket is where git's hooks reach the control plane, in the directory of sockets.
const hookSocket = "hooks.sock"

// removeRunDir removes what the processes have left in the directory of sockets, and it too when nothing else lies there.
func removeRunDir(c config.Config) error {
	err := errors.Join(service.RemoveState(c.RunDir), os.RemoveAll(dirOf(c.ControlSocket())))
	for _, file := range []string{c.ConsoleSocket(), c.AdminSocket(), filepath.Join(c.RunDir, hookSocket)} {
		err = errors.Join(err, os.RemoveAll(file))
	}
	_ = os.Remove(c.RunDir)
	return err
}
