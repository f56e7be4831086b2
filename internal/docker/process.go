package docker

import (
	"context"
	"sync"

	"github.com/lugsail/lugsail/platform"
)

// pids remembers the first process of each container, so that a look at its
// sockets or its accounts costs the daemon nothing.
type pids struct {
	mu    sync.Mutex
	known map[string]int
}

func (p *pids) of(id string) (int, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	pid, ok := p.known[id]
	return pid, ok
}

func (p *pids) remember(id string, pid int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.known[id] = pid
}

func (p *pids) forget(id string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.known, id)
}

// groupsOf gives the control groups of a running replica.
func (e *Engine) groupsOf(ctx context.Context, id string) (controlGroups, error) {
	_, g, err := e.processOf(ctx, id)
	return g, err
}

// processOf gives the first process of a running replica. What is remembered is
// checked against the kernel: a replica that started again has another process.
func (e *Engine) processOf(ctx context.Context, id string) (int, controlGroups, error) {
	if pid, ok := e.pids.of(id); ok {
		if g, err := controlGroupsOf(pid, id); err == nil {
			return pid, g, nil
		}
		e.pids.forget(id)
	}
	info, err := e.inspect(ctx, id)
	if err != nil {
		return 0, controlGroups{}, err
	}
	if info.State.Pid == 0 {
		return 0, controlGroups{}, platform.Errorf(platform.Conflict, "replica_not_running", "The replica %s is not running.", short(id))
	}
	g, err := controlGroupsOf(info.State.Pid, info.ID)
	if err != nil {
		return 0, g, err
	}
	e.pids.remember(id, info.State.Pid)
	return info.State.Pid, g, nil
}
