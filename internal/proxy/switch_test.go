package proxy

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/lugsail/lugsail/platform"
)

// Two hundred releases, each stopped the moment Drain says that nothing is under way:
// no request fails, and once a new release has answered, the old one never does again.
func TestSwitch_UnderLoadLosesNoRequest(t *testing.T) {
	r := newRig(t)
	const switches = 200
	var current atomic.Int64 // the newest release that Publish has confirmed
	release := func(n int64) *httptest.Server {
		return httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
			_, _ = io.Copy(io.Discard, req.Body)
			_, _ = fmt.Fprintf(w, "%d", n)
		}))
	}
	old := release(0)
	r.publish(t, routeTo("a.example.com", old))

	var sent, failed atomic.Int64
	var first atomic.Value
	quit := make(chan struct{})
	var wg sync.WaitGroup
	for i := range 6 {
		c := r.client(t)
		c.Transport.(*http.Transport).ForceAttemptHTTP2 = i%2 == 0
		wg.Go(func() {
			for {
				select {
				case <-quit:
					return
				default:
				}
				least := current.Load()
				err := switchRequest(c, i%3 == 0, least)
				if sent.Add(1); err != nil {
					failed.Add(1)
					first.CompareAndSwap(nil, err.Error())
				}
			}
		})
	}
	for n := int64(1); n <= switches; n++ {
		next := release(n)
		r.publish(t, routeTo("a.example.com", next))
		current.Store(n)
		left, err := r.control.Drain(context.Background(), []string{old.URL}, 5*time.Second)
		if err != nil || left != 0 {
			t.Fatal(left, err)
		}
		// Stop it as a killed container stops: listener and connections at once.
		_ = old.Listener.Close()
		old.CloseClientConnections()
		old.Close()
		old = next
	}
	close(quit)
	wg.Wait()
	old.Close()
	if failed.Load() > 0 {
		t.Errorf("%d of %d requests failed: %v", failed.Load(), sent.Load(), first.Load())
	}
	t.Logf("%d requests over %d switches", sent.Load(), switches)
}

func switchRequest(c *http.Client, post bool, least int64) error {
	var res *http.Response
	var err error
	if post {
		res, err = c.Post("https://a.example.com/", "text/plain", strings.NewReader("some text"))
	} else {
		res, err = c.Get("https://a.example.com/")
	}
	if err != nil {
		return err
	}
	defer func() { _ = res.Body.Close() }()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		return err
	}
	var n int64
	if _, err := fmt.Sscan(string(body), &n); err != nil || res.StatusCode != 200 {
		return fmt.Errorf("%d %q", res.StatusCode, body)
	}
	if n < least {
		return fmt.Errorf("release %d answered after %d was live", n, least)
	}
	return nil
}

func TestDrain_WaitsForRequestsUnderWay(t *testing.T) {
	r := newRig(t)
	entered, release := make(chan struct{}), make(chan struct{})
	slow := startApp(t, func(w http.ResponseWriter, _ *http.Request) {
		entered <- struct{}{}
		<-release
		_, _ = io.WriteString(w, "slow")
	})
	r.publish(t, routeTo("a.example.com", slow))
	got := make(chan string, 1)
	go func() {
		_, body := r.get("https://a.example.com/")
		got <- body
	}()
	<-entered
	r.publish(t, routeTo("a.example.com", startApp(t, says("new"))))
	ctx := context.Background()
	if left, err := r.control.Drain(ctx, []string{slow.URL, "unknown"}, 50*time.Millisecond); left != 1 || err != nil {
		t.Error(left, err)
	}
	if st, _ := r.control.Status(ctx); st.InFlight[slow.URL] != 1 {
		t.Error(st)
	}
	r.publish(t, routeTo("a.example.com", startApp(t, says("newer")))) // a retired target is not forgotten
	drained := make(chan int, 1)
	go func() {
		left, _ := r.control.Drain(ctx, []string{slow.URL}, 5*time.Second)
		drained <- left
	}()
	close(release)
	if left := <-drained; left != 0 {
		t.Error(left)
	}
	if body := <-got; body != "slow" {
		t.Error(body)
	}
}

