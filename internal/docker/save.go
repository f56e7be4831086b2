package docker

import (
	"context"
	"errors"
	"io"

	"github.com/lugsail/lugsail/platform"
)

// Save writes an image with its name, as docker save does.
func (e *Engine) Save(ctx context.Context, image string, to io.Writer) error {
	if err := e.agree(ctx); err != nil {
		return err
	}
	from, err := e.client.ImageSave(ctx, []string{image})
	if isNotFound(err) {
		return platform.Errorf(platform.Conflict, "image_lost", "The image %s is not on this server any more.", image).
			WithHint("Deploy its app again to build it anew.").Because(err)
	}
	if err != nil {
		return explain(err, "saving an image")
	}
	_, err = io.Copy(to, from)
	return errors.Join(err, from.Close())
}

// Load takes in an image that Save wrote, under the name that it had.
func (e *Engine) Load(ctx context.Context, from io.Reader) error {
	if err := e.agree(ctx); err != nil {
		return err
	}
	answer, err := e.client.ImageLoad(ctx, cuttable{ctx, from})
	if err != nil {
		return explain(err, "loading an image")
	}
	_, err = io.Copy(io.Discard, answer.Body)
	return errors.Join(err, answer.Body.Close())
}

// Tag gives an image another name.
func (e *Engine) Tag(ctx context.Context, image, name string) error {
	return do(ctx, e, e.limits.quick, "naming an image", func(ctx context.Context) error { return e.client.ImageTag(ctx, image, name) })
}
