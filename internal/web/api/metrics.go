package api

import (
	"math"
	"net/http"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/lugsail/lugsail/internal/web/openapi"
	"github.com/lugsail/lugsail/platform"
	"github.com/lugsail/lugsail/platform/observe"
)

// Metrics is what an app used and answered, step by step.
type Metrics struct {
	Range       string       `json:"range"`
	From        time.Time    `json:"from" doc:"when the first step began"`
	Step        int          `json:"step" doc:"seconds that each step lasts"`
	Since       *time.Time   `json:"since" doc:"since when Lugsail measures: it keeps the numbers in memory, and begins anew when its control plane starts"`
	Series      MetricSeries `json:"series"`
	Deployments []MetricMark `json:"deployments" doc:"those that went live in the range, the oldest first"`
}

// MetricSeries has a value for each step, the oldest first; null where nothing was measured.
type MetricSeries struct {
	CPU         []*float64 `json:"cpu" doc:"processors in use, on average: 0.5 is half of one"`
	Memory      []*float64 `json:"memory" doc:"bytes that all replicas use, without file cache"`
	MemoryLimit []*float64 `json:"memory_limit" doc:"bytes that they may use together"`
	Replicas    []*float64 `json:"replicas" doc:"that run"`
	Requests    []*float64 `json:"requests" doc:"answered in the step; a WebSocket counts once"`
	Refused     []*float64 `json:"refused" doc:"of these: answered 4xx, or the visitor left before"`
	Errors      []*float64 `json:"errors" doc:"of these: answered 5xx"`
	Median      []*float64 `json:"median" doc:"seconds until an answer begins, from when the request is there as a whole; half of the answers take longer"`
	P95         []*float64 `json:"p95" doc:"the same; one answer in twenty takes longer"`
	In          []*float64 `json:"in" doc:"bytes from visitors: bodies and WebSockets, without headers"`
	Out         []*float64 `json:"out" doc:"bytes to visitors"`
}

// MetricMark is a deployment on the axis of time.
type MetricMark struct {
	At      time.Time               `json:"at" doc:"when it was live"`
	Number  int                     `json:"number"`
	Release int                     `json:"release"`
	Kind    platform.DeploymentKind `json:"kind"`
}

// MetricsGet answers GET /apps/:app/metrics.
func (a *API) MetricsGet(c echo.Context) error {
	span, err := observe.ParseRange(c.QueryParam("range"))
	if err != nil {
		return err
	}
	ctx, actor, name := actorAnd(c)
	m, err := a.Apps.Metrics(ctx, actor, name, span)
	if err != nil {
		return err
	}
	body := Metrics{
		Range: string(m.Range), From: m.From, Step: int(m.Step.Seconds()), Series: seriesBody(m.Points),
		Deployments: list(m.Switches, func(d platform.Deployment) MetricMark { return MetricMark{*d.EndedAt, d.Number, d.Release, d.Kind} }),
	}
	if !m.Since.IsZero() {
		body.Since = &m.Since
	}
	return c.JSON(http.StatusOK, body)
}

func seriesBody(points []observe.Point) MetricSeries {
	of := func(digits int, value func(observe.Point) float32) []*float64 {
		return list(points, func(p observe.Point) *float64 { return rounded(value(p), digits) })
	}
	return MetricSeries{
		CPU:         of(4, func(p observe.Point) float32 { return p.CPU }),
		Memory:      of(0, func(p observe.Point) float32 { return p.Memory }),
		MemoryLimit: of(0, func(p observe.Point) float32 { return p.Limit }),
		Replicas:    of(1, func(p observe.Point) float32 { return p.Replicas }),
		Requests:    of(1, func(p observe.Point) float32 { return p.Requests }),
		Refused:     of(1, func(p observe.Point) float32 { return p.Refused }),
		Errors:      of(1, func(p observe.Point) float32 { return p.Errors }),
		Median:      of(5, func(p observe.Point) float32 { return p.Median }),
		P95:         of(5, func(p observe.Point) float32 { return p.P95 }),
		In:          of(0, func(p observe.Point) float32 { return p.In }),
		Out:         of(0, func(p observe.Point) float32 { return p.Out }),
	}
}

// rounded is nil for what is not known.
func rounded(v float32, digits int) *float64 {
	if !observe.Known(v) {
		return nil
	}
	scale := math.Pow10(digits)
	out := math.Round(float64(v)*scale) / scale
	return &out
}

var metricOperations = []openapi.Operation{{
	Route: "GET /api/v1/apps/:app/metrics", Group: "Replicas and logs", Summary: "See what the app used and answered",
	Notes: "CPU, memory, replicas, requests, answer times, errors and traffic of the last hour in steps of 10 seconds, or of the last day in steps of a minute. " +
		"A value is null where nothing was measured, or where there was nothing to measure.",
	Query:  []openapi.Param{{Name: "range", Type: "string", Means: "1h or 24h; 1h when left out"}},
	Status: http.StatusOK, Answer: Metrics{}, Errors: openapi.Codes{422: "range_invalid"},
}}
