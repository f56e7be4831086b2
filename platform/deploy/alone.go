package deploy

import (
	"context"
	"fmt"

	"github.com/lugsail/lugsail/platform"
)

// lookAlone learns whether the app has a volume for one replica at a time.
func (w *walk) lookAlone(ctx context.Context) (err error) {
	w.alone, _, err = w.c.Replicas.Exclusive(ctx, w.app.ID)
	return err
}

// makeWay ends what has the volume before the next replica gets it. Visitors wait meanwhile. When the new one is
// sick, the keeper starts again what was here. The app is held.
func (w *walk) makeWay(ctx context.Context, replicas []platform.Replica) error {
	if len(replicas) == 0 {
		return nil
	}
	w.say("Stop what runs first: the volume %s is for one replica at a time. Visitors wait meanwhile.", w.alone)
	if err := w.c.route(ctx, w.app, nil); err != nil {
		return fmt.Errorf("letting visitors wait: %w", err)
	}
	if err := w.c.retire(ctx, replicas); err != nil {
		return fmt.Errorf("stopping what has the volume: %w", err)
	}
	return nil
}
