package docker

import (
	"context"
	"errors"
	"strings"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/image"
)

// Leave removes everything of this instance from the engine: containers of apps and builds, then
// networks; and the images whose names begin with imagePrefix, unless that is "". Volumes stay.
func (e *Engine) Leave(ctx context.Context, imagePrefix string) error {
	list, err := call(ctx, e, e.limits.quick, "listing containers", func(ctx context.Context) ([]container.Summary, error) {
		return e.client.ContainerList(ctx, container.ListOptions{All: true, Filters: e.ours("")})
	})
	if err != nil {
		return err
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
	brought := e.Images(ImagesConfig{})
	brought.takeBack(ctx)
	return errors.Join(err, e.leaveImages(ctx, imagePrefix), brought.retain(ctx, imagesOf+"/", nil))
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
