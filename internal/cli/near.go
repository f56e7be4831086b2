package cli

import (
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/lugsail/lugsail/platform"
)

// near finds what a person may have meant: names that differ in few letters or begin with the word, the
// likeliest first.
func near(word string, names []string) []string {
	type candidate struct {
		name string
		far  int
	}
	var found []candidate
	for _, name := range names {
		far := distance(strings.ToLower(word), strings.ToLower(name))
		switch {
		case name == word:
		case far <= max(1, len(word)/3):
			found = append(found, candidate{name, far})
		case len(word) > 1 && strings.HasPrefix(strings.ToLower(name), strings.ToLower(word)):
			found = append(found, candidate{name, far})
		}
	}
	slices.SortFunc(found, func(a, b candidate) int {
		if a.far != b.far {
			return a.far - b.far
		}
		return strings.Compare(a.name, b.name)
	})
	var best []string
	for _, c := range found[:min(len(found), 3)] {
		if c.far == found[0].far || strings.HasPrefix(strings.ToLower(c.name), strings.ToLower(word)) {
			best = append(best, c.name)
		}
	}
	return best
}

// distance counts the letters to change, add, leave out or swap with the next (Damerau and Levenshtein).
func distance(a, b string) int {
	x, y := []rune(a), []rune(b)
	rows := make([][]int, len(x)+1)
	for i := range rows {
		rows[i] = make([]int, len(y)+1)
		rows[i][0] = i
	}
	for j := range rows[0] {
		rows[0][j] = j
	}
	for i := 1; i <= len(x); i++ {
		for j := 1; j <= len(y); j++ {
			cost := 1
			if x[i-1] == y[j-1] {
				cost = 0
			}
			rows[i][j] = min(rows[i-1][j]+1, rows[i][j-1]+1, rows[i-1][j-1]+cost)
			if i > 1 && j > 1 && x[i-1] == y[j-2] && x[i-2] == y[j-1] {
				rows[i][j] = min(rows[i][j], rows[i-2][j-2]+1)
			}
		}
	}
	return rows[len(x)][len(y)]
}

// meant says it as a sentence; "" when nothing is near.
func meant(word string, names []string) string {
	if best := near(word, names); len(best) > 0 {
		return "Did you mean " + strings.Join(best, " or ") + "?"
	}
	return ""
}

// flagError tells which flag may have been meant.
func flagError(cmd *cobra.Command, err error) error {
	wrong := &usageError{err: err}
	var names []string
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		if !f.Hidden {
			names = append(names, f.Name)
		}
	})
	if best := nearFlags(err.Error(), names); len(best) > 0 {
		wrong.hint = "Did you mean --" + strings.Join(best, " or --") + "?"
	}
	return wrong
}

// nearFlags finds the flags that an error about one may mean. Of -follow, which is a whole name behind one
// dash, the error names what is left after the letters that are flags: -ollow.
func nearFlags(problem string, names []string) []string {
	if unknown, ok := strings.CutPrefix(problem, "unknown flag: --"); ok {
		if slices.Contains([]string{"yes", "force"}, unknown) && slices.Contains(names, "confirm") {
			return []string{"confirm"}
		}
		return near(unknown, names)
	}
	_, rest, ok := strings.Cut(problem, " in -")
	if !ok || len(rest) < 2 {
		return nil
	}
	rest, _, _ = strings.Cut(rest, "=")
	for _, name := range names {
		if strings.HasSuffix(name, rest) {
			return []string{name}
		}
	}
	return near(rest, names)
}

// nextStep is where this program shows what there is, for errors that only say that something is not.
var nextStep = map[string]string{
	"domain_not_found":     "See which there are: lugsail domains",
	"volume_not_found":     "See which there are: lugsail volumes",
	"deployment_not_found": "See which there are: lugsail deployments",
	"token_not_found":      "See which there are: lugsail tokens",
	"session_not_found":    "See which there are: lugsail sessions",
	"second_factor_off":    "Switch it on: lugsail second-factor on",
	"nothing_before":       "See which there are: lugsail releases",
	"key_exists":           "Nothing is left to do. Let git push with it: lugsail remote --ssh",
}

// mistyped adds to an error that something is not there where to look, and which app may have been meant.
func (c *client) mistyped(ctx context.Context, at string, err error) error {
	known := platform.AsError(err)
	if next := nextStep[known.Code]; next != "" && known.Hint == "" {
		return known.WithHint("%s", next)
	}
	rest, ok := strings.CutPrefix(at, "/api/v1/apps/")
	if known.Code != "app_not_found" || !ok {
		return err
	}
	name, _, _ := strings.Cut(rest, "/")
	name, _, _ = strings.Cut(name, "?")
	names, listErr := c.appNames(ctx)
	if listErr != nil {
		return err // what went wrong first counts
	}
	if hint := meant(name, names); hint != "" {
		return known.WithHint("%s `lugsail apps` lists all.", hint)
	}
	if known.Hint == "" {
		return known.WithHint("`lugsail apps` lists yours.")
	}
	return err
}

// maxPages bounds how long a list is read: 20,000 things.
const maxPages = 100

// all reads a list to its end, page by page, as one answer.
func (c *client) all(ctx context.Context, at, list string) (json.RawMessage, error) {
	whole, cursor, ask := []json.RawMessage{}, "", "?"
	if strings.Contains(at, "?") {
		ask = "&"
	}
	for range maxPages {
		var answer map[string]json.RawMessage
		if _, err := c.call(ctx, http.MethodGet, at+ask+"limit=200"+cursor, nil, &answer); err != nil {
			return nil, err
		}
		var page []json.RawMessage
		var next *string
		if err := json.Unmarshal(answer[list], &page); err != nil {
			return nil, c.notUnderstood(err)
		}
		if answer["next"] != nil {
			if err := json.Unmarshal(answer["next"], &next); err != nil {
				return nil, c.notUnderstood(err)
			}
		}
		whole = append(whole, page...)
		if next == nil {
			break
		}
		cursor = "&cursor=" + *next
	}
	return json.Marshal(map[string]any{list: whole, "next": nil})
}

// list reads a whole list into out.
func (c *client) list(ctx context.Context, at, list string, out any) (json.RawMessage, error) {
	raw, err := c.all(ctx, at, list)
	if err != nil {
		return nil, err
	}
	if err := json.Unmarshal(raw, out); err != nil {
		return nil, c.notUnderstood(err)
	}
	return raw, nil
}

func (c *client) appNames(ctx context.Context) ([]string, error) {
	var answer struct{ Apps []app }
	_, err := c.list(ctx, "/api/v1/apps", "apps", &answer)
	var names []string
	for _, a := range answer.Apps {
		names = append(names, a.Name)
	}
	return names, err
}
