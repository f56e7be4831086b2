package platform

import (
	"maps"
	"testing"
)

func TestDotenv_ReadsWhatPeoplePaste(t *testing.T) {
	vars, err := ParseDotenv("\ufeff# comment\r\nA=1\r\nexport B = two words \nC='as $is\\n'\nD=\"a\\nb \\\"q\\\"\"\n\nE=\nF=x # why\nG=\"first\nsecond\"\nH=a#b\nI=\"k\" # after\nJ='it' # after\n")
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{
		"A": "1", "B": "two words", "C": `as $is\n`, "D": "a\nb \"q\"", "E": "", "F": "x", "G": "first\nsecond", "H": "a#b", "I": "k", "J": "it",
	}
	if !maps.Equal(vars, want) {
		t.Errorf("%q, want %q", vars, want)
	}
	for _, text := range []string{"just words", "A=1\nB", "A=\"never closed\nB=2"} {
		if _, err := ParseDotenv(text); !IsKind(err, Invalid) {
			t.Errorf("%q is taken: %v", text, err)
		}
	}
}

func FuzzDotenv(f *testing.F) {
	f.Add("A=1\nB='x\ny'\nC=\"\\", "a b\n\"c\" $d \\ # 'e'")
	f.Fuzz(func(t *testing.T, text, value string) {
		_, _ = ParseDotenv(text) // must not panic
		want := map[string]string{"A": value, "B": "after"}
		got, err := ParseDotenv(FormatDotenv(want))
		if err != nil || !maps.Equal(got, want) {
			t.Errorf("%q came back as %q, %v", want, got, err)
		}
	})
}
