package deploy

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"path"

	"github.com/lugsail/lugsail/platform"
)

// lookAlone learns whether the app has a volume for one replica at a time, and looks whether replicas can have its
// volumes at all, before anything is stopped for them.
func (w *walk) lookAlone(ctx context.Context) (err error) {
	if w.alone, _, err = w.c.Replicas.Exclusive(ctx, w.app.ID); err != nil {
		return err
	}
	return w.c.Replicas.CheckVolumes(ctx, w.app.ID, w.release.Image)
}

// makeWay ends what has the volume before the next replica gets it. Visitors wait meanwhile. When the new one is
// sick, the keeper starts again what was here. The app is held.
func (w *walk) makeWay(ctx context.Context, replicas []platform.Replica) error {
	if len(replicas) == 0 {
		return nil
	}
	w.say("Stop what runs first: the volume %s is for one replica at a time. Visitors wait meanwhile.", w.alone)
	if err := w.c.route(ctx, w.app, nil); err != nil { // without the proxy nobody gets through anyway
		slog.WarnContext(ctx, "visitors do not wait", "app", w.app.ID, "error", err)
	}
	if err := w.c.retire(ctx, replicas); err != nil {
		return fmt.Errorf("stopping what has the volume: %w", err)
	}
	return nil
}

// sayKeeps tells of directories that the image says hold data, where the app has no volume: with Docker alone
// they would outlive the container, and people count on it.
func (w *walk) sayKeeps(ctx context.Context) error {
	for _, at := range w.build.Keeps {
		kept, err := w.c.Replicas.Keeps(ctx, w.app.ID, at)
		if err != nil {
			return err
		}
		if kept || platform.ValidateVolumePath(at) != nil { // such a path no volume can have
			continue
		}
		name := cmp.Or(platform.AppNameOf(path.Base(at)), "data")
		w.say("The image names %s as a volume, and %s has none there: what it writes is gone with the next deployment. Keep it: lugsail volumes create %s %s", at, w.app.Name, name, at)
	}
	return nil
}
