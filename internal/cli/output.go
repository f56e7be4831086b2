package cli

import (
	"encoding/json"
	"fmt"
	"strings"
	"text/tabwriter"
	"time"
)

func (p *program) printf(format string, args ...any) {
	_, _ = fmt.Fprintf(p.Stdout, format, fit(args)...) // a closed pipe ends the program by signal
}

// answer prints what the API answered, for programs or for people.
func (p *program) answer(raw json.RawMessage, people func()) error {
	if p.json {
		return printJSON(p.Stdout, raw)
	}
	people()
	return nil
}

// show prints what was put together from several answers.
func (p *program) show(v any, people func()) error {
	if p.json {
		return printJSON(p.Stdout, v)
	}
	people()
	return nil
}

// table prints columns; the first row is their names.
func (p *program) table(rows [][]string) {
	w := tabwriter.NewWriter(p.Stdout, 0, 4, 2, ' ', 0)
	for _, row := range rows {
		for i := range row {
			row[i] = clean(row[i])
		}
		_, _ = fmt.Fprintln(w, strings.TrimRight(strings.Join(row, "\t"), "\t")) // flushed below
	}
	_ = w.Flush() // a closed pipe ends the program by signal
}

func ago(t time.Time) string {
	d := time.Since(t)
	switch {
	case d < time.Minute:
		return "just now"
	case d < time.Hour:
		return plural(int(d/time.Minute), "minute") + " ago"
	case d < 48*time.Hour:
		return plural(int(d/time.Hour), "hour") + " ago"
	}
	return plural(int(d/(24*time.Hour)), "day") + " ago"
}

func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

func short(commit string) string {
	if len(commit) > 7 {
		return commit[:7]
	}
	return commit
}

func memory(n int64) string {
	if n < 1<<30 {
		return fmt.Sprintf("%d MB", n>>20)
	}
	return strings.TrimSuffix(fmt.Sprintf("%.1f", float64(n)/(1<<30)), ".0") + " GB"
}

// note speaks to the person beside what a program may read from standard output.
func (p *program) note(format string, args ...any) {
	_, _ = fmt.Fprintf(p.Stderr, format, fit(args)...) // a closed pipe ends the program by signal
}
