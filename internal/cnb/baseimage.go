package cnb

import (
	"context"
	"fmt"
	"net/http"
	"path/filepath"
	"time"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
)

const baseRepository = "base/debian"

// ensureBase makes the image that apps are built and run on, into the registry and the engine.
func (b *Builder) ensureBase(ctx context.Context, state *prepared, progress func(string)) error {
	b.basing.Lock()
	defer b.basing.Unlock()
	tag := short("base", b.config.Base.Recipe(), architecture(), imageRecipe)
	digest, err := b.registry.Tagged(ctx, baseRepository, tag)
	if err != nil {
		return err
	}
	if digest == "" {
		if digest, err = b.makeBase(ctx, tag, progress); err != nil {
			return err
		}
	}
	image := b.local() + "/" + baseRepository + ":" + tag
	id, err := b.has(ctx, image)
	if err != nil {
		return err
	}
	if id == "" {
		if err := b.pull(ctx, image); err != nil {
			return err
		}
	}
	state.BaseTag, state.BaseDigest = tag, digest
	return nil
}

// BaseImage gives the image that apps are built and run on. The engine has it then.
func (b *Builder) BaseImage(ctx context.Context, progress func(string)) (string, error) {
	var state prepared
	err := b.ensureBase(ctx, &state, progress)
	return b.local() + "/" + baseRepository + ":" + state.BaseTag, err
}

// imageRecipe changes when baseConfig does.
const imageRecipe = "2"

func (b *Builder) makeBase(ctx context.Context, tag string, progress func(string)) (digest string, err error) {
	dir, remove, err := b.scratch("base")
	if err != nil {
		return "", err
	}
	defer remove()
	file := filepath.Join(dir, "rootfs.tar")
	if err := b.config.Base.Rootfs(ctx, file, progress); err != nil {
		return "", err
	}
	layer, err := tarball.LayerFromFile(file)
	if err != nil {
		return "", fmt.Errorf("reading the base image: %w", err)
	}
	image, err := mutate.Append(empty.Image, mutate.Addendum{Layer: layer, History: v1.History{CreatedBy: "Debian packages", Created: epoch}})
	if err != nil {
		return "", fmt.Errorf("making the base image: %w", err)
	}
	config, err := image.ConfigFile()
	if err != nil {
		return "", fmt.Errorf("making the base image: %w", err)
	}
	if image, err = mutate.ConfigFile(image, b.baseConfig(config)); err != nil {
		return "", fmt.Errorf("making the base image: %w", err)
	}
	return b.push(ctx, image, baseRepository, tag)
}

var epoch = v1.Time{Time: time.Date(1980, 1, 1, 0, 0, 1, 0, time.UTC)}

// baseConfig is inherited by every image that is built on it, the owner's label too.
func (b *Builder) baseConfig(config *v1.ConfigFile) *v1.ConfigFile {
	config = config.DeepCopy()
	config.OS, config.Architecture, config.Created = "linux", architecture(), epoch
	config.Config = v1.Config{
		User:       fmt.Sprintf("%d:%d", userID, userID),
		WorkingDir: "/home",
		Env: []string{
			"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LANG=C.UTF-8",
			fmt.Sprintf("CNB_USER_ID=%d", userID), fmt.Sprintf("CNB_GROUP_ID=%d", userID),
		},
		Labels: map[string]string{
			"io.buildpacks.base.distro.name": "debian", "io.buildpacks.base.distro.version": "13",
			"io.buildpacks.base.maintainer": "Lugsail", labelInstance: b.config.Instance,
		},
	}
	return config
}

// push writes an image into the registry.
func (b *Builder) push(ctx context.Context, image v1.Image, repository, tag string) (digest string, err error) {
	user, password, release, err := b.registry.PushToken(ctx)
	if err != nil {
		return "", err
	}
	defer release()
	ref, err := name.NewTag(b.local()+"/"+repository+":"+tag, name.Insecure)
	if err != nil {
		return "", fmt.Errorf("naming %s: %w", repository, err)
	}
	// One layer after the other: taking over several at once from another repository is a race in the library.
	if err := remote.Write(ref, image, remote.WithContext(ctx), remote.WithJobs(1), remote.WithAuth(&authn.Basic{Username: user, Password: password}), remote.WithTransport(direct)); err != nil {
		return "", fmt.Errorf("storing %s: %w", repository, err)
	}
	hash, err := image.Digest()
	if err != nil {
		return "", fmt.Errorf("storing %s: %w", repository, err)
	}
	return hash.String(), nil
}

// direct reaches the local registry, never through a proxy.
var direct = func() http.RoundTripper {
	t := http.DefaultTransport.(*http.Transport).Clone()
	t.Proxy = nil
	return t
}()

// image reads an image of the registry.
func (b *Builder) image(ctx context.Context, repository, digest string) (v1.Image, error) {
	ref, err := name.NewDigest(b.local()+"/"+repository+"@"+digest, name.Insecure)
	if err != nil {
		return nil, fmt.Errorf("naming %s: %w", repository, err)
	}
	user, password := b.registry.PullAuth()
	image, err := remote.Image(ref, remote.WithContext(ctx), remote.WithAuth(&authn.Basic{Username: user, Password: password}), remote.WithTransport(direct))
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", repository, err)
	}
	return image, nil
}
