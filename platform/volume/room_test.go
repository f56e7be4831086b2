package volume

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/lugsail/lugsail/platform"
)

// A disk that becomes full while a database is dumped ends the snapshot before it is; nothing of it stays.
func TestTake_NoRoomForTheRestOfADump(t *testing.T) {
	w := newWorld(t)
	w.engine.database = strings.Repeat("x", 3*guardEvery/2)
	asked := 0
	w.Room = func(_ string, _ int64, what string) error {
		if asked++; what == "the rest of a snapshot" && asked > 2 {
			return platform.Errorf(platform.NoRoom, "disk_low", "The disk has too little room for %s.", what)
		}
		return nil
	}
	row := platform.Snapshot{AppID: "lshop", State: platform.SnapshotMaking, Cause: "a test", CreatedAt: w.Now()}
	must(t, w.rows.CreateSnapshot(t.Context(), &row))
	if _, err := w.take(t.Context(), row, ""); err == nil || platform.AsError(err).Code != "disk_low" || asked < 3 {
		t.Errorf("asked %d times for room: %v", asked, err)
	}
	w.wants(t, "one", w.engine.database)
	if _, err := os.Stat(filepath.Join(w.Dir, staging)); !os.IsNotExist(err) {
		t.Errorf("the half of a dump is left: %v", err)
	}
	w.Room = func(string, int64, string) error { return nil }
	w.made(t)
	w.wants(t, "one", w.engine.database)
}
