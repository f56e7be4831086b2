package console

import "testing"

func TestInBrowser_EscapesWhatBrowsersDoNotTakeInClasses(t *testing.T) {
	for pattern, want := range map[string]string{
		`[A-Za-z0-9._-]{3,40}`:        `[A-Za-z0-9._\-]{3,40}`,
		`[^@\s:]+@[^@\s:]+\.[^@\s:]+`: `[^@\s:]+@[^@\s:]+\.[^@\s:]+`,
		`[-a]|[^-a]|(x-y){2}|a/b`:     `[\-a]|[^\-a]|(x-y){2}|a/b`,
		`[a(b)/|{}&]`:                 `[a\(b\)\/\|\{\}\&]`,
		`[]a]`:                        `[\]a]`,
		`[a\-\]]x-`:                   `[a\-\]]x-`,
		`[[:alpha:]]+`:                "",
		`(?i)yes`:                     "",
		`\pL+`:                        "",
		"":                            "",
	} {
		if got := inBrowser(pattern); got != want {
			t.Errorf("%s becomes %s, want %s", pattern, got, want)
		}
	}
}
