package web

import (
	"context"
	"net/netip"

	"github.com/lugsail/lugsail/internal/outbound"
	"github.com/lugsail/lugsail/platform"
)

// reachable is the real guard; its owner allows one network, and a Git host in it.
func reachable(ctx context.Context, host string, port int) error {
	return outbound.New([]platform.Reach{{Prefix: netip.MustParsePrefix("10.99.0.0/24")}}).Check(ctx, host, port)
}
