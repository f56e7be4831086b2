package store

import (
	"testing"

	"github.com/lugsail/lugsail/platform"
)

func TestSnapshots_LeaveWithTheirApp(t *testing.T) {
	s := newSQLite(t)
	a := platform.App{Name: "shop", State: platform.AppActive}
	must(t, s.CreateApp(t.Context(), &a))
	row := platform.Snapshot{AppID: a.ID, State: platform.SnapshotMaking, Parts: platform.SnapshotParts{Volumes: []platform.SnapshotVolume{{ID: "l1", Name: "data", Path: "/data"}}}}
	must(t, s.CreateSnapshot(t.Context(), &row))
	_, err := s.UpdateSnapshot(t.Context(), row.ID, func(r *platform.Snapshot) { r.State, r.Bytes, r.Frozen = platform.SnapshotReady, 7, true })
	must(t, err)
	got, err := s.SnapshotByID(t.Context(), row.ID)
	if err != nil || got.State != platform.SnapshotReady || got.Bytes != 7 || !got.Frozen || len(got.Parts.Volumes) != 1 || got.Parts.Volumes[0].Path != "/data" {
		t.Errorf("%+v, %v", got, err)
	}
	must(t, s.DeleteApp(t.Context(), a.ID))
	if all, err := s.SnapshotsOf(t.Context(), ""); err != nil || len(all) != 0 {
		t.Errorf("%+v, %v", all, err)
	}
	if _, err := s.SnapshotByID(t.Context(), row.ID); platform.AsError(err).Code != "snapshot_not_found" {
		t.Errorf("%v", err)
	}
}

func TestCreateSnapshot_NotOfAnAppInTheTrash(t *testing.T) {
	s := newSQLite(t)
	a := platform.App{Name: "shop", State: platform.AppTrashed}
	must(t, s.CreateApp(t.Context(), &a))
	if err := s.CreateSnapshot(t.Context(), &platform.Snapshot{AppID: a.ID, State: platform.SnapshotMaking}); platform.AsError(err).Code != "app_trashed" {
		t.Errorf("%v", err)
	}
}
