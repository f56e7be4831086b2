package cnb

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/lugsail/lugsail/platform"
)

// The seed is the image of a Node app that does nothing, built by Prepare. A new app's first build takes it
// for the previous image, and so takes the runtime's layer over instead of packing and unpacking it again:
// that is half the time of a first push.
const seedID = "seed"

// ensureSeed builds the seed once for each builder and runtime.
func (b *Builder) ensureSeed(ctx context.Context, progress func(string)) error {
	state, err := b.current()
	if err != nil {
		return err
	}
	runtimes, err := os.ReadDir(b.path("depot", "node"))
	if err != nil {
		return fmt.Errorf("reading the depot: %w", err)
	}
	parts := []string{"seed", state.BuilderKey}
	for _, entry := range runtimes {
		parts = append(parts, entry.Name())
	}
	key := short(parts...)
	if state.SeedKey == key && b.seedThere(ctx, state) {
		return nil
	}
	progress("Building a first app")
	image, err := b.buildSeed(ctx)
	if err != nil {
		return fmt.Errorf("building a first app: %w", err)
	}
	state.SeedKey, state.SeedImage = key, image
	b.mu.Lock()
	b.prepared = state
	b.mu.Unlock()
	return b.writeState(state)
}

func (b *Builder) seedThere(ctx context.Context, state prepared) bool {
	digest, err := b.registry.Tagged(ctx, appRepository(seedID), latest)
	if err != nil || digest == "" {
		return false
	}
	id, err := b.has(ctx, state.SeedImage)
	return err == nil && id != ""
}

func (b *Builder) buildSeed(ctx context.Context) (image string, err error) {
	if err := b.Forget(ctx, seedID); err != nil {
		return "", err
	}
	dir, remove, err := b.scratch("seed")
	if err != nil {
		return "", err
	}
	defer remove()
	if err := os.WriteFile(filepath.Join(dir, "server.js"), []byte("// the first app of this server\n"), 0o644); err != nil {
		return "", fmt.Errorf("writing it: %w", err)
	}
	result, err := b.Build(ctx, platform.BuildRequest{BuildID: platform.NewID(), AppID: seedID, App: seedID, Dir: dir}, &tail{})
	return result.Image, err
}

// blueprintRepository holds what was last built of a blueprint. No app has an id with a hyphen.
func blueprintRepository(name string) string { return appRepository("blueprint-" + name) }

// seed gives an app's repository the last image of its blueprint, or else the seed, when nothing was ever built
// for the app.
func (b *Builder) seed(ctx context.Context, req platform.BuildRequest) error {
	own := appRepository(req.AppID)
	digest, err := b.registry.Tagged(ctx, own, latest)
	if err != nil || digest != "" || req.AppID == seedID {
		return err
	}
	from := appRepository(seedID)
	if platform.ValidateBlueprintName(req.Blueprint) == nil {
		if digest, err = b.registry.Tagged(ctx, blueprintRepository(req.Blueprint), latest); err != nil {
			return err
		}
	}
	if digest != "" {
		from = blueprintRepository(req.Blueprint)
	} else if digest, err = b.registry.Tagged(ctx, from, latest); err != nil || digest == "" {
		return err
	}
	image, err := b.image(ctx, from, digest)
	if err != nil {
		return err
	}
	_, err = b.push(ctx, image, own, latest)
	return err
}

// share lets the first builds of the blueprint's next apps take over layers of this one.
func (b *Builder) share(ctx context.Context, req platform.BuildRequest, p published) error {
	if platform.ValidateBlueprintName(req.Blueprint) != nil { // people's own sources have none
		return nil
	}
	repository := blueprintRepository(req.Blueprint)
	before, err := b.registry.Tagged(ctx, repository, latest)
	if err != nil || before == p.digest {
		return err
	}
	if _, err := b.push(ctx, p.image, repository, latest); err != nil || before == "" {
		return err
	}
	defer b.registry.CollectSoon()
	return b.registry.Delete(ctx, repository, before)
}
