package main

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/lugsail/lugsail/platform"
	"github.com/lugsail/lugsail/platform/plan"
)

// watchLayers replaces replicas that have filled the disk of their plan, before they fill the server's.
func (c *control) watchLayers(ctx context.Context) error {
	tick := time.NewTicker(time.Minute)
	defer tick.Stop()
	told := map[string]plan.Layer{}
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		if err := c.lookAtLayers(ctx, told); err != nil && ctx.Err() == nil {
			slog.WarnContext(ctx, "what replicas have written is not known", "error", err)
		}
	}
}

// lookAtLayers remembers in told what was said of each replica that is still there.
func (c *control) lookAtLayers(ctx context.Context, told map[string]plan.Layer) error {
	written, err := c.engine.Written(ctx)
	if err != nil {
		return err
	}
	replicas, err := c.engine.Replicas(ctx, "")
	if err != nil {
		return err
	}
	for id := range told {
		if _, there := written[id]; !there {
			delete(told, id)
		}
	}
	for _, r := range replicas {
		app, err := c.store.AppByID(ctx, r.AppID)
		if err != nil {
			continue // it is being removed
		}
		p, err := plan.ByName(app.Plan)
		if err != nil {
			return err
		}
		if err := c.judgeLayer(ctx, app, r, p, written[r.ID], told); err != nil {
			slog.WarnContext(ctx, "a replica that filled its disk is not replaced", "app", app.Name, "replica", r.ID, "error", err)
		}
	}
	return nil
}

// mostGrace is what a replica gets at the most that has to end because it fills the disk.
const mostGrace = 30 * time.Second

func (c *control) judgeLayer(ctx context.Context, app platform.App, r platform.Replica, p platform.Plan, written int64, told map[string]plan.Layer) error {
	state := plan.LayerOf(p, written)
	if state == plan.LayerFine {
		return nil
	}
	name := fmt.Sprintf("%s.%d", r.Process, r.Index)
	if state != told[r.ID] {
		action, text := "disk.replica_near", "%s has written %s of the %s that the plan %s gives. At the limit it is started anew with an empty disk. Keep files in a volume (lugsail volumes create), or delete old ones."
		if state == plan.LayerFull {
			action, text = "disk.replica_full", "%s has written %s, and the plan gives %s (%[4]s): it is started anew with an empty disk. Keep files in a volume (lugsail volumes create), delete old ones, or choose a larger plan."
		}
		told[r.ID] = state
		c.tell(ctx, r.AppID, action, fmt.Sprintf(text, name, platform.Bytes(written), platform.Bytes(p.Disk), p.Name))
	}
	if state != plan.LayerFull {
		return nil
	}
	return c.engine.Stop(ctx, r.ID, min(app.Grace(), mostGrace)) // the conductor starts a fresh one in its place
}
