package volume

import (
	"context"
	"testing"
	"time"

	"github.com/lugsail/lugsail/platform"
)

func TestBefore_MakesOneAndNoSecondAfterACrash(t *testing.T) {
	w := newWorld(t)
	d := platform.Deployment{ID: "ld", AppID: "lshop", Number: 7, Actor: "ada"}
	for range 2 {
		if detail, err := w.Before(t.Context(), d, quiet); err != nil || detail != "1 byte" {
			t.Errorf("%q, %v", detail, err)
		}
	}
	if len(w.rows.snapshots) != 1 {
		t.Fatalf("%d snapshots", len(w.rows.snapshots))
	}
	for _, s := range w.rows.snapshots {
		if s.Cause != "before deployment 7" || s.Before != "ld" || s.CreatedBy != "ada" || s.State != platform.SnapshotReady || !s.Automatic() {
			t.Errorf("%+v", s)
		}
	}
	w.wants(t, "one", "ten rows")
	w.rows.volumes, w.rows.ties = nil, nil
	if detail, err := w.Before(t.Context(), platform.Deployment{ID: "lnext", AppID: "lshop"}, quiet); err != nil || detail != "nothing to keep" {
		t.Errorf("%q, %v", detail, err)
	}
}

func TestBefore_OneThatIsStoppedIsNotMadeForEver(t *testing.T) {
	w := newWorld(t)
	ctx, cancel := context.WithCancel(t.Context())
	w.Room = func(string, int64, string) error { cancel(); return ctx.Err() }
	if _, err := w.Before(ctx, platform.Deployment{ID: "ld", AppID: "lshop"}, quiet); err == nil {
		t.Error("it was made")
	}
	for _, s := range w.rows.snapshots {
		if s.State != platform.SnapshotFailed || s.FailureText == "" || s.EndedAt == nil || time.Since(*s.EndedAt) > time.Minute {
			t.Errorf("%+v", s)
		}
	}
	w.wants(t, "one", "ten rows")
}
