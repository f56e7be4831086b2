package cnb

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	cerrdefs "github.com/containerd/errdefs"
	"github.com/moby/moby/api/types/registry"
	"github.com/moby/moby/client"

	"github.com/lugsail/lugsail/platform"
)

// pull lets the engine pull an image of the local registry.
func (b *Builder) pull(ctx context.Context, image string) error {
	user, password := b.registry.PullAuth()
	auth, err := json.Marshal(registry.AuthConfig{Username: user, Password: password, ServerAddress: b.local()})
	if err != nil {
		return fmt.Errorf("pulling %s: %w", image, err)
	}
	response, err := b.engine.ImagePull(ctx, image, client.ImagePullOptions{RegistryAuth: base64.URLEncoding.EncodeToString(auth)})
	if err != nil {
		return b.engineError("pulling "+image, err)
	}
	if err := response.Wait(ctx); err != nil {
		return b.engineError("pulling "+image, err)
	}
	return nil
}

// has reports whether the engine has an image, and its id.
func (b *Builder) has(ctx context.Context, image string) (id string, err error) {
	found, err := b.engine.ImageInspect(ctx, image)
	if cerrdefs.IsNotFound(err) {
		return "", nil
	}
	if err != nil {
		return "", b.engineError("looking for "+image, err)
	}
	return found.ID, nil
}

// Ensure pulls an image of a build again when the engine has lost it.
func (b *Builder) Ensure(ctx context.Context, image string) error {
	id, err := b.has(ctx, image)
	if err != nil || id != "" {
		return err
	}
	repository, digest, _ := strings.Cut(strings.TrimPrefix(image, b.local()+"/"), "@")
	stored, err := b.registry.Images(ctx, repository)
	if err != nil {
		return err
	}
	if !slices.Contains(stored, digest) {
		return platform.Errorf(platform.Conflict, "image_lost", "The image of this release is gone from the server.").
			WithHint("Push again to build it anew.")
	}
	return b.pull(ctx, image)
}

// engineError says when the engine does not answer at all, or has no room.
func (b *Builder) engineError(doing string, err error) error {
	if client.IsErrConnectionFailed(err) {
		return platform.Errorf(platform.Unavailable, "docker_unavailable", "Docker is not answering.").
			WithHint("Running apps go on. If it stays so, restart Docker (where systemd runs: systemctl restart docker), then push again.").Because(fmt.Errorf("%s: %w", doing, err))
	}
	if strings.Contains(err.Error(), "no space left on device") { // the engine has no other word for it
		return platform.Errorf(platform.NoRoom, "disk_full", "The server's disk is full.").
			WithHint("Free some space on the disk that Docker uses, then push again.").Because(fmt.Errorf("%s: %w", doing, err))
	}
	return fmt.Errorf("%s: %w", doing, err)
}
