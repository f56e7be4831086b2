package docker

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"log/slog"
	"strings"

	"github.com/distribution/reference"
	"github.com/docker/docker/api/types/image"

	"github.com/lugsail/lugsail/platform"
)

// lent is our second name of an image that has its own for the time of a build only. It ends with
// a hash of that one and of the installation, so that a killed server's can be told from the owner's
// and from another Lugsail's.
const lent = imagesOf + "/lent:"

func (i *Images) lentAs(name string) string {
	sum := sha256.Sum256([]byte(i.engine.instance + "\x00" + name))
	return lent + hex.EncodeToString(sum[:16])
}

// Lend makes the engine have an image under its own name, for a build, until back. here lets it be
// one that the server has; else it is one that its registry gives to everybody.
func (i *Images) Lend(ctx context.Context, name string, here bool, log io.Writer) (back func(), err error) {
	i.lending.Lock()
	defer i.lending.Unlock()
	if i.loans == 0 {
		i.takeBack(ctx)
	}
	back, err = i.lend(ctx, name, here, log)
	if err == nil {
		i.loans++
	}
	return back, err
}

func (i *Images) lend(ctx context.Context, name string, here bool, log io.Writer) (back func(), err error) {
	named, err := reference.ParseNormalizedNamed(name)
	if err != nil {
		return nil, fmt.Errorf("bringing the image of a build: %w", err)
	}
	named = reference.TagNameOnly(named)
	known := reference.FamiliarString(named)
	found, ok, err := i.inspect(ctx, known)
	if err != nil || ok && here {
		return i.returned(ctx), err
	}
	b := bringing{Images: i, request: platform.ImageRequest{Name: named.String()}, log: log}
	pinned, err := b.lookUp(ctx, named)
	switch {
	case err != nil:
		return nil, err
	case ok && !fromRepository(found, named):
		return nil, platform.Errorf(platform.Forbidden, "image_here", "This server has an image of its own that is called %s, and those are for its owner.", known).
			WithHint("Name the registry's by its digest: %s", reference.FamiliarString(pinned))
	case ok:
		return i.returned(ctx), nil
	}
	i.pulled = true
	if err := b.fetch(ctx, named, pinned); err != nil {
		return nil, err
	}
	names := []string{i.lentAs(known), known}
	if _, byDigest := named.(reference.Canonical); byDigest {
		names = names[:1]
	}
	for _, as := range names {
		err := do(ctx, i.engine, i.engine.limits.quick, "naming an image", func(ctx context.Context) error {
			return i.engine.client.ImageTag(ctx, pinned.String(), as)
		})
		if err != nil {
			return nil, err
		}
	}
	return i.returned(ctx), nil
}

// fromRepository reports whether an image came from the registry that its name says.
func fromRepository(found image.InspectResponse, named reference.Named) bool {
	for _, digest := range found.RepoDigests {
		if r, err := reference.ParseNormalizedNamed(digest); err == nil && r.Name() == named.Name() {
			return true
		}
	}
	return false
}

// returned ends a loan.
func (i *Images) returned(ctx context.Context) func() {
	return func() {
		ctx, cancel := afterwards(ctx, i.engine.limits.start)
		defer cancel()
		i.lending.Lock()
		defer i.lending.Unlock()
		if i.loans--; i.loans == 0 && i.pulled {
			i.takeBack(ctx)
			i.pulled = false
		}
	}
}

// takeBack removes what was lent; what images were built on stays as long as those do.
func (i *Images) takeBack(ctx context.Context) {
	all, err := call(ctx, i.engine, i.engine.limits.start, "listing images", func(ctx context.Context) ([]image.Summary, error) {
		return i.engine.client.ImageList(ctx, image.ListOptions{})
	})
	for _, one := range all {
		err = firstOf(err, i.takeBackOne(ctx, one))
	}
	if err != nil {
		slog.WarnContext(ctx, "images of builds not removed; the next build removes them", "error", err)
	}
}

func (i *Images) takeBackOne(ctx context.Context, one image.Summary) error {
	names := map[string]bool{}
	for _, tag := range one.RepoTags {
		names[tag] = true
	}
	var err error
	others := len(names)
	for tag := range names {
		if as := i.lentAs(tag); names[as] && !strings.HasPrefix(tag, imagesOf+"/") {
			err = firstOf(err, i.remove(ctx, tag), i.remove(ctx, as))
			others -= 2
		}
	}
	for _, digest := range one.RepoDigests {
		if as := i.lentAs(digest); names[as] {
			err = firstOf(err, i.remove(ctx, as))
			others--
		}
	}
	if others > 0 || others == len(names) {
		return err
	}
	for _, digest := range one.RepoDigests {
		err = firstOf(err, i.remove(ctx, digest))
	}
	return err
}

func firstOf(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}
