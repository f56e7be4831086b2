package cli

import (
	"cmp"
	"fmt"
	"math"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/lugsail/lugsail/platform"
)

func (p *program) metrics() *cobra.Command {
	var span string
	c := &cobra.Command{
		Use: "metrics [APP]", Short: "Show what an app uses and answers", Args: p.appArg, ValidArgsFunction: p.completeApp,
		Long: "Shows CPU, memory, replicas, requests, answer times, errors and traffic of the last hour or day.\n\n" +
			"CPU is told in hundredths of one processor. An answer's time goes from when the request was there until its answer began.\n" +
			"The server keeps these numbers in memory, and begins anew when Lugsail starts.",
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, name, err := p.target(cmd.Context())
			if err != nil {
				return err
			}
			var answer metricsBody
			raw, err := c.call(cmd.Context(), http.MethodGet, path(name, "metrics")+"?"+url.Values{"range": {span}}.Encode(), nil, &answer)
			if err != nil {
				return err
			}
			return p.answer(raw, func() { p.showMetrics(name, answer) })
		},
	}
	c.Flags().StringVar(&span, "range", "1h", "how far back: 1h or 24h")
	complete(c, "range", cobra.FixedCompletions([]string{"1h", "24h"}, cobra.ShellCompDirectiveNoFileComp))
	return c
}

type metricsBody struct {
	Range  string
	Since  *time.Time
	Step   int
	Series map[string][]*float64
}

// measured is one row: how a value is told, and how several of them become one.
type measured struct {
	name, key string
	sum       bool // a row of counts, of which the whole range is told
	text      func(float64) string
}

var measures = []measured{
	{"CPU", "cpu", false, percent},
	{"Memory", "memory", false, bytesText},
	{"Replicas", "replicas", false, count},
	{"Requests", "requests", true, count},
	{"Answered 4xx", "refused", true, count},
	{"Errors (5xx)", "errors", true, count},
	{"Answer time, median", "median", false, duration},
	{"Answer time, 95 of 100", "p95", false, duration},
	{"Bytes in", "in", true, bytesText},
	{"Bytes out", "out", true, bytesText},
}

func (p *program) showMetrics(name string, m metricsBody) {
	if m.Since == nil {
		p.printf("Nothing is measured of %s yet. Try again in a minute.\n", name)
		return
	}
	span := map[string]string{"1h": "last hour", "24h": "last day"}[m.Range]
	p.printf("%s, %s\n\n", name, cmp.Or(span, m.Range))
	rows := [][]string{{"", "NOW", "MOST", "IN ALL", "UNTIL NOW"}}
	for _, of := range measures {
		rows = append(rows, of.row(m.Series[of.key], m.Step))
	}
	p.table(rows)
	if measuredFor := time.Since(*m.Since); m.Range == "24h" && measuredFor < 24*time.Hour || measuredFor < time.Hour {
		p.printf("\nMeasured since Lugsail started, %s.\n", ago(*m.Since))
	}
}

// row tells the newest value, the largest and, of counts, the sum. Counts are told for a minute.
func (of measured) row(values []*float64, step int) []string {
	text := of.text
	perMinute := 1.0
	if of.sum {
		perMinute = 60 / float64(max(step, 1))
		text = func(v float64) string { return of.text(v) + " a minute" }
	}
	now, most, all := "–", "–", ""
	largest, sum, known := math.Inf(-1), 0.0, false
	for _, v := range values {
		if v != nil {
			known, largest, sum = true, max(largest, *v), sum+*v
		}
	}
	if known {
		most = text(largest * perMinute)
	}
	if known && of.sum {
		all = of.text(sum)
	}
	if n := len(values); n > 0 && values[n-1] != nil {
		now = text(*values[n-1] * perMinute)
	}
	return []string{of.name, now, most, all, sparkline(values, 30)}
}

func percent(v float64) string   { return fmt.Sprintf("%.1f %%", 100*v) }
func count(v float64) string     { return fmt.Sprintf("%.0f", v) }
func bytesText(v float64) string { return platform.Bytes(int64(v)) }

func duration(v float64) string {
	if v < 1 {
		return fmt.Sprintf("%.0f ms", 1000*v)
	}
	return fmt.Sprintf("%.1f s", v)
}

var bars = []rune("▁▂▃▄▅▆▇█")

// sparkline draws values in a line of that many signs, from 0 to the largest; what is not known is left open.
func sparkline(values []*float64, width int) string {
	means, most := make([]float64, width), 0.0
	for i := range means {
		sum, known := 0.0, 0
		for _, v := range values[i*len(values)/width : (i+1)*len(values)/width] {
			if v != nil {
				sum, known = sum+*v, known+1
			}
		}
		means[i] = math.NaN()
		if known > 0 {
			means[i] = sum / float64(known)
			most = max(most, means[i])
		}
	}
	var line strings.Builder
	for _, v := range means {
		switch {
		case math.IsNaN(v):
			line.WriteRune(' ')
		case most <= 0:
			line.WriteRune(bars[0])
		default:
			line.WriteRune(bars[min(len(bars)-1, int(v/most*float64(len(bars))))])
		}
	}
	return line.String()
}
