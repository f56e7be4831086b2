package gitserver

import (
	"bytes"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/lugsail/lugsail/platform"
)

// drips are a push of one branch that sends a byte at a time, and whose slowness is the point.
type drips struct{ head *strings.Reader }

func newDrips() *drips {
	var b bytes.Buffer
	writePacket(&b, strings.Repeat("0", 40)+" "+strings.Repeat("1", 40)+" refs/heads/main\x00report-status side-band-64k")
	file := "\xbf\xff\x1f" + "\x78\x01" + "\x00\xff\xff\x00\x00" // of 64 KiB, which are not compressed
	return &drips{strings.NewReader(b.String() + flushPacket + "PACK\x00\x00\x00\x02\x00\x00\x00\x01" + file)}
}

func (d *drips) Read(p []byte) (int, error) {
	if d.head.Len() > 0 {
		return d.head.Read(p)
	}
	time.Sleep(10 * time.Millisecond)
	p[0] = 'x'
	return 1, nil
}

// A push that sends next to nothing ends with a sentence, and leaves nothing.
func TestPush_OneThatComesTooSlowlyEnds(t *testing.T) {
	slow := func(c *Config) { c.Pace = 2 * time.Second }
	wantEnd := func(w *world, out string) {
		w.t.Helper()
		contains(w.t, out, "too slowly", "Nothing was deployed")
		wait(w.t, "the end of the server's git", func() bool { return !runs(w.t, w.repo("shop")) })
		w.wantSound("shop")
		if n := w.objects("shop"); n != 0 || w.deploy.count() != 0 {
			w.t.Errorf("%d objects, %d deployments", n, w.deploy.count())
		}
	}
	t.Run("https", func(t *testing.T) {
		w := newWorld(t, slow)
		wantEnd(w, w.drip(nil))
	})
	t.Run("ssh", func(t *testing.T) {
		w := newWorld(t, slow)
		w.sshAddress()
		client := w.dial(w.key)
		session, err := client.NewSession()
		must(t, err)
		var told bytes.Buffer
		session.Stdin, session.Stdout, session.Stderr = newDrips(), io.Discard, &told
		if err := session.Start("git-receive-pack 'shop.git'"); err != nil {
			t.Fatal(err)
		}
		_ = client.Wait() // until the server has ended it
		if session.Wait() == nil {
			t.Error("it was taken")
		}
		wantEnd(w, told.String())
	})
}

// A fetch that never says what it wants ends, too.
func TestFetch_OneThatAsksTooSlowlyEnds(t *testing.T) {
	slow := func(c *Config) { c.Pace = 200 * time.Millisecond }
	asking := func() *drips { return &drips{strings.NewReader("fff0want ")} }
	wantEnd := func(w *world, out string) {
		w.t.Helper()
		contains(w.t, out, "what to fetch came too slowly")
		wait(w.t, "the end of the server's git", func() bool { return !runs(w.t, w.repo("shop")) })
	}
	t.Run("https", func(t *testing.T) {
		w := newWorld(t, slow)
		wantEnd(w, w.send("git-upload-pack", asking()))
	})
	t.Run("ssh", func(t *testing.T) {
		w := newWorld(t, slow)
		w.sshAddress()
		client := w.dial(w.key)
		session, err := client.NewSession()
		must(t, err)
		var told bytes.Buffer
		session.Stdin, session.Stdout, session.Stderr = asking(), io.Discard, &told
		must(t, session.Start("git-upload-pack 'shop.git'"))
		_ = client.Wait() // until the server has ended it
		if session.Wait() == nil {
			t.Error("it was served")
		}
		wantEnd(w, told.String())
	})
}

// drip pushes by HTTPS without an end, and gives what the server says once it has had enough.
func (w *world) drip(underWay func()) string {
	w.t.Helper()
	if underWay != nil {
		go func() {
			wait(w.t, "the server's git", func() bool { return runs(w.t, w.repo("shop")) })
			underWay()
		}()
	}
	return w.send("git-receive-pack", newDrips())
}

// send asks a service of git by HTTPS without an end.
func (w *world) send(service string, body io.Reader) string {
	w.t.Helper()
	r, err := http.NewRequestWithContext(w.t.Context(), http.MethodPost, w.https.URL+"/git/shop.git/"+service, body)
	must(w.t, err)
	r.SetBasicAuth("git", "right")
	r.Header.Set("Content-Type", "application/x-"+service+"-request")
	answer, err := w.https.Client().Do(r)
	must(w.t, err)
	defer answer.Body.Close()
	text, _ := io.ReadAll(answer.Body) // the server may end it, as the rest is not worth waiting for
	return string(text)
}

func TestA49_TokenRevokedWhileSendingEndsTheSending(t *testing.T) {
	w := newWorld(t, func(c *Config) { c.Recheck = 10 * time.Millisecond })
	contains(t, w.drip(func() { w.gate.revoke(true) }), "This token is not known.")
	wait(t, "the end of the server's git", func() bool { return !runs(t, w.repo("shop")) })
	w.wantSound("shop")
	if n := w.objects("shop"); n != 0 || w.deploy.count() != 0 {
		t.Errorf("%d objects, %d deployments", n, w.deploy.count())
	}
}

// Who has as many transfers as one person may, keeps nobody else from theirs.
func TestPlaces_OnePersonLeavesSomeForOthers(t *testing.T) {
	w := newWorld(t)
	ada, bob := platform.Actor{AccountID: "ada"}, platform.Actor{AccountID: "bob"}
	var ends []func()
	take := func(c call) error {
		end, err := w.server.begin(c)
		if err == nil {
			ends = append(ends, end)
		}
		return err
	}
	apps := []platform.App{{ID: "a", Name: "shop"}, {ID: "b", Name: "blog"}}
	for i := range mostTransfersOfOne {
		must(t, take(call{actor: ada, app: apps[i%2]}))
	}
	if err := take(call{actor: ada, app: apps[0]}); !platform.IsKind(err, platform.TooMany) || !strings.Contains(err.Error(), "of yours") {
		t.Errorf("one more of the same person: %v", err)
	}
	w.push(w.checkout("shop"), "main") // somebody else
	for range mostTransfersOfAnApp - mostTransfersOfOne/2 {
		must(t, take(call{actor: bob, app: apps[0]}))
	}
	if err := take(call{actor: bob, app: apps[0]}); !platform.IsKind(err, platform.TooMany) || !strings.Contains(err.Error(), "with shop") {
		t.Errorf("one more to the same app: %v", err)
	}
	must(t, take(call{actor: bob, app: apps[1]}))
	for _, end := range ends {
		end()
	}
	must(t, take(call{actor: ada, app: apps[0]}))
	ends[len(ends)-1]()
}
