package main

import (
	"context"
	"io"
	"net/url"
	"runtime"
	"time"

	"github.com/lugsail/lugsail/internal/config"
	"github.com/lugsail/lugsail/internal/diagnostics"
	"github.com/lugsail/lugsail/internal/host"
	"github.com/lugsail/lugsail/internal/secret"
	"github.com/lugsail/lugsail/internal/service"
	"github.com/lugsail/lugsail/platform"
	"github.com/lugsail/lugsail/platform/observe"
)

const diagnosisLines = 1000 // of each log

// diagnosis gathers what a running control plane can tell, without the config vars of any app.
func (c *control) diagnosis(ctx context.Context, findings []observe.Finding) (diagnostics.Bundle, error) {
	values, err := c.everySecret(ctx)
	if err != nil {
		return diagnostics.Bundle{}, err
	}
	b := diagnosisOf(c.cfg, findings, values)
	b.Parts = append(b.Parts,
		diagnostics.JSON("engine.json", func(ctx context.Context) (any, error) { return c.engine.Facts(ctx) }),
		diagnostics.JSON("database.json", func(ctx context.Context) (any, error) { return c.store.Info(ctx) }),
		diagnostics.JSON("certificates.json", func(ctx context.Context) (any, error) { return c.proxy.Certificates(ctx) }),
		diagnostics.JSON("apps.json", c.appStates),
		diagnostics.JSON("firewall.json", func(context.Context) (any, error) {
			s := c.firewall.Status()
			told := map[string]any{"wanted": c.cfg.Firewall, "checked": s.Checked, "program": s.Program, "rules": s.Rules, "lacks": s.Lacks}
			if s.Err != nil {
				told["error"] = s.Err.Error()
			}
			return told, nil
		}),
		diagnostics.JSON("disk.json", func(ctx context.Context) (any, error) {
			view, err := c.apps.Disk(ctx, platform.System())
			return map[string]any{"uses": view.Uses}, err
		}),
	)
	return b, nil
}

// diagnosisOf is what root on the machine sees too when the control plane does not run.
func diagnosisOf(cfg config.Config, findings []observe.Finding, secrets []string) diagnostics.Bundle {
	return diagnostics.Bundle{
		Now:  time.Now(),
		Hide: func(to io.Writer) io.WriteCloser { return secret.NewWriter(to, secrets) },
		Parts: []diagnostics.Part{
			diagnostics.JSON("about.json", func(context.Context) (any, error) {
				path, since, previous := installed()
				memory, err := host.MemoryOf("/proc/meminfo")
				return map[string]any{
					"version": version, "program": path, "installed": since, "previous": previous, "system": host.System("/"), "kernel": host.Kernel("/"),
					"arch": runtime.GOARCH, "cores": runtime.NumCPU(), "memory": memory, "systemd": service.Systemd(), "time": time.Now(),
				}, err
			}),
			diagnostics.JSON("findings.json", func(context.Context) (any, error) { return findings, nil }),
			diagnostics.JSON("settings.json", func(context.Context) (any, error) { return settingsShown(cfg), nil }),
			diagnostics.JSON("services.json", func(ctx context.Context) (any, error) { return serviceStates(ctx, cfg) }),
			logPart(cfg, service.Serve), logPart(cfg, service.Proxy), logPart(cfg, "service"),
			diagnostics.JSON("disks.json", func(ctx context.Context) (any, error) { return disksOf(cfg.DataDir, engineRoot(ctx, cfg)), nil }),
		},
	}
}

// settingsShown leaves out what is secret, and what names a person.
func settingsShown(cfg config.Config) map[string]string {
	all := map[string]string{}
	for _, f := range config.Fields() {
		all[f.Name] = cfg.Setting(f.Name)
	}
	if all["acme_email"] != "" {
		all["acme_email"] = "(hidden)"
	}
	return all
}

func serviceStates(ctx context.Context, cfg config.Config) (any, error) {
	running, parts, err := service.NewControl(service.Config{RunDir: cfg.RunDir, LogDir: cfg.LogDir}).Status(ctx)
	if err != nil {
		return nil, err
	}
	crashes, err := service.ReadCrashes(cfg.RunDir, time.Now)
	if err != nil {
		return nil, err
	}
	return map[string]any{"running": running, "parts": parts, "safe_mode": crashes.Safe(), "crashes": crashes.Ended, "reason": crashes.Reason}, nil
}

func logPart(cfg config.Config, part string) diagnostics.Part {
	return diagnostics.Part{Name: "log-" + part + ".txt", Write: func(ctx context.Context, to io.Writer) error {
		return service.NewControl(service.Config{RunDir: cfg.RunDir, LogDir: cfg.LogDir}).Logs(ctx, part, diagnosisLines, false, to)
	}}
}

// appStates tells how many replicas of each app are in which state, without what they are called or do.
func (c *control) appStates(ctx context.Context) (any, error) {
	apps, err := c.store.Apps(ctx)
	if err != nil {
		return nil, err
	}
	replicas, engineErr := c.engine.Replicas(ctx, "")
	states := map[string]map[string]int{}
	for _, r := range replicas {
		if states[r.AppID] == nil {
			states[r.AppID] = map[string]int{}
		}
		states[r.AppID][string(r.State)]++
	}
	all := []map[string]any{}
	for _, a := range apps {
		all = append(all, map[string]any{"id": a.ID, "state": a.State, "plan": a.Plan, "release": a.CurrentRelease, "replicas": states[a.ID]})
	}
	told := map[string]any{"apps": all}
	if engineErr != nil {
		told["trouble"] = engineErr.Error()
	}
	return told, nil
}

// everySecret gives the config vars of all apps, and the password of the database.
func (c *control) everySecret(ctx context.Context) ([]string, error) {
	apps, err := c.store.Apps(ctx)
	if err != nil {
		return nil, err
	}
	var values []string
	for _, a := range apps {
		own, err := c.secrets(ctx, a.ID)
		if err != nil {
			return nil, err
		}
		values = append(values, own...)
	}
	sc, err := storeConfig(c.cfg)
	if err != nil {
		return nil, err
	}
	if u, err := url.Parse(sc.Database); err == nil && u.User != nil {
		if password, set := u.User.Password(); set {
			values = append(values, password)
		}
	}
	return values, nil
}
