package console

import (
	"fmt"
	"strings"
	"time"

	"github.com/lugsail/lugsail/platform"
	"github.com/lugsail/lugsail/platform/observe"
)

// chart is one drawing of what an app did over time. The server draws it as SVG, which is all there
// is without a script; with one, the page of the metrics puts a chart with values in its place.
type chart struct {
	ID    string // what the script knows it by
	Title string
	Term  string // of the glossary, "" for none
	Sub   string
	Now   string // the newest value; "–" when it is not known
	Most  string // the largest value, "" when none is known
	Lines []line
	Marks []chartMark
	Span  string // "1 h"
}

// line is one row of values in a drawing.
type line struct {
	Name  string
	Class string // its colour
	Path  string
	Area  string // "" for a line that is not filled
	Now   string
}

// chartMark is a deployment on the axis of time.
type chartMark struct {
	X     float64
	Label string
}

const chartWidth, chartHeight = 320.0, 92.0

// row is what is drawn of each point.
type row struct {
	name, class string
	value       func(observe.Point) float32
	filled      bool
}

// drawChart draws rows over one scale, from 0 to the largest value or at least to floor.
func drawChart(c chart, points []observe.Point, floor float32, text func(float32) string, rows ...row) chart {
	drawn, most, known := make([][]float32, len(rows)), floor, false
	for i, r := range rows {
		drawn[i] = thin(points, r.value)
		for _, v := range drawn[i] {
			if observe.Known(v) {
				known, most = true, max(most, v)
			}
		}
	}
	c.Now = "–"
	for i, r := range rows {
		l := line{Name: r.name, Class: r.class, Now: "–"}
		l.Path, l.Area = strokes(drawn[i], most, chartWidth, chartHeight)
		if !r.filled {
			l.Area = ""
		}
		if v, ok := newest(points, r.value); ok {
			l.Now = text(v)
		}
		c.Lines = append(c.Lines, l)
	}
	if len(rows) > 0 {
		c.Now = c.Lines[0].Now
	}
	if known {
		c.Most = text(most)
	}
	return c
}

// newest is the last value that is known, when that is not long ago.
func newest(points []observe.Point, value func(observe.Point) float32) (float32, bool) {
	for i := len(points) - 1; i >= max(0, len(points)-3); i-- {
		if v := value(points[i]); observe.Known(v) {
			return v, true
		}
	}
	return 0, false
}

// mostDrawn is how many values a drawing has at the most.
const mostDrawn = 180

// thin makes means of neighbours where there are more points than can be seen.
func thin(points []observe.Point, value func(observe.Point) float32) []float32 {
	each := (len(points) + mostDrawn - 1) / mostDrawn
	out := make([]float32, 0, mostDrawn)
	for i := 0; i < len(points); i += each {
		sum, known := float32(0), float32(0)
		for _, p := range points[i:min(i+each, len(points))] {
			if v := value(p); observe.Known(v) {
				sum, known = sum+v, known+1
			}
		}
		out = append(out, sum/known) // 0/0 is a gap, too
	}
	return out
}

// strokes gives the paths of a line and of the area below it, with gaps where a value is not known.
func strokes(values []float32, most float32, width, height float64) (path, area string) {
	var stroke, fill strings.Builder
	step := width / float64(max(1, len(values)-1))
	begun := -1
	end := func(i int) {
		if begun >= 0 {
			if i == begun+1 {
				fmt.Fprintf(&stroke, "h1") // a single value would not be seen
			}
			fmt.Fprintf(&fill, "V%.0fH%.1fZ", height, float64(begun)*step)
		}
		begun = -1
	}
	for i, v := range values {
		if !observe.Known(v) {
			end(i)
			continue
		}
		x, y := float64(i)*step, height-1
		if most > 0 {
			y = height - 1 - (height-3)*float64(v)/float64(most)
		}
		letter := "L"
		if begun < 0 {
			begun, letter = i, "M"
		}
		fmt.Fprintf(&stroke, "%s%.1f %.1f", letter, x, y)
		fmt.Fprintf(&fill, "%s%.1f %.1f", letter, x, y)
	}
	end(len(values))
	return stroke.String(), fill.String()
}

// cpuText writes a part of one core. What is hardly anything is not measured to the last digit.
func cpuText(v float32) string {
	switch percent := 100 * v; {
	case percent == 0:
		return "0 %"
	case percent < 0.1:
		return "< 0.1 %"
	case percent < 10:
		return fmt.Sprintf("%.1f %%", percent)
	default:
		return fmt.Sprintf("%.0f %%", percent)
	}
}

func bytesText(v float32) string { return platform.Bytes(int64(v)) }
func countText(v float32) string { return fmt.Sprintf("%.3g", v) }

func rateText(v float32) string {
	if v > 0 && v < 9.95 {
		return fmt.Sprintf("%.1f / min", v)
	}
	return fmt.Sprintf("%.0f / min", v)
}

func timeText(v float32) string {
	return observe.Took(time.Duration(float64(v) * float64(time.Second)))
}
