package cnb

import (
	"context"
	"fmt"

	"github.com/lugsail/lugsail/internal/disk"
)

// Kept measures what builds of each app have kept to be faster the next time, by the app's id.
func (b *Builder) Kept(ctx context.Context) map[string]int64 {
	return disk.Children(ctx, b.path("apps"))
}

// DropKept removes that of one app; done is false while a build of it is under way.
func (b *Builder) DropKept(appID string) (done bool, err error) {
	if !anID.MatchString(appID) {
		return false, fmt.Errorf("removing what builds kept: %q is no id", appID)
	}
	unlock, free := b.tryLock(appID)
	if !free {
		return false, nil
	}
	defer unlock()
	if err := removeAll(b.path("apps", appID)); err != nil {
		return false, fmt.Errorf("removing what builds kept: %w", err)
	}
	return true, nil
}
