package plan_test

import (
	"testing"

	"github.com/lugsail/lugsail/platform"
	"github.com/lugsail/lugsail/platform/plan"
)

func TestFit_SaysBeforeWhatAdmitSaysAfter(t *testing.T) {
	none := platform.App{State: platform.AppDestroying}
	c := plan.Measure(2*gib, 2, []platform.App{app("nano", 1)})
	for _, test := range []struct {
		was, wanted platform.App
		more        int64
		largest     string
	}{
		{none, app("micro", 1), gib, "micro"},
		{none, app("micro", 3), 3 * gib, "pico"},
		{app("nano", 1), app("nano", 2), gib / 2, "nano"},
		{app("medium", 4), app("medium", 3), -4 * gib, "medium"},
		{none, app("nano", 20), 10 * gib, ""},
	} {
		got, err := c.Fit(test.was, test.wanted), c.Admit(test.was, test.wanted)
		if got.Fits != (err == nil) || got.More != test.more || got.Largest != test.largest || got.Free != c.Free {
			t.Errorf("%v → %v: %+v; Admit says %v", test.was.Scale, test.wanted.Scale, got, err)
		}
		if got.Fits && got.Left != c.Free-test.more || !got.Fits && got.Left != 0 {
			t.Errorf("%v: %d left", test.wanted.Scale, got.Left)
		}
		n := test.wanted.Scale.Of("web")
		if fitsMost := got.Most >= n; fitsMost != got.Fits && test.more > 0 {
			t.Errorf("%d replicas: fits %t, most %d", n, got.Fits, got.Most)
		}
	}
	for _, o := range c.OffersOf(2) {
		if o.Fits != int(c.Free/(2*o.Plan.Memory)) {
			t.Errorf("two of %s fit %d times", o.Plan.Name, o.Fits)
		}
	}
}
