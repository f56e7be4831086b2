package docker

import (
	"context"
	"slices"
	"strings"

	"github.com/docker/docker/api/types"
)

// Beyond measures the images of ours that no container uses and that are none of those to keep, by app. An
// image counts when all of its names are ours, and with the layers that no other image has. keep has
// ids, or names with a digest.
func (e *Engine) Beyond(ctx context.Context, keep map[string][]string) (map[string]int64, error) {
	df, err := call(ctx, e, e.limits.start, "measuring what Docker holds", func(ctx context.Context) (types.DiskUsage, error) {
		return e.client.DiskUsage(ctx, types.DiskUsageOptions{Types: []types.DiskUsageObject{types.ImageObject, types.ContainerObject}})
	})
	if err != nil {
		return nil, err
	}
	used := map[string]bool{}
	for _, c := range df.Containers {
		if c != nil {
			used[c.ImageID] = true
		}
	}
	beyond := map[string]int64{}
	for _, image := range df.Images {
		if image == nil || used[image.ID] {
			continue
		}
		app := onlyOurs(image.RepoTags, image.RepoDigests)
		images, known := keep[app]
		if !known || slices.ContainsFunc(append([]string{image.ID}, image.RepoDigests...), func(name string) bool { return slices.Contains(images, name) }) {
			continue
		}
		beyond[app] += image.Size - max(image.SharedSize, 0)
	}
	return beyond, nil
}

// onlyOurs tells whose image it is by its names; "" when somebody else has a name for it too, or had it before.
func onlyOurs(tags, digests []string) (app string) {
	names := tags
	if len(tags) == 0 {
		names = digests
	}
	for _, name := range names {
		id := appOfName(name)
		if id == "" || app != "" && id != app {
			return ""
		}
		app = id
	}
	return app
}

// appOfName reads the names that builds and imports give: 127.0.0.1:5005/apps/ID@DIGEST,
// 127.0.0.1:5005/dockerfile/ID:BUILD, lugsail-images/ID:new-BUILD.
func appOfName(name string) string {
	place, rest, _ := strings.Cut(name, "/")
	switch {
	case strings.HasPrefix(place, "127.0.0.1:"):
		kind, below, _ := strings.Cut(rest, "/")
		if kind != "apps" && kind != "dockerfile" {
			return ""
		}
		rest = below
	case place != imagesOf:
		return ""
	}
	id, version, ok := strings.Cut(strings.Replace(rest, "@", ":", 1), ":")
	if !ok || !anID.MatchString(id) || strings.HasPrefix(version, tagOwn) || imagesOf+"/"+id+":" == lent {
		return ""
	}
	return id
}
