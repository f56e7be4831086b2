package cli

import (
	"strings"
	"testing"
)

func TestUnknown_KnowsTheWordsOfOtherPlatforms(t *testing.T) {
	w := newWorld(t)
	for word, want := range map[string]string{
		"config:set": "→ Here: lugsail config set\n", "ps:scale": "→ Here: lugsail scale\n", "apps:create": "→ Here: lugsail create\n",
		"domains:add": "→ Here: lugsail domains add\n", "releases:rollback": "→ Here: lugsail rollback\n", "logs:tail": "→ Here: lugsail tail\n",
		"ps:restart": "Here: lugsail restart", "stop": "lugsail scale web=0", "ls": "→ Here: lugsail apps\n", "delete": "lugsail destroy APP",
		"creat": "Did you mean create?", "nonsense:words": "lugsail --help",
	} {
		if code, out, errs := w.run(word); code != ExitUsage || out != "" || !strings.Contains(errs, want) || strings.Contains(errs, "Here:") && strings.Contains(errs, "Did you mean") {
			t.Errorf("%s: %d %s%s, want %q", word, code, out, errs, want)
		}
	}
}

func TestHabits_AreNoCommandsOfOurs(t *testing.T) {
	root := New(Deps{Env: func(string) string { return "" }})
	for word, here := range habits {
		if found, _, err := root.Find([]string{word}); err == nil && found != root {
			t.Errorf("%s is a command here", word)
		}
		words := strings.Fields(strings.TrimRight(here, ","))
		if words[0] != "lugsail" {
			continue
		}
		if found, _, err := root.Find([]string{strings.TrimRight(words[1], ",")}); err != nil || found == root {
			t.Errorf("%s leads to %q, which is no command", word, here)
		}
	}
}

func TestOtherName_NeverOffersTheNeutralOne(t *testing.T) {
	if got := otherName([]string{neutralName}); strings.Contains(got, neutralName) || !strings.Contains(got, "lugsail host summary") {
		t.Error(got)
	}
	if got := otherName([]string{"a.example", "b.example"}); got != "Use a name that it has: a.example, b.example" {
		t.Error(got)
	}
}
