package web

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/lugsail/lugsail/platform"
)

const (
	benchApps     = 100
	benchReleases = 100 // of each
)

// BenchmarkPages tells the time that the server needs for each page of a large installation, which should be
// 30 ms at the median. The engine answers from memory here: what Docker takes comes on top.
func BenchmarkPages(b *testing.B) {
	r := newRig(b)
	r.engine.memory = 128 << 30
	for i := range benchApps {
		r.busy(fmt.Sprintf("app-%d", i))
	}
	const app = "/apps/app-50"
	for _, path := range []string{
		"/", "/create", "/activity", "/trash", "/server", "/account", "/docs/api", "/palette",
		app, app + "/deployments", app + "/deployments/50", app + "/logs", app + "/config", app + "/source", app + "/domains", app + "/volumes", app + "/snapshots",
		app + "/scaling", app + "/settings", app + "/upload", app + "/checkup", "/?part=live", app + "?part=live",
	} {
		b.Run(path, func(b *testing.B) {
			var took []time.Duration
			spent := processorTime(b)
			for b.Loop() {
				w := httptest.NewRecorder()
				request := ask{path: path, session: r.session}.request(b.Context())
				began := time.Now()
				r.server.Handler().ServeHTTP(w, request)
				took = append(took, time.Since(began))
				if w.Code != http.StatusOK {
					b.Fatalf("%s is answered %d", path, w.Code)
				}
			}
			spent = processorTime(b) - spent
			slices.Sort(took)
			b.ReportMetric(float64(spent.Microseconds())/1000/float64(len(took)), "ms-processor") // tells more where others work too
			b.ReportMetric(float64(took[len(took)/2].Microseconds())/1000, "ms-median")
			b.ReportMetric(0, "ns/op")
		})
	}
}

// processorTime is what this process has taken so far, on all cores.
func processorTime(b *testing.B) time.Duration {
	b.Helper()
	var usage syscall.Rusage
	must(b, syscall.Getrusage(syscall.RUSAGE_SELF, &usage))
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

// busy makes an app that has seen many releases.
func (r *rig) busy(name string) {
	r.t.Helper()
	ctx := r.t.Context()
	a := r.serving(name)
	for n := 2; n <= benchReleases; n++ {
		d := platform.Deployment{
			ID: platform.NewID(), AppID: a.ID, Kind: platform.DeployPush, State: platform.DeploymentWaiting,
			Cause: "push of 1a2b3c4", Source: platform.Source{Commit: "1a2b3c4d5e6f", Title: fmt.Sprintf("Change number %d", n), Branch: "main"},
			Actor: testEmail, Via: "git", CreatedAt: time.Now(),
		}
		must(r.t, r.store.CreateDeployment(ctx, &d, []platform.StepName{platform.StepBuild, platform.StepRelease, platform.StepSwitch}))
		_, err := r.store.ClaimDeployment(ctx, d.ID)
		must(r.t, err)
		release := platform.Release{
			AppID: a.ID, DeploymentID: d.ID, Cause: d.Cause, Image: "127.0.0.1:5005/apps/x@sha256:00", Plan: "nano",
			Processes: []platform.Process{{Type: "web", Command: "node server.js"}}, ConfigVars: map[string]string{"SECRET_KEY": canary},
			Commit: d.Source.Commit, CommitTitle: d.Source.Title, CreatedAt: time.Now(), CreatedBy: testEmail,
		}
		must(r.t, r.store.AppendRelease(ctx, &release))
		must(r.t, r.store.CommitSwitch(ctx, a.ID, release.Number, d.ID))
	}
	for i := range r.engine.replicas {
		if r.engine.replicas[i].AppID == a.ID {
			r.engine.replicas[i].Release = benchReleases
		}
	}
}
