package docker

import (
	"sync"
	"time"

	"github.com/docker/docker/api/types/container"

	"github.com/lugsail/lugsail/platform"
)

// kills remembers when Docker last told of an out-of-memory kill in a container.
// The flag in a container's state comes with its end, is lost when the daemon
// learns of the kill after the end, and says nothing of a child that was killed
// while the container runs on.
type kills struct {
	mu sync.Mutex
	at map[string]time.Time
}

func (k *kills) note(id string, at time.Time) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.at[id] = at
}

func (k *kills) forget(id string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	delete(k.at, id)
}

// startLag is how late the daemon may note a start, beyond what it tells of a kill.
const startLag = time.Second

func (k *kills) since(id string, start time.Time) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	at, ok := k.at[id]
	return ok && at.After(start.Add(-startLag))
}

// outOfMemory reports whether anything in the replica was killed for memory
// since its last start. While it runs, the kernel's own counter decides.
func (e *Engine) outOfMemory(info container.InspectResponse, r platform.Replica) bool {
	if r.State == platform.ReplicaRunning {
		if count, err := oomKills(info.State.Pid, info.ID); err == nil {
			return count > 0
		}
	}
	return info.State.OOMKilled && r.State != platform.ReplicaRunning || e.kills.since(r.ID, r.StartedAt)
}
