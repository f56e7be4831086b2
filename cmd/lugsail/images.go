package main

import (
	"context"
	"net/netip"
	"strings"

	"github.com/lugsail/lugsail/internal/cnb"
	"github.com/lugsail/lugsail/internal/docker"
	"github.com/lugsail/lugsail/platform/build"
)

// newImages brings images that were made elsewhere. The built-in registry is no such place.
func (c *control) newImages() *docker.Images {
	return c.engine.Images(docker.ImagesConfig{
		RegistryPort: c.cfg.RegistryPort, RegistryAddresses: []netip.Addr{cnb.Gateway(c.cfg.BuildSubnet)},
		Reachable: func(ctx context.Context, host string, port int) error { return c.outside.Check(ctx, host, port) }, Disk: c.builder,
	})
}

func (c *control) builds() *build.Service {
	builds := build.New(build.Choice{Buildpacks: c.builder, Dockerfile: c.dockerfile}, c.store, 1)
	builds.Importer = c.images
	return builds
}

// adopt gives an app the image of another one, which the registry brings back when the engine has lost it.
func (c *control) adopt(ctx context.Context, appID, image string) (string, error) {
	if err := (imagesThere{c}).Ensure(ctx, image); err != nil {
		return "", err
	}
	return c.images.Adopt(ctx, appID, image)
}

// imagesThere asks whoever can bring an image back: an id is known to the engine alone, and
// any other name leads to the built-in registry.
type imagesThere struct{ c *control }

func (i imagesThere) Ensure(ctx context.Context, image string) error {
	if strings.HasPrefix(image, "sha256:") {
		return i.c.images.Ensure(ctx, image)
	}
	return i.c.builder.Ensure(ctx, image)
}
