package volume

import (
	"os"
	"slices"
	"testing"

	"github.com/lugsail/lugsail/platform"
)

func TestCopy_FillsTheNewAppAndNothingElse(t *testing.T) {
	w := newWorld(t)
	row := w.made(t)
	w.save(t, "two")
	w.rows.volumes = []platform.Volume{{ID: "lnew", AppID: "lcopy", Name: "files", Path: "/data", State: platform.VolumeActive}}
	w.rows.ties = append(w.rows.ties, platform.Binding{AppID: "lcopy", AddonID: "ldbnew"})
	d := platform.Deployment{ID: "ld", AppID: "lcopy", Kind: platform.DeployCopy, Snapshot: row.ID, Addons: map[string]string{"ldb": "ldbnew", "lcache": "lcachenew"}}
	if of, err := w.Of(t.Context(), d); err != nil || of.ID != row.ID {
		t.Errorf("of %+v, %v", of, err)
	}
	holds := func(want string) {
		t.Helper()
		text, err := os.ReadFile(w.volumes("lnew", "f"))
		if string(text) != want || want != "" && err != nil {
			t.Errorf("the new app has %q, %v; want %q", text, err, want)
		}
		w.wants(t, "two", "ten rows")
	}
	for range 2 { // each may be cut off and begun anew
		must(t, w.Save(t.Context(), d, quiet))
		holds("")
	}
	for range 2 {
		must(t, w.Return(t.Context(), d, quiet))
		holds("one")
	}
	if !slices.Equal(w.engine.loads, []string{"ldbnew-1", "ldbnew-1"}) {
		t.Errorf("rows were loaded into %v", w.engine.loads)
	}
	must(t, w.Undo(t.Context(), d))
	holds("")
	if len(w.engine.loads) != 2 {
		t.Errorf("what could be put back? loaded into %v", w.engine.loads)
	}
	must(t, w.Return(t.Context(), d, quiet))
	must(t, w.Done(t.Context(), d))
	holds("one")
	if len(w.rows.snapshots) != 1 {
		t.Errorf("%d snapshots: a new app has nothing to save", len(w.rows.snapshots))
	}
}
