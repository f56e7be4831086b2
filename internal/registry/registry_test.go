package registry

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"github.com/lugsail/lugsail/platform"
)

// start runs a registry until the test ends.
func start(t *testing.T, dir string) *Registry {
	t.Helper()
	r, err := New(Config{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- r.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	return r
}

type login struct{ user, password string }

func (l login) option() remote.Option {
	return remote.WithAuth(&authn.Basic{Username: l.user, Password: l.password})
}

func build(t *testing.T, r *Registry, appID string) login {
	t.Helper()
	user, password, release, err := r.BuildToken(t.Context(), appID)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(release)
	return login{user, password}
}

func everything(t *testing.T, r *Registry) login {
	t.Helper()
	user, password, release, err := r.PushToken(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(release)
	return login{user, password}
}

func tag(t *testing.T, r *Registry, repository, tag string) name.Tag {
	t.Helper()
	ref, err := name.NewTag("127.0.0.1:"+strconv.Itoa(r.Port())+"/"+repository+":"+tag, name.Insecure)
	if err != nil {
		t.Fatal(err)
	}
	return ref
}

func image(t *testing.T) v1.Image {
	t.Helper()
	made, err := random.Image(4096, 2)
	if err != nil {
		t.Fatal(err)
	}
	return made
}

func digestOf(t *testing.T, i v1.Image) string {
	t.Helper()
	d, err := i.Digest()
	if err != nil {
		t.Fatal(err)
	}
	return d.String()
}

func push(t *testing.T, r *Registry, l login, repository string, i v1.Image) {
	t.Helper()
	if err := remote.Write(tag(t, r, repository, "latest"), i, l.option()); err != nil {
		t.Fatal(err)
	}
}

func TestDoor_ABuildReachesItsOwnRepositoryAndTheBaseOnly(t *testing.T) {
	r := start(t, t.TempDir())
	all := everything(t, r)
	push(t, r, all, "base/debian", image(t))
	push(t, r, all, "apps/bb", image(t))
	own := build(t, r, "aa")
	cases := []struct {
		what       string
		repository string
		push, pull bool
	}{
		{"own", "apps/aa", true, true},
		{"base", "base/debian", false, true},
		{"another app", "apps/bb", false, false},
		{"below its own", "apps/aa/x", false, false},
		{"elsewhere", "aa", false, false},
		{"longer", "apps/aaa", false, false},
	}
	for _, c := range cases {
		ref := tag(t, r, c.repository, "latest")
		if err := remote.Write(ref, image(t), own.option()); (err == nil) != c.push {
			t.Errorf("%s: push gives %v", c.what, err)
		}
		if _, err := remote.Get(ref, own.option()); (err == nil) != c.pull {
			t.Errorf("%s: pull gives %v", c.what, err)
		}
	}
}

func TestDoor_TheEngineOnlyPulls(t *testing.T) {
	r := start(t, t.TempDir())
	made := image(t)
	push(t, r, everything(t, r), "apps/aa", made)
	user, password := r.PullAuth()
	engine := login{user, password}
	if _, err := remote.Image(tag(t, r, "apps/aa", "latest"), engine.option()); err != nil {
		t.Error(err)
	}
	if err := remote.Write(tag(t, r, "apps/aa", "other"), made, engine.option()); err == nil {
		t.Error("it could push")
	}
	if u, p := r.PullAuth(); u != user || p != password {
		t.Error("the credential changed")
	}
}

func TestDoor_CredentialsEnd(t *testing.T) {
	r := start(t, t.TempDir())
	user, password, release, err := r.BuildToken(t.Context(), "aa")
	if err != nil {
		t.Fatal(err)
	}
	l := login{user, password}
	push(t, r, l, "apps/aa", image(t))
	release()
	release() // twice is once
	if _, err := remote.Get(tag(t, r, "apps/aa", "latest"), l.option()); err == nil {
		t.Error("it still opens")
	}
}

func TestDoor_RefusesStrangeRequests(t *testing.T) {
	r := start(t, t.TempDir())
	own := build(t, r, "aa")
	push(t, r, everything(t, r), "apps/bb", image(t))
	cases := []struct {
		what, method, path, user, password string
		status                             int
	}{
		{"nobody", "GET", "/v2/", "", "", 401},
		{"wrong password", "GET", "/v2/", own.user, "x", 401},
		{"somebody", "GET", "/v2/", own.user, own.password, 200},
		{"catalogue", "GET", "/v2/_catalog", own.user, own.password, 404},
		{"escaped", "GET", "/v2/apps%2fbb/manifests/latest", own.user, own.password, 404},
		{"dots", "GET", "/v2/apps/aa/../bb/manifests/latest", own.user, own.password, 404},
		{"long name", "GET", "/v2/apps/aa/manifests/../../bb/manifests/latest", own.user, own.password, 404},
		{"name in name", "GET", "/v2/apps/aa/manifests/x/manifests/latest", own.user, own.password, 404},
		{"delete", "DELETE", "/v2/apps/bb/manifests/latest", own.user, own.password, 403},
	}
	for _, c := range cases {
		req, err := http.NewRequestWithContext(t.Context(), c.method, "http://127.0.0.1:"+strconv.Itoa(r.Port())+c.path, nil)
		if err != nil {
			t.Fatal(err)
		}
		if c.user != "" {
			req.SetBasicAuth(c.user, c.password)
		}
		client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
		response, err := client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		if err := response.Body.Close(); err != nil {
			t.Error(err)
		}
		if response.StatusCode != c.status {
			t.Errorf("%s: status %d, want %d", c.what, response.StatusCode, c.status)
		}
	}
}

// A layer of another app is not taken over, even when its digest is known.
func TestDoor_NoLayerFromAnotherApp(t *testing.T) {
	r := start(t, t.TempDir())
	secret := image(t)
	push(t, r, everything(t, r), "apps/bb", secret)
	layers, err := secret.Layers()
	if err != nil {
		t.Fatal(err)
	}
	digest, err := layers[0].Digest()
	if err != nil {
		t.Fatal(err)
	}
	own := build(t, r, "aa")
	url := "http://127.0.0.1:" + strconv.Itoa(r.Port()) + "/v2/apps/aa/blobs/uploads/?mount=" + digest.String() + "&from=apps/bb"
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.SetBasicAuth(own.user, own.password)
	response, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	if err := response.Body.Close(); err != nil {
		t.Error(err)
	}
	if response.StatusCode != http.StatusAccepted {
		t.Errorf("status %d: it was mounted", response.StatusCode)
	}
}

func blobs(t *testing.T, dir string) int {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(dir, "docker", "registry", "v2", "blobs", "sha256", "*", "*", "data"))
	if err != nil {
		t.Fatal(err)
	}
	return len(found)
}

func TestCollect_KeepsWhatImagesUseAndDropsTheRest(t *testing.T) {
	dir := t.TempDir()
	r := start(t, dir)
	user, password, release, err := r.PushToken(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	l := login{user, password}
	first := image(t)
	more, err := random.Layer(4096, "application/vnd.docker.image.rootfs.diff.tar.gzip")
	if err != nil {
		t.Fatal(err)
	}
	second, err := mutate.AppendLayers(first, more)
	if err != nil {
		t.Fatal(err)
	}
	push(t, r, l, "apps/aa", first)
	push(t, r, l, "apps/aa", second)
	release()
	before := blobs(t, dir) // two manifests, two configurations, three layers
	if err := r.Delete(t.Context(), "apps/aa", digestOf(t, second)); err != nil {
		t.Fatal(err)
	}
	if tagged, err := r.Tagged(t.Context(), "apps/aa", "latest"); err != nil || tagged != "" {
		t.Errorf("the tag leads to %q, %v", tagged, err)
	}
	if err := r.Collect(t.Context()); err != nil {
		t.Fatal(err)
	}
	if after := blobs(t, dir); before != 7 || after != 4 {
		t.Errorf("%d blobs, then %d; want 7, then 4", before, after)
	}
	all := everything(t, r)
	ref, err := name.NewDigest("127.0.0.1:"+strconv.Itoa(r.Port())+"/apps/aa@"+digestOf(t, first), name.Insecure)
	if err != nil {
		t.Fatal(err)
	}
	whole, err := remote.Image(ref, all.option())
	if err != nil {
		t.Fatal(err)
	}
	layers, err := whole.Layers()
	if err != nil {
		t.Fatal(err)
	}
	for _, layer := range layers {
		content, err := layer.Compressed()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.Copy(io.Discard, content); err != nil {
			t.Error(err)
		}
	}
	push(t, r, all, "apps/aa", second) // what was collected can be pushed again
	if _, err := remote.Image(tag(t, r, "apps/aa", "latest"), all.option()); err != nil {
		t.Error(err)
	}
}

func TestCollect_WaitsForPushes(t *testing.T) {
	r := start(t, t.TempDir())
	_, _, release, err := r.BuildToken(t.Context(), "aa")
	if err != nil {
		t.Fatal(err)
	}
	short, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := r.Collect(short); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("beside a push: %v", err)
	}
	_, _, again, err := r.BuildToken(t.Context(), "aa") // a waiting collection keeps nobody out
	if err != nil {
		t.Fatal(err)
	}
	again()
	release()
	if err := r.Collect(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestCollectSoon_RunsWhenThePushEnds(t *testing.T) {
	dir := t.TempDir()
	r := start(t, dir)
	user, password, release, err := r.PushToken(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	push(t, r, login{user, password}, "apps/aa", image(t))
	if err := r.Forget(t.Context(), "apps/aa"); err != nil {
		t.Fatal(err)
	}
	r.CollectSoon()
	r.CollectSoon()
	release()
	deadline := time.Now().Add(10 * time.Second)
	for blobs(t, dir) > 0 {
		if time.Now().After(deadline) {
			t.Fatalf("%d blobs are left", blobs(t, dir))
		}
		select {
		case <-time.After(5 * time.Millisecond):
		case <-t.Context().Done():
		}
	}
}

func TestRegistry_OfNothingHasNothing(t *testing.T) {
	r := start(t, t.TempDir())
	if err := r.Collect(t.Context()); err != nil {
		t.Error(err)
	}
	if images, err := r.Images(t.Context(), "apps/aa"); err != nil || len(images) > 0 {
		t.Errorf("images %v, %v", images, err)
	}
	if tagged, err := r.Tagged(t.Context(), "apps/aa", "latest"); err != nil || tagged != "" {
		t.Errorf("tag %q, %v", tagged, err)
	}
	if err := r.Delete(t.Context(), "apps/aa", "sha256:"+strings.Repeat("0", 64)); err != nil {
		t.Error(err)
	}
	if err := r.Forget(t.Context(), "apps/aa"); err != nil {
		t.Error(err)
	}
}

func TestRegistry_KeepsImagesOverARestart(t *testing.T) {
	dir := t.TempDir()
	made := image(t)
	t.Run("first", func(t *testing.T) {
		r := start(t, dir)
		push(t, r, everything(t, r), "apps/aa", made)
	})
	r := start(t, dir)
	images, err := r.Images(t.Context(), "apps/aa")
	if err != nil || len(images) != 1 || images[0] != digestOf(t, made) {
		t.Errorf("images %v, %v", images, err)
	}
}

func TestNew_TakesAnAddressThatIsNotThereYet(t *testing.T) {
	r, err := New(Config{Dir: t.TempDir(), Gateway: netip.MustParseAddr("203.0.113.77")})
	if err != nil {
		t.Fatal(err)
	}
	r.close()
}

func TestNew_SaysWhoseThePortIs(t *testing.T) {
	r := start(t, t.TempDir())
	_, err := New(Config{Dir: t.TempDir(), Port: r.Port()})
	var e *platform.Error
	if !errors.As(err, &e) || e.Code != "registry_port" {
		t.Errorf("got %v", err)
	}
}

func TestRegistry_WritesNothingToTheLog(t *testing.T) {
	old := os.Stderr
	reader, writer, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	os.Stderr = writer
	defer func() { os.Stderr = old }()
	r := start(t, t.TempDir())
	l := everything(t, r)
	push(t, r, l, "apps/aa", image(t))
	_, _ = remote.Get(tag(t, r, "apps/aa", "nothing"), l.option()) // an error is what is wanted
	if err := writer.Close(); err != nil {
		t.Fatal(err)
	}
	var said bytes.Buffer
	if _, err := said.ReadFrom(reader); err != nil {
		t.Fatal(err)
	}
	if said.Len() > 0 {
		t.Errorf("it said %s", said.String())
	}
}
