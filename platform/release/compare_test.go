package release_test

import (
	"reflect"
	"testing"

	"github.com/lugsail/lugsail/platform"
	"github.com/lugsail/lugsail/platform/release"
)

func TestCompare_TellsWhatChangesAndNoValues(t *testing.T) {
	from := platform.Release{
		Number: 5, Image: "sha256:b", Plan: "small", Commit: "3f2c1ab0000", CommitTitle: "Cart total",
		ConfigVars: map[string]string{"A": "1", "B": "2", "NEW": "x"}, Processes: []platform.Process{{Type: "web", Command: "node b.js"}, {Type: "worker", Command: "node w.js"}},
	}
	to := platform.Release{
		Number: 3, Image: "sha256:a", Plan: "micro", CommitTitle: "Upload of shop", Health: platform.Health{Path: "/health", TimeoutSeconds: 10},
		ConfigVars: map[string]string{"A": "1", "B": "two", "OLD": "y"}, Processes: []platform.Process{{Type: "web", Command: "node a.js"}, {Type: "mail", Command: ""}},
	}
	got := release.Compare(from, to)
	want := release.Difference{
		From: 5, To: 3, Image: &release.Change{From: "3f2c1ab Cart total", To: "Upload of shop"}, Plan: &release.Change{From: "small", To: "micro"},
		Health:    &release.Change{From: "an open port, within 60 s", To: "/health answers, within 10 s"},
		Processes: []release.ProcessChange{{"web", "node b.js", "node a.js"}, {"worker", "node w.js", ""}, {"mail", "", ""}},
		Config:    platform.ConfigDiff{Added: []string{"OLD"}, Changed: []string{"B"}, Removed: []string{"NEW"}, Same: 1},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v\nwant %+v", got, want)
	}
	from.Number = 9
	if same := release.Compare(from, from); !same.Nothing() || got.Nothing() {
		t.Errorf("the same release differs: %+v", same)
	}
}
