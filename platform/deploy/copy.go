package deploy

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/lugsail/lugsail/platform"
)

// equipEvery is the time between two looks whether an add-on is made.
const equipEvery = 500 * time.Millisecond

// equip waits until the add-ons of a new app run. Each is made by a deployment of its own.
func (w *walk) equip(ctx context.Context) error {
	if len(w.d.Addons) == 0 {
		return nil
	}
	return w.do(ctx, platform.StepAddons, func(ctx context.Context) (string, error) {
		ids := slices.Sorted(maps.Values(w.d.Addons))
		for _, id := range ids {
			if err := w.equipOne(ctx, id); err != nil {
				return "", err
			}
		}
		return fmt.Sprintf("%d made", len(ids)), nil
	})
}

func (w *walk) equipOne(ctx context.Context, id string) error {
	for said := false; ; said = true {
		ready, err := w.c.Equip(ctx, w.d, id)
		if err != nil || ready {
			return err
		}
		if db, err := w.c.Apps.AppByID(ctx, id); err == nil && !said {
			w.say("Wait for the add-on %s", db.Name)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(equipEvery):
		}
	}
}

// copiedRelease makes the first release of a new app: the contents of the one that served the other app then.
func (w *walk) copiedRelease(ctx context.Context, app platform.App) (platform.Release, error) {
	s, err := w.c.Data.Of(ctx, w.d)
	if err != nil {
		return platform.Release{}, err
	}
	old, err := w.c.Apps.ReleaseWithoutVars(ctx, s.AppID, s.Release)
	if err != nil {
		return platform.Release{}, fmt.Errorf("reading release %d: %w", s.Release, err)
	}
	if old.Image, err = w.c.Adopt(ctx, app.ID, old.Image); err != nil {
		return platform.Release{}, err
	}
	return w.c.Releases.FromOther(ctx, app, w.d, old)
}

// notCopied says what is left of a new app that could not be made, and what to do with it.
func (w *walk) notCopied(failure error) error {
	name, e := w.app.Name, platform.AsError(failure)
	w.say("Nothing of %s runs, and it keeps nothing", name)
	next := fmt.Sprintf("Nothing of %s runs. Try again: lugsail retry --app %s. Or let it go: lugsail destroy %s --now", name, name, name)
	if len(w.d.Addons) > 0 {
		next += ", and likewise its add-ons"
	}
	return e.WithHint("%s", strings.TrimSpace(e.Hint+" "+next+"."))
}
