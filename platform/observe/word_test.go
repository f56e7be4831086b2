package observe_test

import (
	"strings"
	"testing"
	"time"

	"github.com/lugsail/lugsail/platform"
	"github.com/lugsail/lugsail/platform/observe"
)

func TestJudge(t *testing.T) {
	app := platform.App{State: platform.AppActive, Plan: "nano", Scale: platform.Scale{"web": 2}}
	release := &platform.Release{Number: 3, Processes: []platform.Process{{Type: "web"}}}
	up := func(index, release int) platform.Replica {
		return platform.Replica{Process: "web", Index: index, Release: release, State: platform.ReplicaRunning}
	}
	one := platform.App{State: platform.AppActive, Plan: "nano"}
	oom := func(release int) platform.Replica {
		return platform.Replica{Process: "web", Index: 1, Release: release, State: platform.ReplicaExited, OutOfMemory: true}
	}
	visited := observe.Recent{Measured: time.Hour, Requests: 1214, Median: 38 * time.Millisecond}
	failing := observe.Recent{Measured: 12*time.Minute + 30*time.Second, Requests: 1, Errors: 1}
	full := observe.Recent{Measured: time.Hour, Fullest: 0.91, Memory: 1800 << 20, Limit: 2 << 30, Replicas: 2}
	failed := &platform.Deployment{Number: 4, State: platform.DeploymentFailed, FailureText: "npm ended."}
	returned := &platform.Release{
		Number: 5, Processes: release.Processes, CreatedBy: "lugsail", Cause: "automatic return to v3: web.1 of v4 ended with exit code 1, 4 s after it went live",
	}
	mimic := *returned
	mimic.CreatedBy = "ada@example.com"
	for _, test := range []struct {
		name          string
		look          observe.Look
		colour, holds string
	}{
		{"new", observe.Look{App: app}, "pending", "Push your code"},
		{"first under way", observe.Look{App: app, Latest: &platform.Deployment{State: platform.DeploymentRunning}}, "pending", "under way"},
		{"first failed", observe.Look{App: app, Latest: failed}, "bad", "npm ended."},
		{"all run", observe.Look{App: app, Release: release, Replicas: []platform.Replica{up(1, 3), up(2, 3)}}, "ok", "v3 serves; 2 replicas are running."},
		{"one is all", observe.Look{App: one, Release: release, Replicas: []platform.Replica{up(1, 3)}}, "ok", "v3 serves; 1 replica is running."},
		{"an older one ran out of memory", observe.Look{App: one, Release: release, Replicas: []platform.Replica{up(1, 3), oom(2)}}, "ok", "serves"},
		{"one ran out of memory", observe.Look{App: one, Release: release, Replicas: []platform.Replica{up(1, 3), oom(3)}}, "warn", "larger plan"},
		{"one is missing", observe.Look{App: app, Release: release, Replicas: []platform.Replica{up(1, 3), up(2, 2)}}, "warn", "1 of 2 replicas is running."},
		{"more than wanted", observe.Look{App: app, Release: release, Replicas: []platform.Replica{up(1, 3), up(2, 3), up(3, 3)}}, "ok", "2 replicas"},
		{"none runs", observe.Look{App: app, Release: release}, "bad", "keeps trying"},
		{"visited", observe.Look{App: one, Release: release, Replicas: []platform.Replica{up(1, 3)}, Recent: visited}, "ok", "v3 serves: 1,214 requests in the last hour, answers in 38 ms."},
		{"visited and failing", observe.Look{App: one, Release: release, Replicas: []platform.Replica{up(1, 3)}, Recent: failing}, "ok", "1 request in the last 12 minutes, 1 of them failed."},
		{"not visited", observe.Look{App: one, Release: release, Replicas: []platform.Replica{up(1, 3)}, Recent: observe.Recent{Measured: time.Hour}}, "ok", "v3 serves: no request in the last hour."},
		{"measured for too short a time", observe.Look{App: one, Release: release, Replicas: []platform.Replica{up(1, 3)}, Recent: observe.Recent{Measured: time.Minute}}, "ok", "v3 serves; 1 replica is running."},
		{"nearly full", observe.Look{App: one, Release: release, Replicas: []platform.Replica{up(1, 3)}, Recent: full}, "warn", "Memory is at 91 % of 1 GB."},
		{"nearly full and one is missing", observe.Look{App: app, Release: release, Replicas: []platform.Replica{up(1, 3)}, Recent: full}, "warn", "1 of 2 replicas"},
		{"latest failed", observe.Look{App: app, Release: release, Latest: failed, Replicas: []platform.Replica{up(1, 3), up(2, 3)}}, "ok", "latest deployment failed"},
		{"went back by itself", observe.Look{App: one, Recent: visited, Release: returned, Replicas: []platform.Replica{up(1, 5)}}, "warn", "v5 serves. Lugsail went back to v3: web.1 of v4 ended with exit code 1, 4 s after it went live."},
		{"a person's words", observe.Look{App: one, Release: &mimic, Replicas: []platform.Replica{up(1, 5)}}, "ok", "v5 serves; 1 replica"},
		{"only workers run", observe.Look{
			App: platform.App{Plan: "nano", Scale: platform.Scale{"web": 0, "worker": 1}}, Recent: visited,
			Release:  &platform.Release{Number: 3, Processes: []platform.Process{{Type: "web"}, {Type: "worker"}}},
			Replicas: []platform.Replica{{Process: "worker", Index: 1, Release: 3, State: platform.ReplicaRunning}},
		}, "ok", "v3 runs; 1 replica is running. web is scaled to 0, so nothing answers"},
		{"leaving", observe.Look{App: platform.App{State: platform.AppDestroying}}, "pending", "being removed"},
		{"scaled to nothing", observe.Look{App: platform.App{Scale: platform.Scale{"web": 0}}, Release: release}, "pending", "0 replicas"},
	} {
		if got := observe.Judge(test.look); got.Colour != test.colour || !strings.Contains(got.Sentence, test.holds) {
			t.Errorf("%s: %+v, want %s and %q", test.name, got, test.colour, test.holds)
		}
	}
}
