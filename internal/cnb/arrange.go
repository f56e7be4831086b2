package cnb

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/partial"
	"github.com/google/go-containerregistry/pkg/v1/remote"
)

// arrange puts the layers that change with every build on top. The lifecycle lays the app below its own
// layers, and the engine unpacks everything above a changed layer anew. The layers do not overlap, so
// their order does not matter to what is in the image.
func (b *Builder) arrange(ctx context.Context, repository, digest string) (v1.Image, string, error) {
	image, err := b.image(ctx, repository, digest)
	if err != nil {
		return nil, "", err
	}
	arranged, changed, err := reorder(image)
	if err != nil {
		return nil, "", fmt.Errorf("arranging the image: %w", err)
	}
	if !changed {
		return image, digest, nil
	}
	if err := b.replace(ctx, arranged, repository); err != nil {
		return nil, "", fmt.Errorf("storing the arranged image: %w", err)
	}
	if err := b.registry.Delete(ctx, repository, digest); err != nil {
		return nil, "", err
	}
	hash, err := arranged.Digest()
	if err != nil {
		return nil, "", fmt.Errorf("arranging the image: %w", err)
	}
	return arranged, hash.String(), nil
}

// reorder makes an image of the same layers with the volatile ones last.
func reorder(image v1.Image) (arranged v1.Image, changed bool, err error) {
	config, err := image.ConfigFile()
	if err != nil {
		return nil, false, err
	}
	layers, err := image.Layers()
	if err != nil {
		return nil, false, err
	}
	volatile, err := volatileLayers(config)
	if err != nil || len(config.RootFS.DiffIDs) != len(layers) {
		return image, false, err
	}
	var first, last []int
	for i, id := range config.RootFS.DiffIDs {
		switch {
		case volatile[id.String()]:
			last = append(last, i)
		default:
			first = append(first, i)
			changed = changed || len(last) > 0
		}
	}
	if !changed {
		return image, false, nil
	}
	arranged, err = assemble(image, config, layers, append(first, last...))
	return arranged, true, err
}

// volatileLayers are the app itself and compiled programs.
func volatileLayers(config *v1.ConfigFile) (map[string]bool, error) {
	type layer struct {
		SHA string `json:"sha"`
	}
	var metadata struct {
		App        []layer `json:"app"`
		Buildpacks []struct {
			Layers map[string]layer `json:"layers"`
		} `json:"buildpacks"`
	}
	if err := json.Unmarshal([]byte(config.Config.Labels["io.buildpacks.lifecycle.metadata"]), &metadata); err != nil {
		return nil, err
	}
	volatile := map[string]bool{}
	for _, l := range metadata.App {
		volatile[l.SHA] = true
	}
	for _, b := range metadata.Buildpacks {
		if program, ok := b.Layers["program"]; ok {
			volatile[program.SHA] = true
		}
	}
	return volatile, nil
}

func assemble(image v1.Image, config *v1.ConfigFile, layers []v1.Layer, order []int) (v1.Image, error) {
	media, err := image.MediaType()
	if err != nil {
		return nil, err
	}
	manifest, err := image.Manifest()
	if err != nil {
		return nil, err
	}
	var filled []v1.History
	for _, h := range config.History {
		if !h.EmptyLayer {
			filled = append(filled, h)
		}
	}
	var added []mutate.Addendum
	for _, i := range order {
		addendum := mutate.Addendum{Layer: layers[i], History: v1.History{Created: config.Created}, MediaType: manifest.Layers[i].MediaType}
		if len(filled) == len(layers) {
			addendum.History = filled[i]
		}
		added = append(added, addendum)
	}
	made, err := mutate.Append(mutate.ConfigMediaType(mutate.MediaType(empty.Image, media), manifest.Config.MediaType), added...)
	if err != nil {
		return nil, err
	}
	fresh, err := made.ConfigFile()
	if err != nil {
		return nil, err
	}
	full := config.DeepCopy()
	full.RootFS, full.History = fresh.RootFS, fresh.History
	return mutate.ConfigFile(made, full)
}

// replace makes the image the app's last one. Its layers are in the repository already.
func (b *Builder) replace(ctx context.Context, image v1.Image, repository string) error {
	user, password, release, err := b.registry.PushToken(ctx)
	if err != nil {
		return err
	}
	defer release()
	tag, err := name.NewTag(b.local()+"/"+repository+":"+latest, name.Insecure)
	if err != nil {
		return err
	}
	options := []remote.Option{remote.WithContext(ctx), remote.WithAuth(&authn.Basic{Username: user, Password: password}), remote.WithTransport(direct)}
	config, err := partial.ConfigLayer(image)
	if err != nil {
		return err
	}
	if err := remote.WriteLayer(tag.Repository, config, options...); err != nil {
		return err
	}
	return remote.Put(tag, image, options...)
}
