package docker

import (
	"context"
	"slices"
	"testing"

	"github.com/lugsail/lugsail/platform"
)

func TestLeave_BroughtImagesOfAnotherLugsailStay(t *testing.T) {
	ours, theirs := openEngine(t), openEngine(t)
	ctx := t.Context()
	images := map[*Engine]string{}
	for _, e := range []*Engine{ours, theirs} {
		app := platform.NewID()
		_, err := e.ensureNetwork(ctx, app) // which an app has that runs nothing now, too
		check(t, err)
		images[e] = ourName(app, tagNew+platform.NewID())
		check(t, e.client.ImageTag(ctx, testImage, images[e]))
		t.Cleanup(func() {
			ctx := context.WithoutCancel(ctx)
			check(t, e.RemoveApp(ctx, app))
			check(t, e.Images(ImagesConfig{}).Forget(ctx, app))
		})
	}
	check(t, ours.Leave(ctx, "127.0.0.1:1/"))
	tags := tagsOf(t, ours.Images(ImagesConfig{}), testImage)
	if !slices.Contains(tags, images[theirs]) {
		t.Error("the other Lugsail's image lost its name")
	}
	if slices.Contains(tags, images[ours]) {
		t.Error("an image of our own app was left")
	}
	if networks, err := theirs.networksOf(ctx, ""); err != nil || len(networks) != 1 {
		t.Errorf("the other Lugsail has %d networks, %v", len(networks), err)
	}
}
