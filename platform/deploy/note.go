package deploy

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/lugsail/lugsail/platform"
	"github.com/lugsail/lugsail/platform/plan"
	"github.com/lugsail/lugsail/platform/run"
)

// Note writes a line of Lugsail's own into the app's log.
func (c *Conductor) Note(appID, format string, args ...any) {
	file, err := c.Journal.Writer(platform.AppLog(appID))
	if err == nil {
		_, err = fmt.Fprintf(file, format+"\n", args...)
		err = errors.Join(err, file.Close())
	}
	if err != nil {
		slog.Error("line of the app's log not written", "app", appID, "error", err)
	}
}

// noteEnd tells of a replica that ended by itself.
func (c *Conductor) noteEnd(ctx context.Context, change platform.ReplicaChange) {
	r, err := c.Replicas.Engine.Replica(ctx, change.ReplicaID)
	if err != nil {
		return // gone already; its end was told by who removed it, or is nobody's news
	}
	name := run.Slot{Process: r.Process, Index: r.Index}.Name()
	how := fmt.Sprintf("ended with exit code %d", change.ExitCode)
	if r.OutOfMemory || c.wasStarved(ctx, change) {
		how = "ran out of memory" + c.sizeOf(ctx, r)
	}
	next := ""
	if r.Kept || r.Restarts > 0 {
		next = "; it is started again"
	}
	if r.Restarts > 1 {
		next = fmt.Sprintf("; it is started again (restart %d, after a growing pause)", r.Restarts)
	}
	c.Note(r.AppID, "%s of v%d %s%s", name, r.Release, how, next)
}

const (
	starvedLag = time.Second      // how long after an end the engine may tell that memory was the reason
	starvedFor = 10 * time.Second // how long before it; the main process may live on when another one is killed
)

// starve remembers that the engine has told of a replica's memory, and forgets what led to no end.
func (c *Conductor) starve(id string) {
	c.starved.Range(func(other, at any) bool {
		if c.Now().Sub(at.(time.Time)) > starvedFor {
			c.starved.Delete(other)
		}
		return true
	})
	c.starved.Store(id, c.Now())
}

func (c *Conductor) takeStarved(id string) bool {
	at, told := c.starved.LoadAndDelete(id)
	return told && c.Now().Sub(at.(time.Time)) <= starvedFor
}

// wasStarved reports whether the engine has told that a replica ran out of memory, by the time that it
// ended. What is started again has forgotten that.
func (c *Conductor) wasStarved(ctx context.Context, change platform.ReplicaChange) bool {
	told := c.takeStarved(change.ReplicaID)
	if told || change.ExitCode != 137 { // of SIGKILL
		return told
	}
	select {
	case <-ctx.Done():
	case <-time.After(starvedLag):
	}
	return c.takeStarved(change.ReplicaID)
}

func (c *Conductor) sizeOf(ctx context.Context, r platform.Replica) string {
	release, err := c.Apps.ReleaseWithoutVars(ctx, r.AppID, r.Release)
	if err != nil {
		return ""
	}
	p, err := plan.ByName(release.Plan)
	if err != nil {
		return ""
	}
	return fmt.Sprintf(": more than the %s of plan %s", plan.Bytes(p.Memory), p.Name)
}
