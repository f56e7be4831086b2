package main

import (
	"context"

	"github.com/lugsail/lugsail/internal/gitserver"
	"github.com/lugsail/lugsail/platform"
)

// fetch brings a source from a repository elsewhere. It breaks the circle between the conductor
// and the git server.
func (c *control) fetch(ctx context.Context, src platform.Source, known string, say func(string)) (platform.Source, error) {
	return c.git.Fetch(ctx, src, known, say)
}

// wayOut is git's guarded way to other hosts.
func (c *control) wayOut(ctx context.Context, limit int64) (gitserver.Way, error) {
	way, err := c.outside.Tunnel(ctx, limit)
	if err != nil {
		return nil, err
	}
	return way, nil
}
