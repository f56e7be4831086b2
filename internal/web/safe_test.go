package web

import (
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/lugsail/lugsail/platform/app"
)

func TestRunSafe_F10EveryDoorSaysThatItIsInSafeModeAndNotWhy(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "console.sock")
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() {
		done <- RunSafe(ctx, Config{Socket: socket, Hosts: func() []string { return []string{"console.example.com"} }, Version: "test"},
			app.Addresses{Hosts: func(name string) []string { return []string{name + ".example.com"} }, Consoles: []string{"console.example.com"}}, slog.New(slog.DiscardHandler))
	}()
	client := http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "unix", socket)
	}}}
	ask := func(path string) (*http.Response, string) {
		t.Helper()
		deadline := time.Now().Add(10 * time.Second)
		for {
			response, err := client.Get("http://console.example.com" + path)
			if err == nil {
				body, err := io.ReadAll(response.Body)
				if err != nil {
					t.Fatal(err)
				}
				_ = response.Body.Close() // it was read
				return response, string(body)
			}
			if time.Now().After(deadline) {
				t.Fatal(err)
			}
			time.Sleep(10 * time.Millisecond)
		}
	}
	for _, path := range []string{"/", "/login", "/apps/shop", "/api/v1/apps", "/healthz", "/git/shop/info/refs?service=git-receive-pack"} {
		response, body := ask(path)
		if response.StatusCode != http.StatusServiceUnavailable || !strings.Contains(body, "safe mode") || !strings.Contains(body, "lugsail service status") {
			t.Errorf("%s: %d %s", path, response.StatusCode, body)
		}
		if strings.HasPrefix(path, "/api/") != strings.Contains(response.Header.Get("Content-Type"), "json") && path != "/healthz" {
			t.Errorf("%s answers in %s", path, response.Header.Get("Content-Type"))
		}
	}
	cancel()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
}
