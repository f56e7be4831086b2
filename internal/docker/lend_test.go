package docker

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/lugsail/lugsail/platform"
)

func TestLend_GivesTheRegistrysImageForTheTimeOfABuild(t *testing.T) {
	i, _ := newImport(t)
	s := newShelf(t, i.engine, nil)
	name := s.host + "/app:1"
	back, err := i.Lend(t.Context(), name, false, io.Discard)
	check(t, err)
	found, ok, err := i.inspect(t.Context(), name)
	if err != nil || !ok {
		t.Fatalf("it is not there: %v", err)
	}
	back()
	if _, ok, err := i.inspect(t.Context(), found.ID); err != nil || ok {
		t.Errorf("it stays: %v", err)
	}
	// what a killed server had borrowed goes with the next loan
	_, err = i.Lend(t.Context(), name, false, io.Discard)
	check(t, err)
	next := i.engine.Images(i.config)
	other := newShelf(t, i.engine, nil)
	back, err = next.Lend(t.Context(), other.host+"/app:1", false, io.Discard)
	check(t, err)
	back()
	if _, ok, err := i.inspect(t.Context(), found.ID); err != nil || ok {
		t.Errorf("what a killed server had borrowed stays: %v", err)
	}
}

func TestA39_TheOwnersImagesAreNotLentToOthers(t *testing.T) {
	i, _ := newImport(t)
	s := newShelf(t, i.engine, nil)
	name := s.host + "/app:1"
	check(t, i.engine.client.ImageTag(t.Context(), testImage, name)) // the owner's, by the name that a registry's has
	t.Cleanup(func() { check(t, i.remove(context.WithoutCancel(t.Context()), name)) })
	_, err := i.Lend(t.Context(), name, false, io.Discard)
	if e := platform.AsError(err); err == nil || e.Code != "image_here" || !strings.Contains(e.Hint, s.digest) {
		t.Errorf("somebody else got it: %v", err)
	}
	back, err := i.Lend(t.Context(), name, true, io.Discard)
	check(t, err)
	back()
	if found, ok, err := i.inspect(t.Context(), name); err != nil || !ok || !strings.Contains(strings.Join(found.RepoTags, " "), name) {
		t.Errorf("the owner's image has lost its name: %v", err)
	}
}

func TestA41_RegistriesInsideAreNotAsked(t *testing.T) {
	i, req := newImport(t)
	asked := false
	inside := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		asked = true
		w.WriteHeader(http.StatusOK)
	}))
	t.Cleanup(inside.Close)
	var hosts []string
	i.config.Reachable = func(_ context.Context, host string, port int) error {
		hosts = append(hosts, host)
		return platform.Errorf(platform.Invalid, "url_refused", "Lugsail does not fetch from %s:%d.", host, port)
	}
	for _, name := range []string{strings.TrimPrefix(inside.URL, "http://") + "/app:1", "169.254.169.254/x", "10.0.0.5:5000/x:1"} {
		ref, err := i.Reference(name)
		check(t, err)
		for _, here := range []bool{false, true} {
			req.Name, req.Here, req.BuildID = ref.Name, here, platform.NewID()
			if _, err := i.Import(t.Context(), req, io.Discard); err == nil || platform.AsError(err).Code != "url_refused" {
				t.Errorf("%s: %v", name, err)
			}
			if _, err := i.Lend(t.Context(), ref.Name, here, io.Discard); err == nil || platform.AsError(err).Code != "url_refused" {
				t.Errorf("a build's %s: %v", name, err)
			}
		}
	}
	if asked || len(hosts) != 12 || hosts[4] != "169.254.169.254" {
		t.Errorf("asked: %v, hosts looked at: %v", asked, hosts)
	}
}

// filling is a disk that is full as soon as something is on its way.
type filling struct {
	begun chan struct{}
	once  *sync.Once
}

func (f filling) MakeRoom(context.Context) error { return nil }

