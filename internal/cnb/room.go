package cnb

import (
	"context"
	"errors"

	"github.com/lugsail/lugsail/platform"
)

// MakeRoom refuses a build for which the disk has no room. What earlier builds kept goes first.
func (b *Builder) MakeRoom(ctx context.Context) error { return b.makeRoom(ctx) }

// WatchRoom calls full when the disk is nearly full. The caller calls end.
func (b *Builder) WatchRoom(ctx context.Context, full func()) (end func()) {
	watched, abort := context.WithCancelCause(ctx)
	return b.watchRoom(watched, func(cause error) {
		if errors.Is(cause, platform.BuildRoom) {
			full()
		}
		abort(cause)
	})
}
