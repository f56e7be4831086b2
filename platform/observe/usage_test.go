package observe

import "testing"

func TestDiskUses_LargestFirstAndEachKindHasAText(t *testing.T) {
	var all []DiskUse
	for kind := range kinds {
		all = append(all, DiskUse{Kind: kind, Bytes: int64(len(kind))})
	}
	all = append(all, DiskUse{Kind: "logs"}, DiskUse{App: "shop", Kind: "images", Bytes: 1 << 30})
	got := DiskUses(all)
	if len(got) != len(kinds)+1 || got[0].App != "shop" {
		t.Fatalf("got %d, first %+v", len(got), got[0])
	}
	for i, u := range got {
		if u.Text == "" || i > 0 && u.Bytes > got[i-1].Bytes {
			t.Errorf("got %+v after %+v", u, got[max(i-1, 0)])
		}
	}
}
