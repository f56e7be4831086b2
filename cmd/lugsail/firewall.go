package main

import (
	"context"
	"log/slog"
	"net/netip"
	"time"

	"github.com/lugsail/lugsail/internal/cnb"
	"github.com/lugsail/lugsail/internal/config"
	"github.com/lugsail/lugsail/internal/docker"
	"github.com/lugsail/lugsail/internal/firewall"
	"github.com/lugsail/lugsail/platform"
)

func firewallConfig(cfg config.Config) firewall.Config {
	c := firewall.Config{
		Tag: docker.Tag(cfg.Instance), Apps: docker.BridgePattern(cfg.Instance), Builds: cnb.Bridge(cfg.Instance),
		Ports:    []int{cfg.HTTPPort, cfg.HTTPSPort},
		Registry: netip.AddrPortFrom(cnb.Gateway(cfg.BuildSubnet), uint16(cfg.RegistryPort)),
	}
	for _, a := range cfg.Allow {
		c.Allow = append(c.Allow, firewall.Allowed{Net: a.Net, Port: a.Port})
	}
	return c
}

// firewallAtOnce puts the rules in before anything else is looked at: after a boot Docker has started
// apps already, and a database that cannot be opened must not leave them without.
func firewallAtOnce(ctx context.Context, cfg config.Config) *firewall.Firewall {
	f := firewall.New(firewallConfig(cfg), nil)
	if cfg.Firewall {
		_ = f.Look(ctx) // says itself why it cannot, and is tried again
	}
	return f
}

// firewallFirst puts the rules in before the Docker Engine starts, and apps with it. It never keeps the
// engine from starting: the control plane tries again and says why.
func firewallFirst(ctx context.Context, m machine) error {
	if !m.config.Firewall || m.config.Instance == "" {
		return nil
	}
	return firewall.New(firewallConfig(m.config), nil).First(ctx)
}

// runFirewall keeps the rules, or takes them away where the owner wants none.
func (c *control) runFirewall(ctx context.Context) error {
	if c.cfg.Firewall {
		return c.firewall.Run(ctx)
	}
	if err := firewall.Remove(ctx, c.firewall.Config); err != nil {
		slog.WarnContext(ctx, "network rules not removed", "error", err)
	}
	<-ctx.Done()
	return nil
}

// rulesRestored tells people that something else empties the tables.
func (c *control) rulesRestored(ctx context.Context) {
	e := &platform.Event{
		At: time.Now(), Actor: platform.System().Name, Via: platform.System().Via, Action: "firewall.restored",
		Text: "Something removed the network rules that keep apps apart; Lugsail put them back.",
	}
	if err := c.store.AppendEvent(ctx, e); err != nil {
		slog.ErrorContext(ctx, "event not recorded", "action", e.Action, "error", err)
	}
}

// watcher lets the firewall look when Docker has started over: it makes its own rules anew then.
type watcher struct {
	engine   *docker.Engine
	firewall *firewall.Firewall
}

func (w watcher) Watch(ctx context.Context, fn func(platform.ReplicaChange)) error {
	return w.engine.Watch(ctx, func(change platform.ReplicaChange) {
		if change.Action == docker.Resync {
			w.firewall.Nudge()
		}
		fn(change)
	})
}
