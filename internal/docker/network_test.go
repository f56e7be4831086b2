package docker

import (
	"context"
	"net/netip"
	"strings"
	"sync"
	"testing"

	"github.com/docker/docker/api/types/network"

	"github.com/lugsail/lugsail/platform"
)

func networksOf(t *testing.T, e *Engine, appID string) []network.Summary {
	t.Helper()
	found, err := e.networksOf(t.Context(), appID)
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// A35
func TestNetwork_EachAppHasItsOwn(t *testing.T) {
	e := openEngine(t)
	specs := []platform.ReplicaSpec{newApp(t, e, "serve"), newApp(t, e, "serve")}
	replicas := make([]platform.Replica, 6)
	var wg sync.WaitGroup
	for i := range replicas {
		wg.Go(func() {
			r, err := e.Start(t.Context(), specs[i%2])
			if err != nil {
				t.Error(err)
			}
			replicas[i] = r
		})
	}
	wg.Wait()
	var subnets []netip.Prefix
	for _, spec := range specs {
		found := networksOf(t, e, spec.AppID)
		if len(found) != 1 {
			t.Fatalf("%d networks of one app", len(found))
		}
		n := found[0]
		if n.EnableIPv6 || !strings.HasPrefix(n.Options["com.docker.network.bridge.name"], strings.TrimSuffix(BridgePattern(e.instance), "+")) || n.Name != e.networkName(spec.AppID) {
			t.Errorf("network %+v", n)
		}
		subnets = append(subnets, netip.MustParsePrefix(n.IPAM.Config[0].Subnet))
	}
	if subnets[0].Overlaps(subnets[1]) || subnets[0].Bits() != networkBits {
		t.Errorf("subnets %v", subnets)
	}
	for i, r := range replicas {
		if addr, err := netip.ParseAddr(r.Address); err != nil || !subnets[i%2].Contains(addr) {
			t.Errorf("replica %d has the address %q, outside of %v", i, r.Address, subnets[i%2])
		}
	}
}

// F16
func TestNetwork_RemovedByHandIsMadeAnew(t *testing.T) {
	e := openEngine(t)
	spec := newApp(t, e, "wait=500ms", "exit=0")
	first := start(t, e, spec)
	untilExited(t, e, first.ID)
	if err := e.client.NetworkRemove(t.Context(), networksOf(t, e, spec.AppID)[0].ID); err != nil {
		t.Fatal(err)
	}
	if r := start(t, e, spec); r.Address == "" {
		t.Errorf("%+v has no address", r)
	}
}

func TestNetwork_APoolInUseIsSteppedOver(t *testing.T) {
	e := openEngine(t)
	inUse, free := "10.253.0.0/26", "10.253.0.64/26"
	made, err := e.client.NetworkCreate(t.Context(), "lugsail-test-"+platform.NewID(), network.CreateOptions{
		Driver: "bridge", IPAM: &network.IPAM{Config: []network.IPAMConfig{{Subnet: inUse}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := e.client.NetworkRemove(context.Background(), made.ID); err != nil {
			t.Error(err)
		}
	})
	e.networks.pool = netip.MustParsePrefix("10.253.0.0/25")
	spec := newApp(t, e, "serve")
	start(t, e, spec)
	if got := networksOf(t, e, spec.AppID)[0].IPAM.Config[0].Subnet; got != free {
		t.Errorf("took %s, want %s", got, free)
	}
	_, err = e.Start(t.Context(), newApp(t, e, "serve"))
	if !platform.IsKind(err, platform.NoRoom) {
		t.Errorf("%v, want that no addresses are left", err)
	}
}
