package docker

import (
	"context"

	"github.com/docker/docker/api/types/network"

	"github.com/lugsail/lugsail/platform"
)

// Link makes the replicas of an add-on reachable by its name in the networks of its apps, and takes them out of
// the networks of others. The add-on goes to the apps, so that two apps of one add-on do not meet.
func (e *Engine) Link(ctx context.Context, link platform.Link) error {
	lock := e.networks.lockOf("link " + link.AddonID)
	lock.Lock()
	defer lock.Unlock()
	wanted := map[string]bool{}
	for _, appID := range link.Apps {
		name, err := e.ensureNetwork(ctx, appID)
		if err != nil {
			return err
		}
		wanted[name] = true
	}
	replicas, err := e.list(ctx, link.AddonID)
	if err != nil {
		return err
	}
	for _, r := range replicas {
		if err := e.linkOne(ctx, r.ID, link, wanted); err != nil && !platform.IsKind(err, platform.NotFound) {
			return err
		}
	}
	return nil
}

func (e *Engine) linkOne(ctx context.Context, id string, link platform.Link, wanted map[string]bool) error {
	info, err := e.inspect(ctx, id)
	if err != nil || info.NetworkSettings == nil {
		return err
	}
	own := e.networkName(link.AddonID)
	for name := range info.NetworkSettings.Networks {
		if name != own && !wanted[name] {
			if err := e.disconnect(ctx, name, id); err != nil {
				return err
			}
		}
	}
	for name := range wanted {
		if info.NetworkSettings.Networks[name] != nil {
			continue
		}
		err := do(ctx, e, e.limits.start, "joining an app's network", func(ctx context.Context) error {
			return e.client.NetworkConnect(ctx, name, id, &network.EndpointSettings{Aliases: []string{link.Name}})
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func (e *Engine) disconnect(ctx context.Context, network, id string) error {
	return do(ctx, e, e.limits.start, "leaving an app's network", func(ctx context.Context) error {
		return ignoreMissing(e.client.NetworkDisconnect(ctx, network, id, true))
	})
}

// clearNetwork takes out of an app's network what belongs to others: Docker removes none that is in use.
func (e *Engine) clearNetwork(ctx context.Context, id, appID string) error {
	found, err := call(ctx, e, e.limits.quick, "looking at the app's network", func(ctx context.Context) (network.Inspect, error) {
		return e.client.NetworkInspect(ctx, id, network.InspectOptions{})
	})
	if err != nil {
		return ignoreMissing(err)
	}
	for container := range found.Containers {
		info, err := e.inspect(ctx, container)
		if err != nil || info.Config.Labels[labelApp] == appID {
			continue // not ours, or ending by itself
		}
		if err := e.disconnect(ctx, id, container); err != nil {
			return err
		}
	}
	return nil
}
