package cnb

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"strings"

	cerrdefs "github.com/containerd/errdefs"
	"github.com/moby/moby/client"
)

func listBuilds(instance string, labels ...string) client.ContainerListOptions {
	filters := make(client.Filters).Add("label", labelInstance+"="+instance).Add("label", labelBuild)
	for _, label := range labels {
		filters = filters.Add("label", label)
	}
	return client.ContainerListOptions{All: true, Filters: filters}
}

// Clean removes what builds of this instance left that were cut off: containers, directories, tools.
// It must not run beside a build.
func (b *Builder) Clean(ctx context.Context) error {
	found, err := b.engine.ContainerList(ctx, listBuilds(b.config.Instance))
	if err != nil {
		return b.engineError("looking for builds that were cut off", err)
	}
	for _, c := range found.Items {
		b.removeContainer(ctx, c.ID)
	}
	for _, dir := range []string{b.path("work"), b.path("tmp")} {
		if err := emptyDir(dir); err != nil {
			return err
		}
	}
	return errors.Join(b.forgetGoSeed(ctx), b.cleanTools(ctx))
}

func emptyDir(dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return fmt.Errorf("tidying up after builds: %w", err)
	}
	for _, entry := range entries {
		if err := removeAll(dir + "/" + entry.Name()); err != nil {
			return fmt.Errorf("tidying up after builds: %w", err)
		}
	}
	return nil
}

// cleanTools removes the images of tools.
func (b *Builder) cleanTools(ctx context.Context) error {
	filters := make(client.Filters).Add("label", labelInstance+"="+b.config.Instance).Add("label", labelTool)
	found, err := b.engine.ImageList(ctx, client.ImageListOptions{Filters: filters})
	if err != nil {
		return b.engineError("looking for tools that were left", err)
	}
	for _, image := range found.Items {
		b.dropImage(ctx, image.ID)
	}
	return nil
}

// Retain drops the app's images but these, from the engine and the registry. The registry also keeps the
// last one built, because the next build takes layers of it.
func (b *Builder) Retain(ctx context.Context, appID string, keep []string) error {
	if !anID.MatchString(appID) {
		return fmt.Errorf("keeping images: %q is no id", appID)
	}
	unlock, err := b.lock(ctx, appID)
	if err != nil {
		return err
	}
	defer unlock()
	if err := b.dropFromEngine(ctx, appID, keep); err != nil {
		return err
	}
	repository := appRepository(appID)
	last, err := b.registry.Tagged(ctx, repository, latest)
	if err != nil {
		return err
	}
	digests, err := b.registry.Images(ctx, repository)
	if err != nil {
		return err
	}
	dropped := false
	for _, digest := range digests {
		if digest == last || slices.Contains(keep, b.local()+"/"+repository+"@"+digest) {
			continue
		}
		if err := b.registry.Delete(ctx, repository, digest); err != nil {
			return err
		}
		dropped = true
	}
	if dropped {
		b.registry.CollectSoon()
	}
	return nil
}

// Forget removes all images of an app and what its builds kept.
func (b *Builder) Forget(ctx context.Context, appID string) error {
	if !anID.MatchString(appID) {
		return fmt.Errorf("forgetting an app: %q is no id", appID)
	}
	unlock, err := b.lock(ctx, appID)
	if err != nil {
		return err
	}
	defer unlock()
	if err := b.removeBuilds(ctx, labelApp+"="+appID); err != nil {
		return err
	}
	if err := b.dropFromEngine(ctx, appID, nil); err != nil {
		return err
	}
	if err := b.registry.Forget(ctx, appRepository(appID)); err != nil {
		return err
	}
	b.registry.CollectSoon()
	if err := removeAll(b.path("apps", appID)); err != nil {
		return fmt.Errorf("removing what builds of the app kept: %w", err)
	}
	return nil
}

// dropFromEngine removes the app's images from the engine. One that a container still uses stays until the
// next time.
func (b *Builder) dropFromEngine(ctx context.Context, appID string, keep []string) error {
	found, err := b.engine.ImageList(ctx, client.ImageListOptions{})
	if err != nil {
		return b.engineError("listing images", err)
	}
	prefix := b.local() + "/" + appRepository(appID) + "@"
	for _, image := range found.Items {
		for _, name := range image.RepoDigests {
			if !strings.HasPrefix(name, prefix) || slices.Contains(keep, name) {
				continue
			}
			_, err := b.engine.ImageRemove(ctx, name, client.ImageRemoveOptions{PruneChildren: true})
			switch {
			case cerrdefs.IsConflict(err):
				slog.Info("an image is still in use", "image", name)
			case err != nil && !cerrdefs.IsNotFound(err):
				return b.engineError("removing "+name, err)
			}
		}
	}
	return nil
}
