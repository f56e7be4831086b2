package cli

import (
	"strings"
	"testing"
)

func TestAddonStats(t *testing.T) {
	w := newWorld(t)
	w.signedIn()
	w.says("GET /api/v1/apps/shop-db/stats", 200, `{"stats": {"bytes": 12400000, "max_bytes": 0, "connections": 3, "max_connections": 29, "slow_over": 1000, "slow": null,
		"queries": [{"text": "SELECT pg_sleep($1)", "calls": 2, "mean": 1500, "longest": 2100}]}}`)
	w.says("GET /api/v1/apps/cache/stats", 200, `{"stats": {"bytes": 1000000, "max_bytes": 4000000, "connections": 1, "max_connections": 10000, "slow_over": 10, "slow": 0, "queries": []}}`)
	w.says("GET /api/v1/apps/old/stats", 200, `{"stats": {"bytes": 1, "connections": 1, "max_connections": 2, "slow_over": 1000, "slow": 7, "queries": []}}`)
	for name, wants := range map[string][]string{
		"shop-db": {"11.8 MB\n", "3 of 29", "longer than 1s:", "2.1s     1.5s  2      SELECT pg_sleep($1)"},
		"cache":   {"977 KB of 3.8 MB", "none longer than 10ms"},
		"old":     {"7 longer than 1s"},
	} {
		code, out, errs := w.run("addons", "stats", name)
		for _, want := range wants {
			if code != ExitOK || !strings.Contains(out, want) {
				t.Errorf("%s: %q is not in %d %s %s", name, want, code, out, errs)
			}
		}
	}
}
