package proxy

import (
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/lugsail/lugsail/platform"
)

// noAnswer takes an answer and forgets it.
type noAnswer struct{ header http.Header }

func (n noAnswer) Header() http.Header         { return n.header }
func (n noAnswer) Write(b []byte) (int, error) { return len(b), nil }
func (n noAnswer) WriteHeader(int)             {}
func (n noAnswer) Flush()                      {}

func BenchmarkLookupAndPick(b *testing.B) {
	r := newRig(b)
	var routes []platform.Route
	for i := range 100 {
		host := "app" + string(rune('a'+i%26)) + string(rune('a'+i/26)) + ".example.com"
		routes = append(routes, platform.Route{Host: host, Release: 1, Targets: []platform.Target{{ID: host + "1", Address: "127.0.0.1:1"}, {ID: host + "2", Address: "127.0.0.1:2"}}})
	}
	r.publish(b, routes...)
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			e := exchange{server: r.server, host: normalHost("appba.example.com:443")}
			if err := e.tryAcquire(nil); err != nil {
				b.Fatal(err)
			}
			e.target.release(true)
		}
	})
}

// BenchmarkProxyRequest is one request through the handler to a real target, without the client's side.
func BenchmarkProxyRequest(b *testing.B) {
	r := newRig(b)
	r.publish(b, routeTo("a.example.com", startApp(b, says("hello"))))
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			req := httptest.NewRequest(http.MethodGet, "https://a.example.com/path?q=1", nil)
			r.server.serveHTTPS(noAnswer{http.Header{}}, req)
		}
	})
}

func benchmarkClient(b *testing.B, h2 bool) {
	r := newRig(b)
	r.publish(b, routeTo("a.example.com", startApp(b, says("hello"))))
	c := r.client(b)
	c.Transport.(*http.Transport).ForceAttemptHTTP2 = h2
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			res, err := c.Get("https://a.example.com/")
			if err != nil {
				b.Error(err)
				return
			}
			_, _ = io.Copy(io.Discard, res.Body)
			_ = res.Body.Close()
		}
	})
}

func BenchmarkProxyHTTPS1(b *testing.B) { benchmarkClient(b, false) }
func BenchmarkProxyHTTPS2(b *testing.B) { benchmarkClient(b, true) }

// BenchmarkDirect is the same client and app without a proxy between them, to compare.
func BenchmarkDirect(b *testing.B) {
	app := startApp(b, says("hello"))
	c := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 64}}
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			res, err := c.Get(app.URL)
			if err != nil {
				b.Error(err)
				return
			}
			_, _ = io.Copy(io.Discard, res.Body)
			_ = res.Body.Close()
		}
	})
}

func BenchmarkProxyDownload(b *testing.B) {
	r := newRig(b)
	part := make([]byte, 1<<20)
	r.publish(b, routeTo("a.example.com", startApp(b, func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(part) })))
	c := r.client(b)
	b.SetBytes(1 << 20)
	for b.Loop() {
		res, err := c.Get("https://a.example.com/")
		if err != nil {
			b.Fatal(err)
		}
		_, _ = io.Copy(io.Discard, res.Body)
		_ = res.Body.Close()
	}
}

func BenchmarkHandshake(b *testing.B) {
	r := newRig(b)
	r.publish(b, routeTo("a.example.com", startApp(b, says("hello"))))
	c := r.client(b)
	c.Transport.(*http.Transport).DisableKeepAlives = true
	for b.Loop() {
		res, err := c.Get("https://a.example.com/")
		if err != nil {
			b.Fatal(err)
		}
		_ = res.Body.Close()
	}
}
