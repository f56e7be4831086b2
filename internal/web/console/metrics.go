package console

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/lugsail/lugsail/platform"
	"github.com/lugsail/lugsail/platform/app"
	"github.com/lugsail/lugsail/platform/observe"
	"github.com/lugsail/lugsail/platform/plan"
)

type metricsPage struct {
	Range  observe.Range
	Charts []chart
	Table  []metricsRow
	Since  *time.Time // when the measuring began, where that is less long ago than the range; nil otherwise
	None   bool       // nothing is measured yet
}

// metricsRow is a part of the range in numbers.
type metricsRow struct {
	From, To                                                      time.Time
	Requests, Errors, Median, P95, CPU, Memory, Replicas, In, Out string
}

// Metrics answers GET /apps/:app/metrics.
func (c *Console) Metrics(e echo.Context) error {
	f, err := c.inApp(e, "metrics", "Metrics")
	if err != nil {
		return err
	}
	span, err := observe.ParseRange(e.QueryParam("range"))
	if err != nil {
		return err
	}
	m, err := c.apps.Metrics(e.Request().Context(), f.Actor, f.App.App.Name, span)
	if err != nil {
		return err
	}
	f.Stream, f.Events = url.Values{"measured": {"points"}}, "measured"
	f.Data = metricsPage{Range: span, Charts: chartsOf(f, m), Table: table(m), None: m.Since.IsZero(), Since: since(m)}
	return c.show(e, http.StatusOK, "metrics", f)
}

// perMinute makes a rate of what was counted in a step.
func perMinute(m app.Metrics, value func(observe.Point) float32) func(observe.Point) float32 {
	steps := float32(time.Minute / m.Step)
	return func(p observe.Point) float32 { return value(p) * steps }
}

func requests(p observe.Point) float32 { return p.Requests }
func memory(p observe.Point) float32   { return p.Memory }
func cpu(p observe.Point) float32      { return p.CPU }

func memoryLimit(p observe.Point) float32 { return p.Limit }

func requestsChart(m app.Metrics) chart {
	return drawChart(newChart(m, "requests", "Requests", "request", ""), m.Points, 1, rateText,
		row{"all", "l0", perMinute(m, requests), true},
		row{"4xx", "l1", perMinute(m, func(p observe.Point) float32 { return p.Refused }), false},
		row{"5xx", "l2", perMinute(m, func(p observe.Point) float32 { return p.Errors }), false})
}

func timesChart(m app.Metrics) chart {
	return drawChart(newChart(m, "times", "Answer time", "answer-time", ""), m.Points, 0.001, timeText,
		row{"median", "l0", func(p observe.Point) float32 { return p.Median }, true},
		row{"p95", "l1", func(p observe.Point) float32 { return p.P95 }, false})
}

func cpuChart(m app.Metrics) chart {
	return drawChart(newChart(m, "cpu", "CPU", "cpu", "of one vCPU"), m.Points, 0.01, cpuText, row{"CPU", "l0", cpu, true})
}

func memoryChart(m app.Metrics) chart {
	c := newChart(m, "memory", "Memory", "memory", "")
	if limit, ok := newest(m.Points, memoryLimit); ok && limit > 0 {
		c.Sub = "of " + bytesText(limit)
	}
	return drawChart(c, m.Points, 1<<20, bytesText,
		row{"used", "l0", memory, true},
		row{"limit", "l3", memoryLimit, false})
}

func trafficChart(m app.Metrics) chart {
	perMin := func(v float32) string { return bytesText(v) + " / min" }
	return drawChart(newChart(m, "traffic", "Traffic", "traffic", ""), m.Points, 1, perMin,
		row{"to visitors", "l0", perMinute(m, func(p observe.Point) float32 { return p.Out }), true},
		row{"from visitors", "l1", perMinute(m, func(p observe.Point) float32 { return p.In }), false})
}

func replicasChart(m app.Metrics) chart {
	return drawChart(newChart(m, "replicas", "Replicas", "replica", ""), m.Points, 1, countText,
		row{"running", "l0", func(p observe.Point) float32 { return p.Replicas }, true})
}

func allCharts(m app.Metrics) []chart {
	processors := cpuChart(m)
	if p, err := plan.ByName(m.App.Plan); err == nil {
		processors.Sub = fmt.Sprintf("of one vCPU; a replica may use %g %%", 100*p.CPUBurst)
	}
	return []chart{requestsChart(m), timesChart(m), processors, memoryChart(m), trafficChart(m), replicasChart(m)}
}

