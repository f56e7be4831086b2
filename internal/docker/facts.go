package docker

import (
	"context"
	"slices"
	"strings"

	"github.com/docker/docker/api/types/system"
)

// Facts are what the daemon says of itself, for a check-up.
type Facts struct {
	Version     string
	Runc        string // its version; "" when not told
	Root        string // where images and containers lie
	LiveRestore bool
	Swarm       bool
	Driver      string
	MemoryLimit bool
	SwapLimit   bool
	PidsLimit   bool
	Cgroups     string
	Seccomp     bool
	AppArmor    bool
}

// Facts asks the daemon about itself.
func (e *Engine) Facts(ctx context.Context) (Facts, error) {
	info, err := call(ctx, e, e.limits.quick, "asking Docker about itself", func(ctx context.Context) (system.Info, error) {
		return e.client.Info(ctx)
	})
	if err != nil {
		return Facts{}, err
	}
	f := Facts{
		Version: info.ServerVersion, Root: info.DockerRootDir, LiveRestore: info.LiveRestoreEnabled, Driver: info.Driver,
		Swarm:       info.Swarm.LocalNodeState != "" && info.Swarm.LocalNodeState != "inactive",
		MemoryLimit: info.MemoryLimit, SwapLimit: info.SwapLimit, PidsLimit: info.PidsLimit, Cgroups: info.CgroupVersion,
		Seccomp:  slices.ContainsFunc(info.SecurityOptions, func(o string) bool { return strings.HasPrefix(o, "name=seccomp") }),
		AppArmor: slices.ContainsFunc(info.SecurityOptions, func(o string) bool { return strings.HasPrefix(o, "name=apparmor") }),
	}
	version, err := call(ctx, e, e.limits.quick, "asking for Docker's version", e.client.ServerVersion)
	if err != nil {
		return Facts{}, err
	}
	for _, part := range version.Components {
		if part.Name == "runc" {
			f.Runc = part.Version
		}
	}
	return f, nil
}
