package main

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/lugsail/lugsail/internal/disk"
	"github.com/lugsail/lugsail/internal/docker"
	"github.com/lugsail/lugsail/internal/store"
)

// volumes are the engine's, with their sizes, which are measured every minute, or less often where that takes long.
type volumes struct {
	*docker.Engine
	store *store.Store
	mu    sync.Mutex
	sizes map[string]int64
}

// VolumeSize is what lies in a volume, in bytes of the disk; not known until it is measured.
func (v *volumes) VolumeSize(id string) (bytes int64, known bool) {
	v.mu.Lock()
	defer v.mu.Unlock()
	bytes, known = v.sizes[id]
	return bytes, known
}

func (v *volumes) run(ctx context.Context) error {
	for {
		began := time.Now()
		v.measure(ctx)
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(max(time.Minute, 20*time.Since(began))):
		}
	}
}

func (v *volumes) measure(ctx context.Context) {
	all, err := v.store.VolumesOf(ctx, "")
	if err != nil {
		slog.WarnContext(ctx, "volumes not measured", "error", err)
		return
	}
	sizes := map[string]int64{}
	for _, of := range all {
		sizes[of.ID] = disk.Taken(ctx, v.VolumeDirectory(of.ID))
	}
	if ctx.Err() == nil {
		v.mu.Lock()
		defer v.mu.Unlock()
		v.sizes = sizes
	}
}

// ofApps is what apps have in their volumes, by app.
func (v *volumes) ofApps(ctx context.Context) map[string]int64 {
	sums := map[string]int64{}
	all, err := v.store.VolumesOf(ctx, "")
	if err != nil {
		slog.WarnContext(ctx, "volumes not measured", "error", err)
	}
	for _, of := range all {
		bytes, _ := v.VolumeSize(of.ID)
		sums[of.AppID] += bytes
	}
	return sums
}

// removeVolumes removes the files of all volumes of an app.
func (c *control) removeVolumes(ctx context.Context, appID string) error {
	all, err := c.store.VolumesOf(ctx, appID)
	for _, v := range all {
		err = errors.Join(err, c.engine.RemoveVolume(ctx, v.ID))
	}
	return err
}
