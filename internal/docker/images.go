package docker

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/netip"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	cerrdefs "github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/image"

	"github.com/lugsail/lugsail/platform"
)

// imagesOf begins the names that images made elsewhere get here. No person chooses one: what an
// image calls itself is never taken over, so that none can pass for another app's or the builder's.
const imagesOf = "lugsail-images"

// The beginnings of tags. An image that was on the server before belongs to somebody else:
// only our name of it is ever taken away.
const (
	tagOwn = "own-"
	tagNew = "new-"
)

const (
	bringTime = 20 * time.Minute // for an image to arrive
)

// ImagesConfig says what is Lugsail's own.
type ImagesConfig struct {
	RegistryPort      int          // of the built-in registry
	RegistryAddresses []netip.Addr // of the built-in registry, beside the loopback ones
	// Reachable refuses registries inside of networks that are none of an image's business; nil lets
	// all be asked.
	Reachable func(ctx context.Context, host string, port int) error
	Disk      Disk // nil: nobody looks at it
}

// Disk refuses and ends what could fill it.
type Disk interface {
	// MakeRoom refuses what needs room when there is little.
	MakeRoom(ctx context.Context) error
	// WatchRoom calls full when the disk is nearly full, until end.
	WatchRoom(ctx context.Context, full func()) (end func())
}

// Images brings images to the engine that were made elsewhere: from a registry, from a file of
// docker save, or from the server itself. A release knows its image by the id.
//
// What surprises: nothing is pulled by a tag. The tag is looked up first and the image pulled by
// its digest, because a pull by tag would take the tag away from the image that the owner of the
// server has under it. And it is Docker that asks the registry, which resolves its name for itself: a
// name that leads inside is refused before, but one that leads elsewhere a moment later is not.
type Images struct {
	engine *Engine
	config ImagesConfig
	turn   sync.Mutex // whether an image was there before is looked at and decided in one move

	lending sync.Mutex
	loans   int
	pulled  bool // since there were none
}

// Images gives the images of an engine.
func (e *Engine) Images(c ImagesConfig) *Images { return &Images{engine: e, config: c} }

var anID = regexp.MustCompile(`^[a-z0-9]{1,40}$`)

func ourName(appID, tag string) string { return imagesOf + "/" + appID + ":" + tag }

// FileName is the name that an image of a file must have to be taken in for the app.
func (i *Images) FileName(appID string) string {
	return ourName(appID, "file-"+platform.NewID())
}

// Import brings an image and says how it is started. Errors for people say what is wrong with
// the name, the registry or the image.
func (i *Images) Import(ctx context.Context, req platform.ImageRequest, log io.Writer) (platform.BuildResult, error) {
	if !anID.MatchString(req.AppID) || !anID.MatchString(req.BuildID) {
		return platform.BuildResult{}, fmt.Errorf("bringing an image: %q or %q is no id", req.AppID, req.BuildID)
	}
	ctx, cancel := context.WithTimeout(ctx, bringTime)
	defer cancel()
	b := bringing{Images: i, request: req, log: log}
	id, err := b.bring(ctx)
	if err != nil {
		return platform.BuildResult{}, err
	}
	return b.describe(ctx, id)
}

// watched does what brings an image, and cuts it off when it fills the disk.
func (i *Images) watched(ctx context.Context, bring func(context.Context) error) error {
	if i.config.Disk == nil {
		return bring(ctx)
	}
	if err := i.config.Disk.MakeRoom(ctx); err != nil {
		return err
	}
	ctx, cut := context.WithCancelCause(ctx)
	defer cut(nil)
	end := i.config.Disk.WatchRoom(ctx, func() { cut(errFull) })
	err := bring(ctx)
	end()
	if err != nil && errors.Is(context.Cause(ctx), errFull) {
		return platform.Errorf(platform.NoRoom, "disk_low", "The image was cut off because the server's disk was nearly full.").
			WithHint("`lugsail disk` shows what takes it. Remove apps or files that are not needed, or take a larger disk.").Because(err)
	}
	return err
}

var errFull = errors.New("the disk is nearly full")

