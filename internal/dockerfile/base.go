package dockerfile

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/moby/moby/client"
)

// isBase tells the name by which Dockerfiles build on the platform's own image: it has no registry, and each
// installation has its own.
func isBase(image string) bool { return image == "lugsail/base" || image == "lugsail/base:latest" }

var fromBase = regexp.MustCompile(`(?i)^(\s*FROM\s+(?:--platform=\S+\s+)?)("?)lugsail/base(?::latest)?("?)(\s|$)`)

// standOnBase has the base image there, and writes its real name into a copy of the Dockerfile.
func (r *run) standOnBase(ctx context.Context) (err error) {
	if len(r.recipe.onBase) == 0 || r.builder.config.Base == nil {
		return nil
	}
	if r.base, err = r.builder.config.Base(ctx, func(line string) { r.say("%s", line) }); err != nil {
		return err
	}
	named := slices.Clone(r.recipe.lines)
	for _, n := range r.recipe.onBase {
		if n >= 1 && n <= len(named) {
			named[n-1] = fromBase.ReplaceAllString(named[n-1], "${1}${2}"+r.base+"${3}${4}")
		}
	}
	if r.dockerfile, err = os.MkdirTemp(filepath.Join(r.builder.config.DataDir, "builds", name), "base-"); err != nil {
		return fmt.Errorf("writing the Dockerfile: %w", err)
	}
	file := filepath.Join(r.dockerfile, r.recipe.path)
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		return fmt.Errorf("writing the Dockerfile: %w", err)
	}
	if err := os.WriteFile(file, []byte(strings.Join(named, "\n")), 0o600); err != nil {
		return fmt.Errorf("writing the Dockerfile: %w", err)
	}
	return nil
}

func (r *run) cleanBase() {
	if r.dockerfile == "" {
		return
	}
	if err := os.RemoveAll(r.dockerfile); err != nil {
		slog.Warn("copy of a Dockerfile not removed", "error", err)
	}
}

// shared is the image that all apps of a blueprint have in common; "" where each has its own.
func (r *run) shared() string {
	if r.request.Blueprint == "" || r.request.Digest == "" || !anID.MatchString(strings.ReplaceAll(r.request.Blueprint, "-", "")) {
		return ""
	}
	sum := sha256.Sum256([]byte(r.request.Digest + "\x00" + r.base))
	return r.builder.blueprints() + r.request.Blueprint + ":" + hex.EncodeToString(sum[:8])
}

func (b *Builder) blueprints() string { return b.registry() + "/blueprint/" }

// taken gives the image of a blueprint to one more app.
func (r *run) taken(ctx context.Context, shared, image string) (bool, error) {
	if shared == "" || r.request.Renew {
		return false, nil
	}
	there, err := r.builder.has(ctx, shared)
	if err != nil || !there {
		return false, err
	}
	return true, r.builder.tag(ctx, shared, image)
}

// share lets the next apps of the blueprint have the image, and gives up the one that it takes the place of.
func (r *run) share(ctx context.Context, shared, image string) error {
	if shared == "" {
		return nil
	}
	found, err := r.builder.engine.ImageList(ctx, client.ImageListOptions{})
	if err != nil {
		return fmt.Errorf("listing images: %w", err)
	}
	repository, _, _ := strings.Cut(strings.TrimPrefix(shared, r.builder.blueprints()), ":")
	for _, old := range found.Items {
		for _, tag := range old.RepoTags {
			if strings.HasPrefix(tag, r.builder.blueprints()+repository+":") {
				if err := r.builder.removeImage(ctx, tag); err != nil {
					return err
				}
			}
		}
	}
	return r.builder.tag(ctx, image, shared)
}

func (b *Builder) tag(ctx context.Context, image, as string) error {
	if _, err := b.engine.ImageTag(ctx, client.ImageTagOptions{Source: image, Target: as}); err != nil {
		return fmt.Errorf("naming an image: %w", err)
	}
	return nil
}

// Idle gives the images of blueprints that no app has, in bytes, by blueprint.
func (b *Builder) Idle(ctx context.Context) (map[string]int64, error) {
	idle := map[string]int64{}
	err := b.eachIdle(ctx, func(blueprint, _ string, bytes int64) error {
		idle[blueprint] += bytes
		return nil
	})
	return idle, err
}

// DropIdle removes the images of a blueprint that no app has.
func (b *Builder) DropIdle(ctx context.Context, blueprint string) error {
	return b.eachIdle(ctx, func(of, tag string, _ int64) error {
		if of != blueprint {
			return nil
		}
		return b.removeImage(ctx, tag)
	})
}

func (b *Builder) eachIdle(ctx context.Context, found func(blueprint, tag string, bytes int64) error) error {
	all, err := b.engine.ImageList(ctx, client.ImageListOptions{})
	if err != nil {
		return fmt.Errorf("listing images: %w", err)
	}
	for _, image := range all.Items {
		used := slices.ContainsFunc(image.RepoTags, func(tag string) bool { return !strings.HasPrefix(tag, b.blueprints()) })
		if used || len(image.RepoTags) == 0 {
			continue
		}
		for _, tag := range image.RepoTags {
			of, _, _ := strings.Cut(strings.TrimPrefix(tag, b.blueprints()), ":")
			if err := found(of, tag, image.Size); err != nil {
				return err
			}
		}
	}
	return nil
}
