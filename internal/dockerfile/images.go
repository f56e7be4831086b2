package dockerfile

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"

	cerrdefs "github.com/containerd/errdefs"
	"github.com/moby/moby/client"
)

func (b *Builder) has(ctx context.Context, image string) (bool, error) {
	_, err := b.engine.ImageInspect(ctx, image)
	if cerrdefs.IsNotFound(err) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("looking for %s: %w", image, err)
	}
	return true, nil
}

// removeImage takes a name away, and with the last name the image. One that a container still uses stays
// until the next time.
func (b *Builder) removeImage(ctx context.Context, image string) error {
	_, err := b.engine.ImageRemove(ctx, image, client.ImageRemoveOptions{PruneChildren: true})
	switch {
	case cerrdefs.IsConflict(err):
		slog.InfoContext(ctx, "an image is still in use", "image", image)
	case err != nil && !cerrdefs.IsNotFound(err):
		return fmt.Errorf("removing %s: %w", image, err)
	}
	return nil
}

// Retain drops the app's images but these, and what its builds cached beyond the cap.
func (b *Builder) Retain(ctx context.Context, appID string, keep []string) error {
	if !anID.MatchString(appID) {
		return fmt.Errorf("keeping images: %q is no id", appID)
	}
	if err := b.dropImages(ctx, appID, keep); err != nil {
		return err
	}
	return b.capCache(ctx)
}

// Forget removes all images of an app and what its builds cached.
func (b *Builder) Forget(ctx context.Context, appID string) error {
	if !anID.MatchString(appID) {
		return fmt.Errorf("forgetting an app: %q is no id", appID)
	}
	if err := b.dropImages(ctx, appID, nil); err != nil {
		return err
	}
	return b.forgetCache(ctx, appID)
}

// dropImages goes by our names and not by labels: an image that somebody built on one of ours has them too.
func (b *Builder) dropImages(ctx context.Context, appID string, keep []string) error {
	found, err := b.engine.ImageList(ctx, client.ImageListOptions{})
	if err != nil {
		return fmt.Errorf("listing images: %w", err)
	}
	prefix := b.repository(appID) + ":"
	for _, image := range found.Items {
		if slices.Contains(keep, image.ID) {
			continue
		}
		for _, tag := range image.RepoTags {
			if strings.HasPrefix(tag, prefix) {
				if err := b.removeImage(ctx, tag); err != nil {
					return err
				}
			}
		}
	}
	return nil
}