func (f filling) WatchRoom(_ context.Context, full func()) (end func()) {
	stop, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		select {
		case <-f.begun:
			full()
		case <-stop:
		}
	}()
	return func() { close(stop); <-done }
}

func TestF21_APullThatFillsTheDiskIsCutOff(t *testing.T) {
	i, req := newImport(t)
	s := newShelf(t, i.engine, func(c map[string]any) {
		c["rootfs"].(map[string]any)["diff_ids"] = []string{sum([]byte(platform.NewID()))}
	})
	f := filling{make(chan struct{}), new(sync.Once)}
	i.config.Disk = f
	var layer string
	for digest, blob := range s.blobs { // which nobody has yet
		if strings.HasPrefix(string(blob), "\x1f\x8b") {
			layer = sum([]byte(platform.NewID()))
			s.manifest = bytes.ReplaceAll(s.manifest, []byte(digest), []byte(layer))
		}
	}
	s.digest = sum(s.manifest)
	over := make(chan struct{})
	endless := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !strings.HasSuffix(r.URL.Path, "/blobs/"+layer) {
			s.ServeHTTP(w, r)
			return
		}
		f.once.Do(func() { close(f.begun) })
		select {
		case <-r.Context().Done(): // of the engine, which was told to stop
		case <-over:
		}
	}))
	t.Cleanup(func() { close(over); endless.Close() })
	ref, err := i.Reference(strings.TrimPrefix(endless.URL, "http://") + "/app:1")
	check(t, err)
	req.Name = ref.Name
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	_, err = i.Import(ctx, req, io.Discard)
	if e := platform.AsError(err); err == nil || e.Code != "disk_low" || e.Kind != platform.NoRoom {
		t.Errorf("%v", err)
	}
	if _, ok, _ := i.inspect(t.Context(), ref.Name); ok {
		t.Error("the image is there")
	}
}

// brimful is a disk that is full from the beginning.
type brimful struct{}

func (brimful) MakeRoom(context.Context) error { return nil }

func (brimful) WatchRoom(_ context.Context, full func()) (end func()) {
	full()
	return func() {}
}

func TestF21_ALoadThatFillsTheDiskIsCutOff(t *testing.T) {
	i, req := newImport(t)
	req.Name = i.FileName(req.AppID)
	req.File = filepath.Join(t.TempDir(), "image.tar")
	check(t, os.WriteFile(req.File, bytes.Repeat([]byte("an image"), 1<<17), 0o600))
	_, err := i.Import(t.Context(), req, io.Discard)
	if e := platform.AsError(err); err == nil || e.Code != "image_unreadable" {
		t.Errorf("with room: %v", err)
	}
	i.config.Disk = brimful{}
	_, err = i.Import(t.Context(), req, io.Discard)
	if e := platform.AsError(err); err == nil || e.Code != "disk_low" || e.Kind != platform.NoRoom {
		t.Errorf("%v", err)
	}
}

func TestLend_AnImageByItsDigestAndOneOfSeveralGoAfterTheBuild(t *testing.T) {
	i, _ := newImport(t)
	s, there := newShelf(t, i.engine, nil), newShelf(t, i.engine, nil)
	byDigest := s.host + "/app@" + s.digest
	back, err := i.Lend(t.Context(), byDigest, false, io.Discard)
	check(t, err)
	found, ok, err := i.inspect(t.Context(), byDigest)
	if err != nil || !ok {
		t.Fatalf("it is not there: %v", err)
	}
	check(t, i.engine.client.ImageTag(t.Context(), testImage, there.host+"/app:1")) // the owner's, who builds with it
	t.Cleanup(func() { check(t, i.remove(context.WithoutCancel(t.Context()), there.host+"/app:1")) })
	last, err := i.Lend(t.Context(), there.host+"/app:1", true, io.Discard)
	check(t, err)
	back()
	last()
	if _, ok, err := i.inspect(t.Context(), found.ID); err != nil || ok {
		t.Errorf("it stays: %v", err)
	}
}
