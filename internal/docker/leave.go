package docker

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/filters"
	"github.com/docker/docker/api/types/image"
	"github.com/docker/docker/api/types/network"
)

// Leave removes everything of this instance from the engine: containers of apps and builds, then
// networks; and the images whose names begin with imagePrefix, unless that is "", with those that were brought
// for its apps. The files of volumes stay. Where another Lugsail uses the same engine, brought images stay of
// which nothing but the name tells whose they are.
func (e *Engine) Leave(ctx context.Context, imagePrefix string) error {
	list, err := call(ctx, e, e.limits.quick, "listing containers", func(ctx context.Context) ([]container.Summary, error) {
		return e.client.ContainerList(ctx, container.ListOptions{All: true, Filters: e.ours("")})
	})
	if err != nil {
		return err
	}
	brought, ownErr := e.broughtFor(ctx)
	if ownErr != nil {
		return ownErr
	}
	for _, c := range list {
		err = errors.Join(err, e.Stop(ctx, c.ID, 0))
	}
	networks, listErr := e.networksOf(ctx, "")
	err = errors.Join(err, listErr)
	for _, n := range networks {
		err = errors.Join(err, do(ctx, e, e.limits.quick, "removing a network", func(ctx context.Context) error {
			return ignoreMissing(e.client.NetworkRemove(ctx, n.ID))
		}))
	}
	if imagePrefix == "" {
		return err
	}
	images := e.Images(ImagesConfig{})
	images.takeBack(ctx)
	err = errors.Join(err, e.leaveImages(ctx, imagePrefix))
	for _, names := range brought {
		err = errors.Join(err, images.retain(ctx, names, nil))
	}
	return err
}

// broughtFor gives the beginnings of the names that images were brought here under: all where this is the only
// Lugsail on the engine, those of the apps that have containers or networks where it is not.
func (e *Engine) broughtFor(ctx context.Context) ([]string, error) {
	any := filters.NewArgs(filters.Arg("label", labelInstance))
	list, err := e.listOf(ctx, any)
	if err != nil {
		return nil, err
	}
	networks, err := call(ctx, e, e.limits.quick, "listing networks", func(ctx context.Context) ([]network.Summary, error) {
		return e.client.NetworkList(ctx, network.ListOptions{Filters: any})
	})
	if err != nil {
		return nil, err
	}
	labels := make([]map[string]string, 0, len(list)+len(networks))
	for _, c := range list {
		labels = append(labels, c.Labels)
	}
	for _, n := range networks {
		labels = append(labels, n.Labels)
	}
	others, own := false, map[string]bool{}
	for _, of := range labels {
		if of[labelInstance] != e.instance {
			others = true
		} else if anID.MatchString(of[labelApp]) {
			own[ourName(of[labelApp], "")] = true
		}
	}
	if !others {
		return []string{imagesOf + "/"}, nil
	}
	return slices.Collect(maps.Keys(own)), nil
}

func (e *Engine) leaveImages(ctx context.Context, prefix string) error {
	images, err := call(ctx, e, e.limits.quick, "listing images", func(ctx context.Context) ([]image.Summary, error) {
		return e.client.ImageList(ctx, image.ListOptions{})
	})
	if err != nil {
		return err
	}
	for _, i := range images {
		for _, name := range append(i.RepoTags, i.RepoDigests...) {
			if !strings.HasPrefix(name, prefix) {
				continue
			}
			err = errors.Join(err, do(ctx, e, e.limits.start, "removing an image", func(ctx context.Context) error {
				_, err := e.client.ImageRemove(ctx, name, image.RemoveOptions{Force: true, PruneChildren: true})
				return ignoreMissing(err)
			}))
		}
	}
	return err
}

func ignoreMissing(err error) error {
	if isNotFound(err) {
		return nil
	}
	return err
}
