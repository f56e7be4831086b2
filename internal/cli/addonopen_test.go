package cli

import (
	"strings"
	"testing"
	"time"
)

func TestLengthOf(t *testing.T) {
	for text, want := range map[string]time.Duration{"90m": 90 * time.Minute, "24h": 24 * time.Hour, "7d": 7 * 24 * time.Hour, "1h30m": 90 * time.Minute} {
		if got, err := lengthOf(text); err != nil || got != want {
			t.Errorf("%q: got %s, %v, want %s", text, got, err, want)
		}
	}
	for _, text := range []string{"", "d", "-1d", "0d", "7", "soon", "-2h", "0s", "1.5d", "99999999d"} {
		if got, err := lengthOf(text); err == nil {
			t.Errorf("%q: got %s, want an error", text, got)
		}
	}
}

func TestAddonOpenAndClose(t *testing.T) {
	w := newWorld(t)
	w.signedIn()
	port := `{"addon": "shop-db", "host": "203.0.113.1", "port": 5432, "sources": ["203.0.113.7"], "until": "2026-11-30T12:00:00Z", "trouble": ""}`
	w.says("PUT /api/v1/apps/shop-db/public-port", 200, `{"public_port": `+port+`}`)
	w.says("DELETE /api/v1/apps/shop-db/public-port", 204, "")
	w.says("GET /api/v1/apps", 200, `{"apps": [{"name": "shop-db", "addon": true, "blueprint": "postgresql", "status": {"word": "live"}, "plan": "nano"}]}`)
	w.says("GET /api/v1/bindings", 200, `{"bindings": []}`)
	w.says("GET /api/v1/public-ports", 200, `{"public_ports": [`+port+`]}`)
	code, out, errs := w.run("addons", "open", "shop-db", "--from", "203.0.113.7", "--for", "2h")
	if code != ExitOK || !strings.Contains(out, "203.0.113.1:5432 leads to shop-db until ") || !strings.Contains(out, "lugsail addons close shop-db") {
		t.Errorf("%d %s %s", code, out, errs)
	}
	if code, out, errs := w.run("addons"); code != ExitOK || !strings.Contains(out, "203.0.113.1:5432 leads to shop-db until ") {
		t.Errorf("the list: %d %s %s", code, out, errs)
	}
	if code, _, errs := w.run("addons", "open", "shop-db", "--from", "203.0.113.7", "--for", "long"); code != ExitUsage || !strings.Contains(errs, `"long" is no length of time`) {
		t.Errorf("a wrong time: %d %s", code, errs)
	}
	if code, out, errs := w.run("addons", "close", "shop-db"); code != ExitOK || !strings.Contains(out, "Only apps that are bound to shop-db reach it now.") {
		t.Errorf("%d %s %s", code, out, errs)
	}
}