// WebSockets last as long as their clients like: waiting for them would keep every old
// release for the whole drain time. They are not cut here; their replica says goodbye.
func TestDrain_DoesNotWaitForWebSockets(t *testing.T) {
	r := newRig(t)
	old := startApp(t, echoWebSocket)
	r.publish(t, routeTo("a.example.com", old))
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	conn, _, err := websocket.Dial(ctx, "wss://a.example.com/chat", &websocket.DialOptions{HTTPClient: r.client(t)})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.CloseNow() }()
	r.publish(t, routeTo("a.example.com", startApp(t, says("new"))))
	if left, err := r.control.Drain(ctx, []string{old.URL}, 50*time.Millisecond); left != 0 || err != nil {
		t.Errorf("%d requests are waited for, %v", left, err)
	}
	if err := conn.Write(ctx, websocket.MessageText, []byte("still")); err != nil {
		t.Fatal(err)
	}
	if _, got, err := conn.Read(ctx); err != nil || string(got) != "echo still" {
		t.Errorf("%q, %v", got, err)
	}
	_ = conn.Close(websocket.StatusNormalClosure, "")
	eventually(t, "the WebSocket is counted out", func() bool { return sum(r.server.status().InFlight) == 0 })
	if left, err := r.control.Drain(ctx, []string{old.URL}, 50*time.Millisecond); left != 0 || err != nil {
		t.Errorf("after its end %d requests are waited for, %v", left, err)
	}
}

// A rollback can bring a retired target back before it is stopped.
func TestSwitch_BackToARetiredTarget(t *testing.T) {
	r := newRig(t)
	a, b := startApp(t, says("a")), startApp(t, says("b"))
	for _, app := range []*httptest.Server{a, b, a, b, a} {
		r.publish(t, routeTo("a.example.com", app))
		want := map[*httptest.Server]string{a: "a", b: "b"}[app]
		if _, body := r.get("https://a.example.com/"); body != want {
			t.Error(body, "instead of", want)
		}
	}
}

func TestHealth_DeadTargetIsSkippedAndComesBack(t *testing.T) {
	r := newRig(t)
	alive, dead := startApp(t, says("alive")), httptest.NewServer(says("dead"))
	addr := dead.Listener.Addr().String()
	r.publish(t, routeTo("a.example.com", alive, dead))
	dead.Close()
	for range 20 {
		status, body := r.get("https://a.example.com/")
		if status != 200 || body != "alive" {
			t.Fatal(status, body)
		}
	}
	st, err := r.control.Status(context.Background())
	if err != nil || len(st.Dead) != 1 || st.Dead[0] != dead.URL {
		t.Fatal(st, err)
	}
	revived := startAppAt(t, addr, says("revived"))
	defer revived.Close()
	eventually(t, "the target is back", func() bool {
		_, body := r.get("https://a.example.com/")
		return body == "revived"
	})
	if st, _ := r.control.Status(context.Background()); len(st.Dead) != 0 {
		t.Error(st)
	}
}

func TestHealth_RequestWaitsForTheOnlyTarget(t *testing.T) {
	r := newRig(t, func(c *Config) { c.limits.hold = 10 * time.Second })
	app := httptest.NewServer(says("first"))
	addr := app.Listener.Addr().String()
	r.publish(t, routeTo("a.example.com", app))
	app.Close()
	got := make(chan string, 1)
	go func() {
		_, body := r.send(http.MethodPost, "https://a.example.com/", strings.NewReader("a body that must arrive whole"))
		got <- body
	}()
	eventually(t, "the target is dead", func() bool { return len(r.server.status().Dead) == 1 })
	again := startAppAt(t, addr, func(w http.ResponseWriter, req *http.Request) { _, _ = io.Copy(w, req.Body) })
	defer again.Close()
	if body := <-got; body != "a body that must arrive whole" {
		t.Error(body)
	}
}

