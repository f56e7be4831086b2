package gitserver

import (
	"net/url"
	"path/filepath"
	"strings"
	"testing"
)

// Two hundred megabytes are cut at half, by a client that dies; then the same push goes through,
// and what runs can be cloned and pulled.
func TestA25_TwoHundredMegabytesCutAtHalfAndThenWhole(t *testing.T) {
	const whole = 200 << 20
	eachDoor(t, func(t *testing.T, w *world) {
		dir := w.checkout("shop")
		w.git(dir, "config", "core.compression", "0")
		w.git(dir, "config", "pack.window", "0")
		w.push(dir, "main")
		old, objects := w.head("shop", "refs/heads/main"), w.objects("shop")
		w.commit(dir, "noise", string(noise(whole)), "Two hundred megabytes")

		u, err := url.Parse(w.url("shop"))
		must(t, err)
		r := newRelay(t, u.Host, whole/2)
		cutURL := strings.Replace(w.url("shop"), u.Host, r.address, 1)
		c := w.start(dir, "push", cutURL, "main")
		<-r.reached
		c.kill()
		r.cut()
		wait(t, "the end of the server's git", func() bool { return !runs(t, w.repo("shop")) })
		w.wantHead("shop", "refs/heads/main", old)
		if n := w.objects("shop"); n != objects {
			t.Errorf("%d objects, want %d", n, objects)
		}
		w.wantSound("shop")
		if n := w.deploy.count(); n != 1 {
			t.Errorf("%d deployments, want 1", n)
		}

		contains(t, w.push(dir, "main"), "(2 files, 200 MB)")
		w.wantHead("shop", "refs/heads/main", w.git(dir, "rev-parse", "HEAD"))
		w.wantSound("shop")
		other := filepath.Join(w.dir, "other")
		w.git(w.dir, "clone", "-q", "-o", "lugsail", w.url("shop"), other)
		if have := w.git(other, "rev-parse", "HEAD:noise"); have != w.git(dir, "rev-parse", "HEAD:noise") {
			t.Error("what was cloned is something else")
		}
		news := w.commit(dir, "news", "n", "News")
		w.push(dir, "main")
		w.git(other, "pull", "-q", "lugsail", "main")
		if have := w.git(other, "rev-parse", "HEAD"); have != news {
			t.Errorf("pulled %s, want %s", have, news)
		}
	})
}
