package docker

import (
	"context"
	"crypto/sha256"
	"encoding/base32"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"sync"

	cerrdefs "github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/filters"
	"github.com/docker/docker/api/types/network"

	"github.com/lugsail/lugsail/platform"
)

// bridgePrefix begins the name of every bridge, so that firewall rules can tell
// ours from those of the machine's owner.
const bridgePrefix = "lug"

// BridgePattern fits the bridges of an installation's apps and no others, in the way of iptables.
func BridgePattern(instance string) string { return bridgePrefix + Tag(instance) + "+" }

// Tag is an installation in four letters: a name in the kernel has no room for more.
func Tag(instance string) string { return shortSum(instance, 4) }

// shortSum is the beginning of a hash, in letters that names of interfaces may have.
func shortSum(text string, letters int) string {
	sum := sha256.Sum256([]byte(text))
	return strings.ToLower(base32.StdEncoding.EncodeToString(sum[:]))[:letters]
}

// networkBits gives each app 60 addresses for replicas.
const networkBits = 26

// networks hands out one network for each app.
type networks struct {
	pool  netip.Prefix
	mu    sync.Mutex
	taken map[netip.Prefix]bool  // being created just now
	apps  map[string]*sync.Mutex // by app id: Docker itself would make two of one name
}

func parsePool(pool string) (netip.Prefix, error) {
	p, err := netip.ParsePrefix(pool)
	if err != nil {
		return p, fmt.Errorf("docker: address pool: %w", err)
	}
	if !p.Addr().Is4() || p.Bits() > networkBits {
		return p, fmt.Errorf("docker: address pool %s: it must be IPv4 and hold a /%d", pool, networkBits)
	}
	return p.Masked(), nil
}

func (e *Engine) networkName(appID string) string { return "lugsail-" + e.instance + "-" + appID }

// bridgeName fills the kernel's 15 characters.
func (e *Engine) bridgeName(appID string) string {
	return bridgePrefix + Tag(e.family) + shortSum(e.instance+"/"+appID, 8)
}

// ensureNetwork gives the name of the app's network, which exists then. It asks
// the daemon each time, because people remove networks by hand.
func (e *Engine) ensureNetwork(ctx context.Context, appID string) (string, error) {
	name := e.networkName(appID)
	lock := e.networks.lockOf(appID)
	lock.Lock()
	defer lock.Unlock()
	found, err := e.networksOf(ctx, appID)
	if err != nil || len(found) > 0 {
		return name, err
	}
	return name, e.createNetwork(ctx, name, appID)
}

func (n *networks) lockOf(appID string) *sync.Mutex {
	n.mu.Lock()
	defer n.mu.Unlock()
	lock, ok := n.apps[appID]
	if !ok {
		lock = &sync.Mutex{}
		n.apps[appID] = lock
	}
	return lock
}

func (e *Engine) networksOf(ctx context.Context, appID string) ([]network.Summary, error) {
	return call(ctx, e, e.limits.quick, "looking for the app's network", func(ctx context.Context) ([]network.Summary, error) {
		return e.client.NetworkList(ctx, network.ListOptions{Filters: e.ours(appID)})
	})
}

// createNetwork tries free ranges until Docker agrees to one: it also knows of
// ranges that no interface shows.
func (e *Engine) createNetwork(ctx context.Context, name, appID string) error {
	refused := map[netip.Prefix]bool{}
	for {
		subnet, err := e.takeSubnet(ctx, refused)
		if err != nil {
			return err
		}
		err = do(ctx, e, e.limits.start, "creating the app's network", func(ctx context.Context) error {
			_, err := e.client.NetworkCreate(ctx, name, e.networkOptions(appID, subnet))
			return err
		})
		e.networks.giveBack(subnet)
		if !cerrdefs.IsPermissionDenied(err) { // what Docker says of overlapping pools
			return err
		}
		refused[subnet] = true
	}
}

func (e *Engine) networkOptions(appID string, subnet netip.Prefix) network.CreateOptions {
	off := false
	return network.CreateOptions{
		Driver:     "bridge",
		Internal:   e.trial,
		EnableIPv6: &off,
		IPAM:       &network.IPAM{Driver: "default", Config: []network.IPAMConfig{{Subnet: subnet.String()}}},
		Options:    map[string]string{"com.docker.network.bridge.name": e.bridgeName(appID)},
		Labels:     map[string]string{labelInstance: e.instance, labelApp: appID},
	}
}

// takeSubnet reserves the first range of the pool that nobody uses until giveBack.
func (e *Engine) takeSubnet(ctx context.Context, refused map[netip.Prefix]bool) (netip.Prefix, error) {
	used, err := e.usedRanges(ctx)
	if err != nil {
		return netip.Prefix{}, err
	}
	n := &e.networks
	n.mu.Lock()
	defer n.mu.Unlock()
	for subnet := firstSubnet(n.pool); n.pool.Overlaps(subnet); subnet = nextSubnet(subnet) {
		if !n.taken[subnet] && !refused[subnet] && !overlapsAny(subnet, used) {
			n.taken[subnet] = true
			return subnet, nil
		}
	}
	return netip.Prefix{}, platform.Errorf(platform.NoRoom, "networks_used_up", "No addresses are left for another app's network in %s.", n.pool).
		WithHint("Give Lugsail a larger address pool, or destroy apps that are not needed.")
}

func (n *networks) giveBack(subnet netip.Prefix) {
	n.mu.Lock()
	defer n.mu.Unlock()
	delete(n.taken, subnet)
}

// usedRanges are those of all of Docker's networks and of the machine's interfaces.
func (e *Engine) usedRanges(ctx context.Context) ([]netip.Prefix, error) {
	list, err := call(ctx, e, e.limits.quick, "listing networks", func(ctx context.Context) ([]network.Summary, error) {
		return e.client.NetworkList(ctx, network.ListOptions{Filters: filters.NewArgs()})
	})
	if err != nil {
		return nil, err
	}
	var used []netip.Prefix
	for _, n := range list {
		for _, c := range n.IPAM.Config {
			if p, err := netip.ParsePrefix(c.Subnet); err == nil {
				used = append(used, p.Masked())
			}
		}
	}
	addrs, err := net.InterfaceAddrs()
	if err != nil {
		return nil, fmt.Errorf("reading the machine's addresses: %w", err)
	}
	for _, a := range addrs {
		if p, err := netip.ParsePrefix(a.String()); err == nil {
			used = append(used, p.Masked())
		}
	}
	return used, nil
}

func firstSubnet(pool netip.Prefix) netip.Prefix { return netip.PrefixFrom(pool.Addr(), networkBits) }

// nextSubnet is the range after p; past the end of all addresses it is invalid and overlaps nothing.
func nextSubnet(p netip.Prefix) netip.Prefix {
	b := p.Addr().As4()
	n := uint32(b[0])<<24 | uint32(b[1])<<16 | uint32(b[2])<<8 | uint32(b[3])
	next := n + 1<<(32-networkBits)
	if next < n {
		return netip.Prefix{}
	}
	addr := netip.AddrFrom4([4]byte{byte(next >> 24), byte(next >> 16), byte(next >> 8), byte(next)})
	return netip.PrefixFrom(addr, networkBits)
}

func overlapsAny(p netip.Prefix, used []netip.Prefix) bool {
	for _, u := range used {
		if p.Overlaps(u) {
			return true
		}
	}
	return false
}
