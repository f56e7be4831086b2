package platform_test

import (
	"strings"
	"testing"

	"github.com/lugsail/lugsail/platform"
)

func TestFill(t *testing.T) {
	values := map[string]string{"app": "shop", "title": "It's {app}"}
	got, err := platform.Fill("{app}: {title} {", values)
	if err != nil || got != "shop: It's {app} {" { // what a person answered is not filled again
		t.Errorf("%q %v", got, err)
	}
	if _, err := platform.Fill("{nobody}", values); err == nil {
		t.Error("a placeholder that nobody fills is taken")
	}
	one, err := platform.Fill("{secret}", nil)
	other, _ := platform.Fill("{secret}", nil)
	if err != nil || len(one) != 32 || one == other {
		t.Errorf("secrets %q and %q", one, other)
	}
}

func TestValidatePrefix(t *testing.T) {
	for prefix, ok := range map[string]bool{
		"DATABASE": true, "A": true, "DB_2": true, "": false, "db": false, "2DB": false, "A B": false, "A'": false, "LUGSAIL": false, "LUGSAIL_X": false, "PORT": false, strings.Repeat("A", 41): false,
	} {
		if err := platform.ValidatePrefix(prefix); (err == nil) != ok {
			t.Errorf("%q: %v", prefix, err)
		}
	}
}

func TestQuestion_Answer(t *testing.T) {
	q := platform.BlueprintQuestion{Name: "title", Label: "Title", Pattern: "[a-z ]+"}
	for text, ok := range map[string]bool{"my shop": true, "My shop": false, "a\nb": false, strings.Repeat("a", 501): false, "": false} {
		if err := q.Answer(text); (err == nil) != ok || err != nil && !platform.IsKind(err, platform.Invalid) {
			t.Errorf("%q: %v", text, err)
		}
	}
}
