package dockerfile

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"net/netip"
	"regexp"
	"slices"
	"sync"
	"time"

	"github.com/moby/moby/client"
)

// Fence keeps steps of builds away from this machine and the networks inside of it.
type Fence interface {
	// Hold closes what is inside to everything on the bridge but to the addresses of apart.
	Hold(ctx context.Context, bridge string, apart []netip.Addr) error
	// Free opens it again.
	Free(ctx context.Context) error
}

// stepsNetwork is where BuildKit runs steps, whatever it is told. Containers of the owner's may be there.
const stepsNetwork = "bridge"

const fenceTime = 30 * time.Second

// containerID tells containers from steps, which have ids of another kind.
var containerID = regexp.MustCompile(`^[0-9a-f]{64}$`)

// fenced counts the builds that run behind the fence.
type fenced struct {
	mu     sync.Mutex
	builds int
}

// fence closes the steps' network until end. A machine whose rules cannot be kept builds all the same, as
// it runs apps: the check-up of the server tells of it.
func (r *run) fence(ctx context.Context) (end func()) {
	b := r.builder
	if b.config.Fence == nil {
		return func() {}
	}
	watching, stop := context.WithCancel(ctx)
	events := b.comings(watching) // before the first look, so that nobody is missed
	b.fenced.join(1)
	if err := b.hold(ctx); err != nil {
		slog.ErrorContext(ctx, "steps of a build can reach this machine's services", "build", r.request.BuildID, "error", err)
		r.say("The network rules for builds are not in place: lugsail doctor says why")
	}
	var done sync.WaitGroup
	done.Go(func() { b.follow(watching, events) })
	return func() {
		stop()
		done.Wait()
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), fenceTime)
		defer cancel()
		if err := b.open(ctx); err != nil {
			slog.WarnContext(ctx, "rules for builds not removed; they hold for the owner's new containers until the next build", "error", err)
		}
	}
}

func (f *fenced) join(n int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.builds += n
}

// open takes the fence away with the last build.
func (b *Builder) open(ctx context.Context) error {
	b.fenced.mu.Lock()
	defer b.fenced.mu.Unlock()
	if b.fenced.builds--; b.fenced.builds > 0 {
		return nil
	}
	return b.config.Fence.Free(ctx)
}

// hold puts the fence up around those who are there now.
func (b *Builder) hold(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, fenceTime)
	defer cancel()
	b.fenced.mu.Lock()
	defer b.fenced.mu.Unlock()
	found, err := b.engine.NetworkInspect(ctx, stepsNetwork, client.NetworkInspectOptions{})
	if err != nil {
		return fmt.Errorf("looking at the network of steps: %w", err)
	}
	var apart []netip.Addr
	for id, at := range found.Network.Containers {
		for _, address := range []netip.Prefix{at.IPv4Address, at.IPv6Address} {
			if containerID.MatchString(id) && address.IsValid() {
				apart = append(apart, address.Addr().Unmap())
			}
		}
	}
	slices.SortFunc(apart, netip.Addr.Compare)
	return b.config.Fence.Hold(ctx, cmp.Or(found.Network.Options["com.docker.network.bridge.name"], "docker0"), apart)
}

func (b *Builder) comings(ctx context.Context) client.EventsResult {
	return b.engine.Events(ctx, client.EventsListOptions{Filters: client.Filters{}.Add("type", "network").Add("network", stepsNetwork)})
}

// follow lets the owner's containers that come go on as ever, and forgets the addresses of those that go.
func (b *Builder) follow(ctx context.Context, events client.EventsResult) {
	every := time.NewTicker(5 * time.Second) // for what the events did not tell
	defer every.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-events.Messages:
		case <-events.Err:
			events = client.EventsResult{} // nothing more comes
		case <-every.C:
		}
		if err := b.hold(ctx); err != nil && ctx.Err() == nil {
			slog.WarnContext(ctx, "rules for steps of builds", "error", err)
		}
	}
}