// chartsOf leaves out what an add-on does not have: visitors, and more than one replica.
func chartsOf(f frame, m app.Metrics) []chart {
	charts := allCharts(m)
	if f.App.App.Addon {
		return slices.DeleteFunc(charts, func(c chart) bool {
			return c.ID == "requests" || c.ID == "times" || c.ID == "traffic" || c.ID == "replicas"
		})
	}
	return charts
}

// newChart is a chart without lines, with the deployments on its axis.
func newChart(m app.Metrics, id, title, term, sub string) chart {
	c := chart{ID: id, Title: title, Term: term, Sub: sub, Span: map[observe.Range]string{observe.LastHour: "1 h", observe.LastDay: "24 h"}[m.Range]}
	whole := m.Step * time.Duration(len(m.Points))
	for _, d := range m.Switches {
		c.Marks = append(c.Marks, chartMark{
			X:     min(1, float64(d.EndedAt.Sub(m.From))/float64(whole)) * chartWidth,
			Label: fmt.Sprintf("v%d at %s", d.Release, d.EndedAt.UTC().Format("15:04 UTC")),
		})
	}
	return c
}

// tableRows is how many parts the table has.
const tableRows = 12

// table tells the range in twelve rows, the newest first, without those of which nothing is known.
func table(m app.Metrics) []metricsRow {
	each := len(m.Points) / tableRows
	var rows []metricsRow
	for i := tableRows - 1; i >= 0; i-- {
		points := m.Points[i*each : (i+1)*each]
		p, known := observe.Sum(points)
		if !known {
			continue
		}
		from := m.From.Add(time.Duration(i*each) * m.Step)
		rows = append(rows, metricsRow{
			From: from, To: from.Add(time.Duration(each) * m.Step),
			Requests: said(p.Requests, countsText), Errors: said(p.Errors, countsText), Median: said(p.Median, timeText), P95: said(p.P95, timeText),
			CPU: said(p.CPU, cpuText), Memory: said(p.Memory, bytesText), Replicas: said(p.Replicas, countText), In: said(p.In, bytesText), Out: said(p.Out, bytesText),
		})
	}
	return rows
}

func countsText(v float32) string { return fmt.Sprintf("%.0f", v) }

func said(v float32, text func(float32) string) string {
	if !observe.Known(v) {
		return "–"
	}
	return text(v)
}

// lastHour is what an app's overview shows: a few small charts.
type lastHour struct {
	Charts []chart
	Since  *time.Time // as in metricsPage
}

// lastHour is nil when nothing is measured.
func (c *Console) lastHour(e echo.Context, f frame) (*lastHour, error) {
	m, err := c.apps.Metrics(e.Request().Context(), f.Actor, f.App.App.Name, observe.LastHour)
	if err != nil || m.Since.IsZero() || f.App.Release == nil {
		return nil, err
	}
	hour := lastHour{Charts: []chart{requestsChart(m), timesChart(m), cpuChart(m), memoryChart(m)}, Since: since(m)}
	if f.App.NoWeb {
		hour.Charts = hour.Charts[2:]
	}
	return &hour, nil
}

// since is when the measuring began, where the range goes back further.
func since(m app.Metrics) *time.Time {
	if !m.Since.After(m.From.Add(m.Step)) {
		return nil
	}
	return &m.Since
}

// spark is a small drawing on a card.
type spark struct {
	Name, Now  string
	Path, Area string
}

const sparkWidth, sparkHeight = 160.0, 32.0

// sparks draws CPU and memory of the last hour in small, by app id. Apps that do not run or are not measured are left out.
func (c *Console) sparks(actor platform.Actor, apps []app.Overview) map[string][]spark {
	ids := make([]string, 0, len(apps))
	for _, o := range apps {
		if o.Release != nil {
			ids = append(ids, o.App.ID)
		}
	}
	all := map[string][]spark{}
	for id, points := range c.apps.Sparklines(actor, ids...) {
		if _, known := newest(points, memory); known {
			limit, _ := newest(points, memoryLimit)
			all[id] = []spark{drawSpark("CPU", points, 0.05, cpu, cpuText), drawSpark("Memory", points, max(limit, 1<<20), memory, bytesText)}
		}
	}
	return all
}

func drawSpark(name string, points []observe.Point, floor float32, value func(observe.Point) float32, text func(float32) string) spark {
	values, most := thin(points, value), floor
	for _, v := range values {
		if observe.Known(v) {
			most = max(most, v)
		}
	}
	s := spark{Name: name, Now: "–"}
	s.Path, s.Area = strokes(values, most, sparkWidth, sparkHeight)
	if v, ok := newest(points, value); ok {
		s.Now = text(v)
	}
	return s
}
