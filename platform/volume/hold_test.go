package volume

import (
	"context"
	"slices"
	"testing"

	"github.com/lugsail/lugsail/platform"
)

func TestHolder_HoldsADatabaseAtTheDiskOfItsPlan(t *testing.T) {
	w := newWorld(t)
	var told []string
	h := &Holder{Keeper: w.Keeper, Tell: func(_ context.Context, _, action, _ string) { told = append(told, action) }}
	db := platform.App{ID: "ldb", Name: "shop-db", Addon: true}
	nano, small := platform.Plan{Name: "nano", Disk: 1000}, platform.Plan{Name: "small", Disk: 2000}
	for _, step := range []struct {
		what    string
		plan    platform.Plan
		bytes   int64
		refuses bool
		holds   []string
		told    []string
	}{
		{"at first it may be held since before", nano, 10, false, []string{"off"}, nil},
		{"then it is left alone", nano, 999, false, nil, nil},
		{"nobody hears it", nano, 1000, true, nil, nil},
		{"full", nano, 1000, false, []string{"on"}, []string{"disk.held"}},
		{"again, because a start forgets it", nano, 1001, false, []string{"on"}, nil},
		{"a little less is not enough", nano, 950, false, []string{"on"}, nil},
		{"not heard, so it is tried again", nano, 949, true, nil, nil},
		{"a twentieth less", nano, 949, false, []string{"off"}, []string{"disk.released"}},
		{"full", nano, 1000, false, []string{"on"}, []string{"disk.held"}},
		{"a larger plan", small, 1000, false, []string{"off"}, []string{"disk.released"}},
		{"a plan without a disk", platform.Plan{Name: "free"}, 1 << 40, false, nil, nil},
	} {
		w.engine.holds, told, w.engine.refuses = nil, nil, step.refuses
		h.Judge(t.Context(), db, step.plan, step.bytes)
		if !slices.Equal(w.engine.holds, step.holds) || !slices.Equal(told, step.told) {
			t.Errorf("%s: told it %v and people %v, want %v and %v", step.what, w.engine.holds, told, step.holds, step.told)
		}
	}
}
