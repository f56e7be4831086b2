package deploy

import (
	"context"
	"fmt"
	"strings"

	"github.com/lugsail/lugsail/platform"
)

// snapshotFirst makes a snapshot before anything of a new release runs, where the app's people want that. An automatic
// return makes none: it cannot wait, and is on its way back itself.
func (w *walk) snapshotFirst(ctx context.Context) error {
	if w.d.Kind.KeepsRelease() || w.d.Via == platform.System().Via {
		return nil
	}
	app, err := w.c.Apps.AppByID(ctx, w.app.ID) // they may have changed their mind during the build
	if err != nil {
		return fmt.Errorf("reading the app: %w", err)
	}
	if !app.SnapshotFirst || app.CurrentRelease == 0 {
		return nil
	}
	err = w.do(ctx, platform.StepSave, func(ctx context.Context) (string, error) { return w.c.Data.Before(ctx, w.d, w.say) })
	if err == nil || ctx.Err() != nil {
		return err
	}
	e := platform.AsError(err)
	hint := strings.TrimSpace(e.Hint + fmt.Sprintf(" To deploy without one: lugsail snapshots before-deployments off --app %s, and deploy again.", app.Name))
	return platform.Errorf(e.Kind, e.Code, "No snapshot could be made before the release: %s", e.Message).WithHint("%s", hint).Because(err)
}
