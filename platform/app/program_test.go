package app

import "testing"

func TestA73_EventsNameProgramsAndNoneOfTheirValues(t *testing.T) {
	for want, words := range map[string][]string{
		`"psql"`:               {"psql", "postgres://ada:LGS-CANARY@db"},
		`"npm"`:                {"npm run migrate -- --key\tLGS-CANARY"},
		`"a"`:                  {"a\tLGS-CANARY"},
		"a line for the shell": {`PGPASSWORD="LGS CANARY" psql`},
	} {
		if got := program(words); got != want {
			t.Errorf("%q: %s, want %s", words, got, want)
		}
	}
	if got := program([]string{"if command -v bash; then exec bash; else exec sh; fi"}); got != "a line for the shell" {
		t.Errorf("a condition: %s", got)
	}
	if got := program([]string{" "}); got != "a line for the shell" {
		t.Errorf("nothing: %s", got)
	}
}
