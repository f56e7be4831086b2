package cli

import (
	"strings"
	"testing"
	"time"
)

func TestMomentOf(t *testing.T) {
	now := time.Date(2026, 11, 29, 15, 30, 20, 0, time.Local) //nolint:gosmopolitan // as the person's clock has it
	for text, want := range map[string]string{
		"14:03": "2026-11-29 14:03:59", "15:30": "2026-11-29 15:30:59", "15:31": "2026-11-28 15:31:59", "90m": "2026-11-29 14:00:20", "36h": "2026-11-28 03:30:20",
		"2026-11-28 14:03": "2026-11-28 14:03:59", "28 Nov 2026 14:03": "2026-11-28 14:03:59", "2026-11-28": "2026-11-28 23:59:59", "2026-11-28 14:03:07": "2026-11-28 14:03:07",
	} {
		if got, err := momentOf(text, now); err != nil || got.Format(time.DateTime) != want {
			t.Errorf("%q is %s (%v), want %s", text, got.Format(time.DateTime), err, want)
		}
	}
	for text, want := range map[string]string{"": "is no time", "yesterday": "is no time", "-3h": "is no time", "25:00": "is no time", "2027-01-01": "has not come yet", "2026-11-29 15:31": "has not come yet"} {
		if got, err := momentOf(text, now); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q is %s, %v", text, got, err)
		}
	}
}

func TestUndo_TakesTheNewestSnapshotOfThen(t *testing.T) {
	w := newWorld(t)
	w.signedIn()
	w.says("GET /api/v1/apps/shop/snapshots", 200, `{"snapshots": [
		{"id": "late", "state": "ready", "release": 4, "created_at": "2020-03-03T12:00:00Z"},
		{"id": "broken", "state": "failed", "created_at": "2020-03-02T14:00:00Z"},
		{"id": "right", "state": "ready", "release": 3, "volumes": ["uploads"], "created_at": "2020-03-02T12:00:00Z"},
		{"id": "early", "state": "ready", "release": 2, "created_at": "2020-03-01T12:00:00Z"}]}`)
	w.says("GET /api/v1/apps/blog/snapshots", 200, `{"snapshots": []}`)
	w.says("POST /api/v1/apps/shop/snapshots/right/restore", 202, `{"deployment": {"id": "d", "number": 9}}`)
	w.says("POST /api/v1/apps/shop/snapshots/right/copy", 202, `{"deployment": {"id": "d", "number": 1}}`)
	code, out, errs := w.run("undo", "2020-03-03T00:00:00Z", "-a", "shop", "--confirm", "shop", "--detach")
	if code != ExitOK || !strings.Contains(errs, "uploads, v3") || !strings.HasPrefix(w.asked[len(w.asked)-1], "POST /api/v1/apps/shop/snapshots/right/restore ") {
		t.Errorf("%d %q %q %v", code, out, errs, w.asked)
	}
	if code, out, errs := w.run("undo", "2020-03-03T00:00:00Z", "-a", "shop", "--as", "then", "--detach"); code != ExitOK || !strings.HasPrefix(w.asked[len(w.asked)-1], "POST /api/v1/apps/shop/snapshots/right/copy ") {
		t.Errorf("%d %q %q %v", code, out, errs, w.asked)
	}
	for args, want := range map[string]string{
		"undo 2020-02-01 -a shop --confirm shop": "snapshots restore early", "undo 36h -a blog": "has no snapshots", "undo never -a shop": "is no time", "undo 36h -a shop --plan nano": "give --as",
	} {
		w.asked = nil
		if code, _, errs := w.run(strings.Fields(args)...); code == ExitOK || !strings.Contains(errs, want) {
			t.Errorf("%s: %d %q", args, code, errs)
		}
	}
}
