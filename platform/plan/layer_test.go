package plan

import (
	"testing"

	"github.com/lugsail/lugsail/platform"
)

func TestLayerOf_WarnsAtFourFifthsAndIsFullAtThePlansDisk(t *testing.T) {
	pico, err := ByName("pico")
	if err != nil {
		t.Fatal(err)
	}
	for written, want := range map[int64]Layer{0: LayerFine, 3_999_999_999: LayerFine, 4_000_000_000: LayerNear, 4_999_999_999: LayerNear, 5_000_000_000: LayerFull, 9e9: LayerFull} {
		if got := LayerOf(pico, written); got != want {
			t.Errorf("%d: got %q, want %q", written, got, want)
		}
	}
	if LayerOf(platform.Plan{}, 1<<40) != LayerFine {
		t.Error("a plan without a disk has a limit")
	}
}
