package app_test

import (
	"context"

	"github.com/lugsail/lugsail/internal/outbound"
	"github.com/lugsail/lugsail/platform"
)

// reachable is the real guard, whose owner allows one Git host.
func reachable(ctx context.Context, host string, port int) error {
	return outbound.New([]platform.Reach{{Host: "git.example"}}).Check(ctx, host, port)
}
