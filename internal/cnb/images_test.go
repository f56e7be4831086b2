package cnb_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/client"

	"github.com/lugsail/lugsail/platform"
)

func engineHas(t *testing.T, image string) bool {
	t.Helper()
	_, err := shared.engine.ImageInspect(t.Context(), image)
	return err == nil
}

func TestPrepare_IsQuickWhenNothingIsToDo(t *testing.T) {
	began := time.Now()
	if err := shared.builder.Prepare(t.Context(), func(line string) { t.Errorf("it does %q", line) }); err != nil {
		t.Fatal(err)
	}
	if took := time.Since(began); took > time.Second {
		t.Errorf("took %s", took)
	}
}

func TestImages_CarryTheOwnersLabel(t *testing.T) {
	a := newApp(t, map[string]string{"index.html": "one"})
	result, _ := a.mustBuild()
	if err := shared.builder.Clean(t.Context()); err != nil {
		t.Fatal(err)
	}
	found, err := shared.engine.ImageInspect(t.Context(), result.Image) // and what is used stays
	if err != nil {
		t.Fatal(err)
	}
	if owner := found.Config.Labels["lugsail.instance"]; owner != shared.config.Instance {
		t.Errorf("the image's owner is %q, want %q", owner, shared.config.Instance)
	}
}

func TestEnsure_PullsWhatTheEngineLost(t *testing.T) {
	a := newApp(t, map[string]string{"index.html": "one"})
	result, _ := a.mustBuild()
	if _, err := shared.engine.ImageRemove(t.Context(), result.Image, client.ImageRemoveOptions{}); err != nil {
		t.Fatal(err)
	}
	if engineHas(t, result.Image) {
		t.Fatal("the engine still has it")
	}
	if err := shared.builder.Ensure(t.Context(), result.Image); err != nil {
		t.Fatal(err)
	}
	serves(t, result, "one")
}

func TestEnsure_SaysWhenAnImageIsGoneForGood(t *testing.T) {
	a := newApp(t, map[string]string{"index.html": "one"})
	result, _ := a.mustBuild()
	if err := shared.builder.Forget(t.Context(), a.id); err != nil {
		t.Fatal(err)
	}
	err := shared.builder.Ensure(t.Context(), result.Image)
	if !platform.IsKind(err, platform.Conflict) {
		t.Errorf("got %v", err)
	}
}

func TestRetain_DropsAllButTheGivenImages(t *testing.T) {
	a := newApp(t, map[string]string{"index.html": "one"})
	var images []string
	for _, text := range []string{"one", "two", "three"} {
		a.write(map[string]string{"index.html": text})
		result, _ := a.mustBuild()
		images = append(images, result.Image)
	}
	other := newApp(t, map[string]string{"index.html": "other"})
	kept, _ := other.mustBuild()
	if err := shared.builder.Retain(t.Context(), a.id, images[1:2]); err != nil {
		t.Fatal(err)
	}
	for i, want := range []bool{false, true, false} {
		if engineHas(t, images[i]) != want {
			t.Errorf("image %d in the engine: %t, want %t", i, !want, want)
		}
	}
	digests, err := shared.registry.Images(t.Context(), "apps/"+a.id)
	if err != nil {
		t.Fatal(err)
	}
	if len(digests) != 2 { // the given one, and the last one for the next build
		t.Errorf("the registry has %d images, want 2", len(digests))
	}
	if err := shared.registry.Collect(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := shared.builder.Ensure(t.Context(), images[1]); err != nil {
		t.Error(err)
	}
	if !engineHas(t, kept.Image) {
		t.Error("another app's image is gone")
	}
	a.write(map[string]string{"index.html": "four"})
	result, _ := a.mustBuild()
	serves(t, result, "four")
}

func TestForget_LeavesNothingOfTheApp(t *testing.T) {
	a := newApp(t, map[string]string{"index.html": "one"})
	result, _ := a.mustBuild()
	if err := shared.builder.Forget(t.Context(), a.id); err != nil {
		t.Fatal(err)
	}
	if engineHas(t, result.Image) {
		t.Error("the engine has its image")
	}
	if digests, err := shared.registry.Images(t.Context(), "apps/"+a.id); err != nil || len(digests) > 0 {
		t.Errorf("the registry has %v, %v", digests, err)
	}
	if _, err := os.Stat(filepath.Join(shared.dir, "builds", "apps", a.id)); !os.IsNotExist(err) {
		t.Errorf("its directory: %v", err)
	}
}

func TestClean_RemovesWhatACrashLeft(t *testing.T) {
	a := newApp(t, map[string]string{"index.html": "one"})
	result, _ := a.mustBuild()
	created, err := shared.engine.ContainerCreate(t.Context(), client.ContainerCreateOptions{Config: &container.Config{
		Image: result.Image, Labels: map[string]string{"lugsail.instance": shared.config.Instance, "lugsail.build": "l1", "lugsail.app": a.id},
	}})
	if err != nil {
		t.Fatal(err)
	}
	foreign, err := shared.engine.ContainerCreate(t.Context(), client.ContainerCreateOptions{Config: &container.Config{
		Image: result.Image, Labels: map[string]string{"lugsail.instance": "another", "lugsail.build": "l1"},
	}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_, _ = shared.engine.ContainerRemove(context.Background(), foreign.ID, client.ContainerRemoveOptions{Force: true})
	})
	seed := filepath.Join(shared.dir, "builds", "apps", "goseed")
	if err := errors.Join(os.MkdirAll(filepath.Join(shared.dir, "builds", "work", "l1", "layers"), 0o755), os.MkdirAll(filepath.Join(seed, "home"), 0o755)); err != nil {
		t.Fatal(err)
	}
	if err := shared.builder.Clean(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := shared.engine.ContainerInspect(t.Context(), created.ID, client.ContainerInspectOptions{}); err == nil {
		t.Error("the container is left")
	}
	if _, err := shared.engine.ContainerInspect(t.Context(), foreign.ID, client.ContainerInspectOptions{}); err != nil {
		t.Errorf("another instance's container: %v", err)
	}
	if _, err := os.Stat(seed); !os.IsNotExist(err) {
		t.Errorf("a compilation of the standard library that was cut off: %v", err)
	}
	a.nothingLeft()
}

func TestBuild_BringsBackANetworkThatSomebodyRemoved(t *testing.T) {
	if _, err := shared.engine.NetworkRemove(t.Context(), "lugsail-build-"+shared.config.Instance, client.NetworkRemoveOptions{}); err != nil {
		t.Fatal(err)
	}
	result, _ := newApp(t, map[string]string{"index.html": "one"}).mustBuild()
	serves(t, result, "one")
}
