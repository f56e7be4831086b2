package dockerfile

import (
	"context"
	"errors"
	"fmt"
)

// Kept measures what builds of each app have cached in the engine, by the app's id. What images share is
// not counted: it stays with them. What others have cached is not in it either.
func (b *Builder) Kept(ctx context.Context) (map[string]int64, error) {
	all, err := b.cache.read()
	if err != nil || len(all) == 0 {
		return nil, err
	}
	kit, err := b.buildkit(ctx)
	if err != nil {
		return nil, err
	}
	records, err := kit.DiskUsage(ctx)
	if err = errors.Join(err, kit.Close()); err != nil {
		return nil, fmt.Errorf("looking at the build cache: %w", err)
	}
	size := map[string]int64{}
	for _, r := range records {
		if !r.Shared && !r.InUse {
			size[r.ID] = r.Size
		}
	}
	kept := map[string]int64{}
	for app, ids := range all {
		for _, id := range ids {
			kept[app] += size[id]
		}
	}
	return kept, nil
}

// DropKept removes that of one app.
func (b *Builder) DropKept(ctx context.Context, appID string) error { return b.forgetCache(ctx, appID) }
