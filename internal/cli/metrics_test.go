package cli

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

func TestMetrics_TheNewestTheMostAndADrawing(t *testing.T) {
	w := newWorld(t)
	w.signedIn()
	since := time.Now().Add(-20 * time.Minute).UTC().Format(time.RFC3339)
	w.says("GET /api/v1/apps/shop/metrics", 200, fmt.Sprintf(`{"range": "1h", "step": 10, "since": %q, "from": %q, "deployments": [], "series": {
		"cpu": [null, 0.5, 0.125], "memory": [null, 104857600, 209715200], "replicas": [null, 2, 2], "requests": [null, 4, 2],
		"refused": [null, 0, 0], "errors": [null, 1, 0], "median": [null, 0.038, null], "p95": [null, 1.25, null], "in": [null, 0, 0], "out": [null, 1024, 1024]}}`, since, since))
	code, out, errs := w.run("metrics", "shop")
	for _, want := range []string{
		"shop, last hour", "12.5 %", "50.0 %", "200 MB", "12 a minute", "24 a minute", "38 ms", "1.2 s", "█", "Measured since Lugsail started, 20 minutes ago.",
	} {
		if code != ExitOK || !strings.Contains(out, want) {
			t.Errorf("%d %s, want %q in\n%s", code, errs, want, out)
		}
	}
	if _, all, _ := w.run("metrics", "shop", "--json"); !strings.Contains(all, `"p95"`) || !strings.Contains(all, "null") {
		t.Errorf("as JSON it is not whole: %s", all)
	}
	w.says("GET /api/v1/apps/fresh/metrics", 200, `{"range": "1h", "step": 10, "since": null, "from": "2026-01-01T00:00:00Z", "deployments": [], "series": {}}`)
	if _, out, _ := w.run("metrics", "fresh"); !strings.Contains(out, "Nothing is measured of fresh yet.") {
		t.Error(out)
	}
}

func TestSparkline(t *testing.T) {
	of := func(values ...float64) []*float64 {
		var all []*float64
		for _, v := range values {
			if v < 0 {
				all = append(all, nil)
				continue
			}
			all = append(all, &v)
		}
		return all
	}
	for _, test := range []struct {
		values []*float64
		width  int
		want   string
	}{
		{of(0, 1, 2, 4), 4, "▁▃▅█"},
		{of(0, 0, 0, 0), 4, "▁▁▁▁"},
		{of(-1, 1, -1, 2), 4, " ▅ █"},
		{of(-1, 1, 3, 3), 2, "▃█"},
		{of(1), 3, "  █"},
		{nil, 3, "   "},
	} {
		if got := sparkline(test.values, test.width); got != test.want {
			t.Errorf("%q, want %q", got, test.want)
		}
	}
}
