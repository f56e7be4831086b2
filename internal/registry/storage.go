package registry

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"github.com/distribution/distribution/v3"
	"github.com/distribution/distribution/v3/registry/storage"
	"github.com/distribution/distribution/v3/registry/storage/driver"
	"github.com/distribution/reference"
	"github.com/opencontainers/go-digest"
)

// Images gives the digests of all images of a repository.
func (r *Registry) Images(ctx context.Context, repository string) ([]string, error) {
	manifests, err := r.manifests(ctx, repository)
	if err != nil {
		return nil, err
	}
	var digests []string
	err = manifests.(distribution.ManifestEnumerator).Enumerate(ctx, func(d digest.Digest) error {
		digests = append(digests, d.String())
		return nil
	})
	if missing(err) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("listing the images of %s: %w", repository, err)
	}
	return digests, nil
}

// Tagged gives the digest behind a tag, "" when there is none.
func (r *Registry) Tagged(ctx context.Context, repository, tag string) (string, error) {
	repo, err := r.repository(ctx, repository)
	if err != nil {
		return "", err
	}
	found, err := repo.Tags(ctx).Get(ctx, tag)
	var unknown distribution.ErrTagUnknown
	if errors.As(err, &unknown) || missing(err) {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("reading the tag %s of %s: %w", tag, repository, err)
	}
	return found.Digest.String(), nil
}

// Delete drops one image of a repository; its layers go with the next collection. One that is not
// there is no error.
func (r *Registry) Delete(ctx context.Context, repository, imageDigest string) error {
	d, err := digest.Parse(imageDigest)
	if err != nil {
		return fmt.Errorf("deleting an image of %s: %w", repository, err)
	}
	manifests, err := r.manifests(ctx, repository)
	if err != nil {
		return err
	}
	if err := manifests.Delete(ctx, d); err != nil && !missing(err) && !errors.Is(err, distribution.ErrBlobUnknown) {
		return fmt.Errorf("deleting %s of %s: %w", imageDigest, repository, err)
	}
	return r.untag(ctx, repository, d)
}

// untag drops the tags that led to the image.
func (r *Registry) untag(ctx context.Context, repository string, d digest.Digest) error {
	repo, err := r.repository(ctx, repository)
	if err != nil {
		return err
	}
	tags := repo.Tags(ctx)
	names, err := tags.Lookup(ctx, distribution.Descriptor{Digest: d})
	if err != nil && !missing(err) {
		return fmt.Errorf("listing the tags of %s: %w", repository, err)
	}
	for _, name := range names {
		if err := tags.Untag(ctx, name); err != nil && !missing(err) {
			return fmt.Errorf("removing the tag %s of %s: %w", name, repository, err)
		}
	}
	return nil
}

// Forget drops a whole repository.
func (r *Registry) Forget(_ context.Context, repository string) error {
	named, err := reference.WithName(repository)
	if err != nil {
		return fmt.Errorf("forgetting %s: %w", repository, err)
	}
	if err := os.RemoveAll(filepath.Join(r.repositoriesDir(), filepath.FromSlash(named.Name()))); err != nil {
		return fmt.Errorf("forgetting %s: %w", repository, err)
	}
	return nil
}

// CollectSoon asks Run for a collection when no push is under way.
func (r *Registry) CollectSoon() {
	select {
	case r.wanted <- struct{}{}:
	default: // one is asked for already
	}
}

func (r *Registry) collectWhenAsked(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-r.wanted:
		}
		if err := r.Collect(ctx); err != nil && ctx.Err() == nil {
			slog.Warn("collecting the registry's garbage", "error", err)
		}
	}
}

// Collect removes the blobs that no image uses and uploads that never ended. It waits until no
// push is under way.
func (r *Registry) Collect(ctx context.Context) error {
	return r.pushes.alone(ctx, func() error {
		if _, err := os.Stat(r.repositoriesDir()); errors.Is(err, os.ErrNotExist) {
			return nil // nothing was ever pushed
		}
		if _, errs := storage.PurgeUploads(ctx, r.driver, time.Now(), true); len(errs) > 0 && !missing(errors.Join(errs...)) {
			return fmt.Errorf("removing unfinished uploads: %w", errors.Join(errs...))
		}
		if err := storage.MarkAndSweep(ctx, r.driver, r.images, storage.GCOpts{Quiet: true}); err != nil && !missing(err) {
			return fmt.Errorf("removing unused layers: %w", err)
		}
		return nil
	})
}

func (r *Registry) repository(ctx context.Context, name string) (distribution.Repository, error) {
	named, err := reference.WithName(name)
	if err != nil {
		return nil, fmt.Errorf("opening the repository %s: %w", name, err)
	}
	repo, err := r.images.Repository(ctx, named)
	if err != nil {
		return nil, fmt.Errorf("opening the repository %s: %w", name, err)
	}
	return repo, nil
}

func (r *Registry) manifests(ctx context.Context, name string) (distribution.ManifestService, error) {
	repo, err := r.repository(ctx, name)
	if err != nil {
		return nil, err
	}
	manifests, err := repo.Manifests(ctx)
	if err != nil {
		return nil, fmt.Errorf("opening the repository %s: %w", name, err)
	}
	return manifests, nil
}

func missing(err error) bool {
	var path driver.PathNotFoundError
	var repository distribution.ErrRepositoryUnknown
	return errors.As(err, &path) || errors.As(err, &repository)
}
