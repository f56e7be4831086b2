package docker

import (
	"context"
	"fmt"
	"slices"

	"github.com/docker/docker/api/types/container"

	"github.com/lugsail/lugsail/platform"
)

const (
	cpuPeriod   = 100_000 // µs, the kernel's own default
	openFiles   = 65536
	defaultPIDs = 256
)

// capabilities are what common servers need to open port 80 and to give root up.
var capabilities = []string{"CHOWN", "DAC_OVERRIDE", "FOWNER", "SETUID", "SETGID", "KILL", "NET_BIND_SERVICE"}

// configOf is what runs. The image's own health check is switched off: health is
// judged from the proxy's side, and an image's check costs a process every few seconds.
func (e *Engine) configOf(s platform.ReplicaSpec) *container.Config {
	return &container.Config{
		Image:       s.Image,
		Entrypoint:  s.Entrypoint,
		Cmd:         s.Args,
		Env:         envOf(s.Env),
		Hostname:    fmt.Sprintf("%s-%d", s.Process, s.Index),
		Labels:      e.labelsOf(s),
		Healthcheck: &container.HealthConfig{Test: []string{"NONE"}},
	}
}

// hostConfigOf is the profile "app": what a replica may do to the machine.
func (e *Engine) hostConfigOf(ctx context.Context, s platform.ReplicaSpec, networkName string, cpus int) *container.HostConfig {
	yes := true
	h := &container.HostConfig{
		NetworkMode:   container.NetworkMode(networkName),
		RestartPolicy: container.RestartPolicy{Name: container.RestartPolicyDisabled},
		LogConfig:     container.LogConfig{Type: "local", Config: map[string]string{"max-size": "10m", "max-file": "3"}},
		CapDrop:       []string{"ALL"},
		CapAdd:        capabilities,
		SecurityOpt:   []string{"no-new-privileges"},
		IpcMode:       container.IPCModePrivate,
		CgroupnsMode:  container.CgroupnsModePrivate,
		Init:          &yes,
		Resources:     resourcesOf(s.Plan, cpus),
	}
	files := e.machine.openFiles(ctx, e.host)
	h.Ulimits = []*container.Ulimit{
		{Name: "nofile", Soft: files, Hard: files},
		{Name: "core", Soft: 0, Hard: 0},
	}
	return h
}

// resourcesOf turns a plan into limits: shares are what is guaranteed when others
// want the CPU too, the quota is the most it gets when nobody does.
func resourcesOf(p platform.Plan, cpus int) container.Resources {
	pids := p.PIDs
	if pids <= 0 {
		pids = defaultPIDs
	}
	r := container.Resources{
		Memory:     p.Memory,
		MemorySwap: p.Memory, // the sum of both: no swap
		PidsLimit:  &pids,
		CPUShares:  max(2, int64(p.CPU*1024)),
	}
	if burst := min(max(p.CPU, p.CPUBurst), float64(cpus)); burst > 0 {
		r.CPUPeriod, r.CPUQuota = cpuPeriod, max(1000, int64(burst*cpuPeriod))
	}
	return r
}

func envOf(vars map[string]string) []string {
	env := make([]string, 0, len(vars))
	for name, value := range vars {
		env = append(env, name+"="+value)
	}
	slices.Sort(env)
	return env
}