// inspect looks at an image; found is false when the engine does not have it.
func (i *Images) inspect(ctx context.Context, name string) (found image.InspectResponse, ok bool, err error) {
	found, err = call(ctx, i.engine, i.engine.limits.quick, "looking at an image", func(ctx context.Context) (image.InspectResponse, error) {
		return i.engine.client.ImageInspect(ctx, name)
	})
	if isNotFound(err) {
		return found, false, nil
	}
	return found, err == nil, err
}

// Ensure reports whether the engine still has an image. One that is gone cannot be fetched again
// by its id.
func (i *Images) Ensure(ctx context.Context, id string) error {
	_, ok, err := i.inspect(ctx, id)
	if err != nil || ok {
		return err
	}
	return platform.Errorf(platform.Conflict, "image_lost", "The image of this release is gone from the server.").
		WithHint("Push again to build it anew, or deploy the image again: lugsail deploy --image NAME")
}

// Retain takes our names of the app's images away, but those of keep, and with the last name
// the image, unless somebody else brought it here.
func (i *Images) Retain(ctx context.Context, appID string, keep []string) error {
	if !anID.MatchString(appID) {
		return fmt.Errorf("keeping images: %q is no id", appID)
	}
	return i.retain(ctx, imagesOf+"/"+appID+":", keep)
}

func (i *Images) retain(ctx context.Context, prefix string, keep []string) error {
	i.turn.Lock()
	defer i.turn.Unlock()
	all, err := call(ctx, i.engine, i.engine.limits.start, "listing images", func(ctx context.Context) ([]image.Summary, error) {
		return i.engine.client.ImageList(ctx, image.ListOptions{})
	})
	if err != nil {
		return err
	}
	for _, one := range all {
		if slices.Contains(keep, one.ID) {
			continue
		}
		for _, name := range one.RepoTags {
			if strings.HasPrefix(name, prefix) {
				if err := i.drop(ctx, one, name, strings.Contains(name, ":"+tagOwn)); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// Adopt gives an image that the engine has to one more app, and tells its id. It stays when the app that it was made for
// goes.
func (i *Images) Adopt(ctx context.Context, appID, name string) (id string, err error) {
	if !anID.MatchString(appID) {
		return "", fmt.Errorf("adopting an image: %q is no id", appID)
	}
	b := bringing{Images: i, request: platform.ImageRequest{AppID: appID, BuildID: "copy"}}
	id, err = b.takeHere(ctx, name, func(image.InspectResponse) string { return tagNew })
	if err == nil && id == "" {
		err = platform.Errorf(platform.Conflict, "image_lost", "The image of that release is gone from the server.")
	}
	return id, err
}

// Forget does that for all images of an app that is going.
func (i *Images) Forget(ctx context.Context, appID string) error { return i.Retain(ctx, appID, nil) }

// drop takes one name of ours away.
func (i *Images) drop(ctx context.Context, one image.Summary, name string, own bool) error {
	others := 0
	for _, tag := range one.RepoTags {
		if tag != name {
			others++
		}
	}
	if own && others == 0 && len(one.RepoDigests) == 0 {
		return nil // its last name: with it the image of somebody else would go
	}
	if err := i.remove(ctx, name); err != nil || own || others > 0 {
		return err
	}
	for _, digest := range one.RepoDigests { // of the pull that brought it
		if err := i.remove(ctx, digest); err != nil {
			return err
		}
	}
	return nil
}

// removeLate removes what a call that was cut off may have left.
func (i *Images) removeLate(ctx context.Context, name string) error {
	ctx, cancel := afterwards(ctx, i.engine.limits.start)
	defer cancel()
	return i.remove(ctx, name)
}

func (i *Images) remove(ctx context.Context, name string) error {
	err := do(ctx, i.engine, i.engine.limits.start, "removing an image", func(ctx context.Context) error {
		_, err := i.engine.client.ImageRemove(ctx, name, image.RemoveOptions{PruneChildren: true})
		return err
	})
	switch {
	case cerrdefs.IsConflict(err):
		slog.InfoContext(ctx, "an image is still in use", "image", name)
	case err != nil && !isNotFound(err):
		return err
	}
	return nil
}
