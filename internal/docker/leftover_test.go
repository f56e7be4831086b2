package docker

import (
	"archive/tar"
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"io"
	"testing"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/image"

	"github.com/lugsail/lugsail/platform"
)

// What a clean-up may remove is told by its names alone: whoever else has a name for an image keeps it.
func TestBeyond_AnImageThatSomebodyElseHasANameForIsNotOurs(t *testing.T) {
	for _, c := range []struct {
		tags, digests []string
		app           string
	}{
		{nil, []string{"127.0.0.1:5005/apps/a1b2c3@sha256:00"}, "a1b2c3"},
		{[]string{"127.0.0.1:5005/dockerfile/a1b2c3:b4"}, nil, "a1b2c3"},
		{[]string{"lugsail-images/a1b2c3:new-b4"}, []string{"ghcr.io/ada/shop@sha256:00"}, "a1b2c3"},
		{[]string{"lugsail-images/a1b2c3:own-b4"}, nil, ""},
		{[]string{"lugsail-images/a1b2c3:new-b4", "ada/shop:latest"}, nil, ""},
		{[]string{"127.0.0.1:5005/dockerfile/a1b2c3:b4", "127.0.0.1:5005/dockerfile/d4e5f6:b5"}, nil, ""},
		{[]string{"127.0.0.1:5005/base/builder:l1"}, nil, ""},
		{[]string{"127.0.0.1:5000/apps/shop/web:v1"}, nil, ""},
		{[]string{"postgres:17"}, []string{"postgres@sha256:00"}, ""},
		{nil, []string{"ghcr.io/ada/shop@sha256:00"}, ""},
		{nil, nil, ""},
		{[]string{"<none>:<none>"}, nil, ""},
	} {
		if got := onlyOurs(c.tags, c.digests); got != c.app {
			t.Errorf("%v %v: of %q, want %q", c.tags, c.digests, got, c.app)
		}
	}
}

// fill brings an image with a layer of its own of that many bytes here, under that name, and gives its id.
func fill(t *testing.T, i *Images, name string, size int64) string {
	t.Helper()
	content := make([]byte, size)
	_, _ = rand.Read(content) // never fails (Go 1.24)
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	check(t, w.WriteHeader(&tar.Header{Name: "file", Mode: 0o644, Size: size}))
	_, err := w.Write(content)
	check(t, errors.Join(err, w.Close()))
	answer, err := i.engine.client.ImageImport(t.Context(), image.ImportSource{Source: &b, SourceName: "-"}, name, image.ImportOptions{Changes: []string{`CMD ["/file"]`}})
	check(t, err)
	_, err = io.Copy(io.Discard, answer)
	check(t, errors.Join(err, answer.Close()))
	t.Cleanup(func() { _ = i.remove(context.WithoutCancel(t.Context()), name) })
	found, ok, err := i.inspect(t.Context(), name)
	check(t, err)
	if !ok {
		t.Fatalf("%s is not there", name)
	}
	return found.ID
}

func TestBeyond_OfRealImagesOnlyThoseThatNobodyNeedsAreMeasuredAndGo(t *testing.T) {
	i, req := newImport(t)
	trashed, foreign := platform.NewID(), "lugsail-test-foreign-"+platform.NewID()+":1"
	serves := fill(t, i, ourName(req.AppID, tagNew+platform.NewID()), 1<<20)
	old := fill(t, i, ourName(req.AppID, tagNew+platform.NewID()), 3<<20)
	running := fill(t, i, ourName(req.AppID, tagNew+platform.NewID()), 5<<20)
	shared := fill(t, i, foreign, 7<<20)
	check(t, i.engine.client.ImageTag(t.Context(), foreign, ourName(req.AppID, tagOwn+platform.NewID())))
	inTrash := fill(t, i, ourName(trashed, tagNew+platform.NewID()), 9<<20)
	made, err := i.engine.client.ContainerCreate(t.Context(), &container.Config{Image: running}, nil, nil, nil, "")
	check(t, err)
	take := func() { // the container away
		check(t, i.engine.client.ContainerRemove(context.WithoutCancel(t.Context()), made.ID, container.RemoveOptions{Force: true}))
	}
	gone := false
	t.Cleanup(func() {
		if !gone {
			take()
		}
	})

	keep := map[string][]string{req.AppID: {serves}}
	measure := func() int64 {
		t.Helper()
		beyond, err := i.engine.Beyond(t.Context(), keep)
		check(t, err)
		if _, asked := beyond[trashed]; asked {
			t.Error("what is in the trash is measured")
		}
		return beyond[req.AppID]
	}
	wants := func(when string, bytes int64) {
		t.Helper()
		if got := measure(); got < bytes || got > bytes+64<<10 {
			t.Errorf("%s: %d bytes can go, want about %d", when, got, bytes)
		}
	}
	wants("with a container", 3<<20)
	check(t, i.Retain(t.Context(), req.AppID, keep[req.AppID]))
	wants("after a clean-up", 0)
	for what, id := range map[string]string{"what serves": serves, "what a container uses": running, "somebody else's": shared, "what is in the trash": inTrash} {
		if _, there, err := i.inspect(t.Context(), id); err != nil || !there {
			t.Errorf("%s is gone: %v", what, err)
		}
	}
	if _, there, err := i.inspect(t.Context(), old); err != nil || there {
		t.Errorf("the old one is still there: %v", err)
	}
	take()
	gone = true
	wants("without the container", 5<<20)
	check(t, i.Retain(t.Context(), req.AppID, keep[req.AppID]))
	wants("after another clean-up", 0)
}