func TestHealth_RequestWaitsForATargetThatIsComing(t *testing.T) {
	r := newRig(t, func(c *Config) { c.limits.hold = 10 * time.Second })
	coming := platform.Route{Host: "a.example.com", AppID: "a", App: "a", Release: 3, Coming: true}
	r.publish(t, coming)
	got := make(chan string, 1)
	go func() {
		_, body := r.get("https://a.example.com/")
		got <- body
	}()
	eventually(t, "the request to wait", func() bool { return r.server.requests.Load() > 0 })
	r.publish(t, routeTo("a.example.com", startApp(t, says("here it is"))))
	if body := <-got; body != "here it is" {
		t.Error(body)
	}
}

func TestHealth_PageWhenNoTargetComesBack(t *testing.T) {
	r := newRig(t, func(c *Config) { c.limits.hold = 100 * time.Millisecond })
	app := httptest.NewServer(says("first"))
	r.publish(t, routeTo("a.example.com", app))
	app.Close()
	status, body := r.get("https://a.example.com/", "Accept", "text/html")
	if status != 502 {
		t.Error(status)
	}
	mustContain(t, body, "The app does not answer")
}

// A replica that dies with requests under way: those that only ask are asked again elsewhere.
func TestHealth_ReadingRequestIsRepeatedWhenItsTargetDies(t *testing.T) {
	r := newRig(t)
	var hits atomic.Int64
	dying := startApp(t, func(http.ResponseWriter, *http.Request) {
		hits.Add(1)
		panic(http.ErrAbortHandler) // the connection closes without an answer
	})
	good := startApp(t, says("good"))
	r.publish(t, routeTo("a.example.com", dying, good))
	for range 10 {
		if status, body := r.get("https://a.example.com/"); status != 200 || body != "good" {
			t.Fatal(status, body)
		}
	}
	if hits.Load() == 0 {
		t.Fatal("the dying target was never asked")
	}
	r.publish(t, routeTo("a.example.com", dying))
	hits.Store(0)
	if status, _ := r.send(http.MethodPost, "https://a.example.com/", strings.NewReader("order")); status != 502 || hits.Load() != 1 {
		t.Errorf("a POST must be sent once: status %d, sent %d times", status, hits.Load())
	}
}

func startAppAt(t *testing.T, addr string, h http.HandlerFunc) *httptest.Server {
	t.Helper()
	s := httptest.NewUnstartedServer(h)
	_ = s.Listener.Close()
	l, err := listenTCP(addr)
	if err != nil {
		t.Fatal(err)
	}
	s.Listener = l[0]
	s.Start()
	return s
}

// The ground of Drain's promise, without timing: a request that has chosen from an old
// table sees the switch or is counted.
func TestAcquire_NeverOnATargetOfAnOldTable(t *testing.T) {
	r := newRig(t)
	tables := []platform.Route{
		{Host: "a.example.com", Release: 1, Targets: []platform.Target{{ID: "one", Address: "127.0.0.1:1"}}},
		{Host: "a.example.com", Release: 2, Targets: []platform.Target{{ID: "two", Address: "127.0.0.1:2"}}},
	}
	r.publish(t, tables[0])
	var stopped [2]atomic.Bool // set while a target may not be in use
	quit := make(chan struct{})
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for {
				select {
				case <-quit:
					return
				default:
				}
				e := &exchange{server: r.server, host: "a.example.com"}
				r.server.ordinary.Add(1)
				if err := e.tryAcquire(nil); err != nil {
					t.Error(err)
				} else if i := map[string]int{"one": 0, "two": 1}[e.target.id]; stopped[i].Load() {
					t.Error("acquired", e.target.id, "after it was drained")
				}
				e.finish()
			}
		})
	}
	for n := 1; n <= 3000; n++ {
		next, old := n%2, 1-n%2
		stopped[next].Store(false)
		r.server.publishing.Lock()
		if err := r.server.swap(tableOf(int64(n), tables[next])); err != nil {
			t.Fatal(err)
		}
		r.server.publishing.Unlock()
		if left := r.server.drain(context.Background(), []string{tables[old].Targets[0].ID}, time.Second); left != 0 {
			t.Fatal(left)
		}
		stopped[old].Store(true)
	}
	close(quit)
	wg.Wait()
}
