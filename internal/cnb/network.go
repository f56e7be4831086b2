package cnb

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net"
	"net/netip"
	"slices"

	cerrdefs "github.com/containerd/errdefs"
	"github.com/moby/moby/api/types/network"
	"github.com/moby/moby/client"

	"github.com/lugsail/lugsail/platform"
)

// NetworkName is the network on which builds run.
func (b *Builder) networkName() string { return "lugsail-build-" + b.config.Instance }

// Bridge is the interface of an installation's builds; an interface's name has 15 characters at most.
func Bridge(instance string) string {
	sum := sha256.Sum256([]byte(instance))
	return "lugb" + hex.EncodeToString(sum[:4])
}

// networkUp reports whether this machine has the network's address, without asking the engine.
func (b *Builder) networkUp() bool {
	addresses, err := net.InterfaceAddrs()
	if err != nil {
		return true // then the build will tell
	}
	return slices.ContainsFunc(addresses, func(a net.Addr) bool {
		prefix, err := netip.ParsePrefix(a.String())
		return err == nil && prefix.Addr() == Gateway(b.config.BuildSubnet)
	})
}

// ensureNetwork makes the build network, on which builds reach the registry and the internet, but not each other.
func (b *Builder) ensureNetwork(ctx context.Context) error {
	name := b.networkName()
	found, err := b.engine.NetworkInspect(ctx, name, client.NetworkInspectOptions{})
	switch {
	case err == nil && b.fits(found.Network) && b.networkUp():
		return nil
	case err == nil:
		if _, err := b.engine.NetworkRemove(ctx, name, client.NetworkRemoveOptions{}); err != nil && !cerrdefs.IsNotFound(err) {
			return b.engineError("replacing the build network", err)
		}
	case !cerrdefs.IsNotFound(err):
		return b.engineError("looking for the build network", err)
	}
	_, err = b.engine.NetworkCreate(ctx, name, client.NetworkCreateOptions{
		Driver: "bridge",
		IPAM:   &network.IPAM{Config: []network.IPAMConfig{{Subnet: b.config.BuildSubnet.Masked(), Gateway: Gateway(b.config.BuildSubnet)}}},
		Labels: map[string]string{labelInstance: b.config.Instance},
		Options: map[string]string{
			"com.docker.network.bridge.name":       Bridge(b.config.Instance),
			"com.docker.network.bridge.enable_icc": "false",
			"com.docker.network.driver.mtu":        "1500",
		},
	})
	if err != nil && cerrdefs.IsPermissionDenied(err) {
		return platform.Errorf(platform.Conflict, "build_subnet", "The network %s is in use on this machine already, and builds need it.", b.config.BuildSubnet).
			WithHint("Choose another one with build_subnet in the settings.").Because(err)
	}
	if err != nil {
		return b.engineError(fmt.Sprintf("making the build network %s", b.config.BuildSubnet), err)
	}
	return nil
}

func (b *Builder) fits(n network.Inspect) bool {
	return n.Labels[labelInstance] == b.config.Instance && len(n.IPAM.Config) == 1 &&
		n.IPAM.Config[0].Subnet == b.config.BuildSubnet.Masked() && n.IPAM.Config[0].Gateway == Gateway(b.config.BuildSubnet) &&
		n.Options["com.docker.network.bridge.enable_icc"] == "false"
}
