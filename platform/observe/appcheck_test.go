package observe

import (
	"errors"
	"strings"
	"testing"

	"github.com/lugsail/lugsail/platform"
)

func well() Checkup {
	web := platform.Replica{Release: 3, Process: "web", Index: 1, State: platform.ReplicaRunning, Address: "10.201.0.2"}
	return Checkup{
		Now: checkedAt, App: platform.App{Name: "shop", Plan: "nano", State: platform.AppActive}, PortWanted: 8080,
		Release:  &platform.Release{Number: 3, Processes: []platform.Process{{Type: "web"}}},
		Latest:   &platform.Deployment{Number: 5, State: platform.DeploymentLive},
		Replicas: []Inside{{Replica: web, Listeners: []platform.Listener{{IP: "0.0.0.0", Port: 8080}}, Memory: 100 * mib, Limit: 512 * mib}},
		Routed:   1, Probe: &platform.ProbeResult{OK: true},
		Domains: []Name{{Host: "shop.example.com", Here: true}},
		Certs:   []Certificate{{Host: "shop.example.com", Public: true, NotAfter: checkedAt.AddDate(0, 2, 0)}},
	}
}

func TestExamineApp_NothingIsWrong(t *testing.T) {
	found := ExamineApp(well())
	if Worst(found) != LevelOK || len(found) != 7 {
		t.Errorf("%d findings: %+v", len(found), found)
	}
}

func TestExamineApp_EachFaultIsFound(t *testing.T) {
	failed := &platform.Deployment{Number: 6, State: platform.DeploymentFailed, FailureText: "The build failed", FailureHint: "Mend main.go."}
	away := errors.New("away")
	for _, c := range []struct {
		name   string
		change func(*Checkup)
		check  string
		level  Level
		text   string
		hint   string
	}{
		{"nothing deployed", func(c *Checkup) { c.Release, c.Latest = nil, nil }, "deployment", LevelWarn, "Nothing is deployed", "git push"},
		{"first deployment failed", func(c *Checkup) { c.Release, c.Latest = nil, failed }, "deployment", LevelBad, "The build failed. Nothing serves", "Mend main.go."},
		{"went back by itself", func(c *Checkup) {
			c.Release.Cause, c.Release.CreatedBy = "automatic return to v1: web.1 of v2 ended with exit code 1, 4 s after it went live", "lugsail"
		}, "deployment", LevelWarn, "v3 serves. Lugsail went back to v1: web.1 of v2 ended", "lugsail logs --app shop"},
		{"deployment failed", func(c *Checkup) { c.Latest = failed }, "deployment", LevelWarn, "v3 serves as before", "Mend main.go."},
		{"failed without a hint", func(c *Checkup) { c.Latest = &platform.Deployment{Number: 6, State: platform.DeploymentFailed} }, "deployment", LevelWarn, "Deployment 6", "lugsail deployments 6"},
		{"F14 engine hangs", func(c *Checkup) { c.Engine, c.Replicas = away, nil }, "replicas", LevelBad, "not answering", "lugsail doctor"},
		{"scaled to nothing", func(c *Checkup) { c.App.Scale, c.Replicas = platform.Scale{"web": 0}, nil }, "replicas", LevelWarn, "0 replicas", "scale web=1"},
		{"none runs", func(c *Checkup) { c.Replicas = nil }, "replicas", LevelBad, "No replica", "lugsail logs"},
		{"too few run", func(c *Checkup) { c.App.Scale = platform.Scale{"web": 2} }, "replicas", LevelWarn, "1 of 2", "lugsail logs"},
		{"F17 out of memory", func(c *Checkup) { c.Replicas[0].OutOfMemory = true }, "exit", LevelBad, "memory of plan nano", "--plan"},
		{"F17 crash loop", func(c *Checkup) { c.Replicas[0].Restarts = 9 }, "exit", LevelWarn, "9 times", "lugsail logs"},
		{"exited", func(c *Checkup) { c.Replicas[0].State, c.Replicas[0].ExitCode = platform.ReplicaExited, 1 }, "exit", LevelBad, "exit code 1.", "lugsail logs"},
		{"command missing", func(c *Checkup) { c.Replicas[0].State, c.Replicas[0].ExitCode = platform.ReplicaExited, 127 }, "exit", LevelBad, "not found", "lugsail logs"},
		{"exited well", func(c *Checkup) { c.Replicas[0].State = platform.ReplicaRestarting }, "exit", LevelBad, "must keep running", "lugsail logs"},
		{"F16 network removed", func(c *Checkup) { c.Replicas[0].Address = "" }, "network", LevelBad, "lost its network", "lugsail restart"},
		{"F19 listens nowhere", func(c *Checkup) { c.Replicas[0].Listeners = nil }, "port", LevelBad, "no port", "$PORT (8080)"},
		{"F19 loopback only", func(c *Checkup) {
			c.Replicas[0].Listeners = []platform.Listener{{IP: "127.0.0.1", Port: 3000, Loopback: true}}
		}, "port", LevelBad, "127.0.0.1:3000 only", "0.0.0.0"},
		{"nobody reaches it", func(c *Checkup) { c.Routed = 0 }, "health", LevelBad, "reach no replica", "$PORT"},
		{"F19 sick", func(c *Checkup) { c.Probe = &platform.ProbeResult{Reason: "answered 500"} }, "health", LevelBad, "answered 500.", "lugsail logs"},
		{"proxy away", func(c *Checkup) { c.ProbeError = away }, "health", LevelWarn, "proxy", "lugsail doctor"},
		{"memory short", func(c *Checkup) { c.Replicas[0].Memory = 500 * mib }, "memory", LevelWarn, "500 MB of 512 MB", "--plan"},
		{"domain elsewhere", func(c *Checkup) { c.Domains[0].Here = false }, "dns", LevelWarn, "leads nowhere", "domain's provider"},
		{"no certificate", func(c *Checkup) { c.Certs[0].NotAfter = c.Certs[0].NotAfter.AddDate(-1, 0, 0) }, "certificates", LevelBad, "expired", "port 80"},
		{"damaged config var", func(c *Checkup) {
			c.Damaged = platform.Errorf(platform.Internal, "config_unreadable", "The config var API_KEY cannot be decrypted.").WithHint("Set it again: lugsail config set API_KEY=VALUE")
		}, "config", LevelBad, "API_KEY cannot be decrypted", "config set"},
		{"empty config var", func(c *Checkup) { c.EmptyVars = []string{"API_KEY"} }, "config", LevelWarn, "API_KEY is without a value", "config set"},
		{"config not deployed", func(c *Checkup) { c.Waiting = true }, "config", LevelWarn, "does not have them", "lugsail deploy"},
	} {
		t.Run(c.name, func(t *testing.T) {
			look := well()
			c.change(&look)
			for _, f := range ExamineApp(look) {
				if f.Check == c.check && f.Level == c.level {
					if !strings.Contains(f.Text, c.text) || !strings.Contains(f.Hint, c.hint) {
						t.Errorf("got %+v", f)
					}
					return
				}
			}
			t.Errorf("not found in %+v", ExamineApp(look))
		})
	}
}

