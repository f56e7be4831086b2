package docker

import (
	"context"
	"slices"
	"strings"

	"github.com/docker/docker/api/types"
	"github.com/docker/docker/api/types/container"
)

// Usage is what the engine's images and containers take of its disk, in bytes.
type Usage struct {
	Images  map[string]int64 // by app: layers that no other image has
	Layers  map[string]int64 // by app: what its containers have written
	Shared  int64            // layers of our images that several have: bases and runtimes
	Foreign int64            // images, containers, volumes and caches that are not ours
}

// Usage measures. It takes the engine seconds where there is much.
func (e *Engine) Usage(ctx context.Context) (Usage, error) {
	df, err := call(ctx, e, e.limits.start, "measuring what Docker holds", func(ctx context.Context) (types.DiskUsage, error) {
		return e.client.DiskUsage(ctx, types.DiskUsageOptions{})
	})
	if err != nil {
		return Usage{}, err
	}
	u := Usage{Images: map[string]int64{}, Layers: map[string]int64{}}
	all := df.LayersSize
	for _, image := range df.Images {
		if image == nil {
			continue
		}
		if ofBlueprint(image.Labels[labelInstance] == e.instance, image.RepoTags) {
			continue // all apps of the blueprint share it
		}
		own := image.Size - max(image.SharedSize, 0)
		all -= own
		if app := e.appOfImage(image.Labels, image.RepoTags); app != "" {
			u.Images[app] += own
		} else {
			u.Foreign += own
		}
	}
	u.Shared = max(all, 0)
	for _, c := range df.Containers {
		if c == nil {
			continue
		}
		if c.Labels[labelInstance] == e.instance && c.Labels[labelApp] != "" {
			u.Layers[c.Labels[labelApp]] += c.SizeRw
		} else {
			u.Foreign += c.SizeRw
		}
	}
	for _, v := range df.Volumes {
		if v != nil && v.UsageData != nil {
			u.Foreign += max(v.UsageData.Size, 0)
		}
	}
	for _, cache := range df.BuildCache {
		if cache != nil && !cache.Shared {
			u.Foreign += cache.Size
		}
	}
	return u, nil
}

// ofBlueprint tells an image that apps of one blueprint have in common, by its name 127.0.0.1:5005/blueprint/NAME:TAG.
func ofBlueprint(ours bool, names []string) bool {
	return ours && slices.ContainsFunc(names, func(name string) bool {
		place, rest, _ := strings.Cut(name, "/")
		return strings.HasPrefix(place, "127.0.0.1:") && strings.HasPrefix(rest, "blueprint/")
	})
}

// Written tells how many bytes each running replica has written into its own layer, by its id.
func (e *Engine) Written(ctx context.Context) (map[string]int64, error) {
	list, err := call(ctx, e, e.limits.start, "measuring what replicas have written", func(ctx context.Context) ([]container.Summary, error) {
		return e.client.ContainerList(ctx, container.ListOptions{Size: true, Filters: e.replicas("")})
	})
	written := make(map[string]int64, len(list))
	for _, c := range list {
		written[c.ID] = c.SizeRw
	}
	return written, err
}

// appOfImage tells whose image it is: by its labels when a Dockerfile made it, else by its name, which is
// 127.0.0.1:5005/apps/ID:TAG in our registry and lugsail-images/ID:TAG where it was made elsewhere.
func (e *Engine) appOfImage(labels map[string]string, names []string) string {
	if labels[labelInstance] == e.instance && labels[labelApp] != "" {
		return labels[labelApp]
	}
	for _, name := range names {
		place, rest, ok := strings.Cut(name, "/")
		if strings.HasPrefix(place, "127.0.0.1:") {
			rest, ok = strings.CutPrefix(rest, "apps/")
		} else if place != imagesOf {
			continue
		}
		if id, _, tagged := strings.Cut(rest, ":"); ok && tagged && !strings.Contains(id, "/") && imagesOf+"/"+id+":" != lent {
			return id
		}
	}
	return ""
}