func TestExamineApp_WhatIsNoFault(t *testing.T) {
	for name, change := range map[string]func(*Checkup){
		"another port": func(c *Checkup) { c.Replicas[0].Listeners[0].Port = 3000 },
		"a worker alone": func(c *Checkup) {
			c.Release.Processes[0].Type = "worker"
			c.App.Scale = platform.Scale{"web": 0, "worker": 1}
			c.Replicas[0].Process = "worker"
			c.Replicas[0].Listeners = nil
		},
		"under way": func(c *Checkup) { c.Latest.State = platform.DeploymentRunning },
		"an old replica ended": func(c *Checkup) {
			c.Replicas = append(c.Replicas, Inside{Replica: platform.Replica{Release: 2, Process: "web", Index: 1, State: platform.ReplicaExited, ExitCode: 143}})
		},
		"sockets not looked at": func(c *Checkup) { c.Replicas[0].Listeners, c.Replicas[0].Unseen = nil, errors.New("ended meanwhile") },
		"a certificate of ours": func(c *Checkup) { c.Certs = []Certificate{{Host: "shop.localhost"}} },
	} {
		look := well()
		change(&look)
		if found := ExamineApp(look); Worst(found) != LevelOK {
			t.Errorf("%s: %+v", name, found)
		}
	}
}

func TestExamineApp_DoesNotSayThatAStoppedAppServes(t *testing.T) {
	web := platform.Release{Number: 3, Processes: []platform.Process{{Type: "web"}}}
	failed := &platform.Deployment{Number: 4, State: platform.DeploymentFailed, FailureText: "The build failed."}
	for _, latest := range []*platform.Deployment{nil, failed} {
		c := Checkup{App: platform.App{Name: "shop", Scale: platform.Scale{"web": 0}}, Release: &web, Latest: latest}
		if got := ExamineApp(c)[0]; !strings.Contains(got.Text, "v3 is stopped") || strings.Contains(got.Text, "serves") {
			t.Errorf("%+v", got)
		}
	}
}
