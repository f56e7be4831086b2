package cli

import (
	"strings"
	"testing"
)

const waitingAnswer = `{"names":["A","MODE"],"waiting":{"added":["A"],"changed":["MODE"],"removed":[],"same":3}}`

func TestConfigSet_LaterDeploysNothingAndSaysWhatWaits(t *testing.T) {
	w := newWorld(t)
	w.signedIn()
	w.says("PATCH /api/v1/apps/shop/config", 202, `{"deployment":null}`)
	w.says("GET /api/v1/apps/shop/config", 200, waitingAnswer)
	code, out, errs := w.run("config", "set", "A=1", "MODE=x", "--later", "-a", "shop")
	if want := "Saved. The next deployment of shop changes: new A; changed MODE\nDeploy them now: lugsail config apply --app shop\n"; code != ExitOK || out != want {
		t.Errorf("%d %q %q, want %q", code, out, errs, want)
	}
	if want := `PATCH /api/v1/apps/shop/config {"later":true,"set":{"A":"1","MODE":"x"},"unset":null}`; w.asked[0] != want {
		t.Errorf("%s, want %s", w.asked[0], want)
	}
	if code, out, _ := w.run("config", "unset", "MODE", "--later", "--json", "-a", "shop"); code != ExitOK || !strings.Contains(out, `"deployment": null`) {
		t.Errorf("as JSON: %d %q", code, out)
	}
	if last := w.asked[len(w.asked)-1]; last != `PATCH /api/v1/apps/shop/config {"later":true,"set":{},"unset":["MODE"]}` {
		t.Error(last)
	}
	code, out, errs = w.run("config", "-a", "shop")
	if code != ExitOK || out != "A\nMODE\n" || !strings.Contains(errs, "What runs has older values. The next deployment changes: new A; changed MODE\n") {
		t.Errorf("the list: %d %q %q", code, out, errs)
	}
	if code, _, errs := w.run("config", "set", "A=1", "--later", "--detach", "-a", "shop"); code != ExitUsage || !strings.Contains(errs, "one of --detach, --later") {
		t.Errorf("two manners: %d %q", code, errs)
	}
}

func TestConfigSet_LaterBeforeTheFirstDeploymentIsKeptForIt(t *testing.T) {
	w := newWorld(t)
	w.signedIn()
	w.says("PATCH /api/v1/apps/shop/config", 202, `{"deployment":null}`)
	w.says("GET /api/v1/apps/shop/config", 200, `{"names":["A"],"waiting":{"added":[],"changed":[],"removed":[],"same":0}}`)
	w.says("GET /api/v1/apps/shop", 200, `{"app": {"name": "shop"}}`)
	if code, out, errs := w.run("config", "set", "A=1", "--later", "-a", "shop"); code != ExitOK || out != "Kept for the first deployment of shop.\n" {
		t.Errorf("%d %q %q", code, out, errs)
	}
}

func TestConfigSet_PreviewSavesNothing(t *testing.T) {
	w := newWorld(t)
	w.signedIn()
	w.says("POST /api/v1/apps/shop/config/preview", 200, `{"config":{"added":["A"],"changed":[],"removed":[],"same":3},"effect":{"sentence":"Restarts 2 replicas, no downtime."}}`)
	w.stdin = "A=1\n"
	code, out, errs := w.run("config", "set", "--env-file", "-", "--preview", "-a", "shop")
	if want := "Config vars of shop: new A\nRestarts 2 replicas, no downtime.\nNothing was saved.\n"; code != ExitOK || out != want {
		t.Errorf("%d %q %q, want %q", code, out, errs, want)
	}
	if len(w.asked) != 1 || w.asked[0] != `POST /api/v1/apps/shop/config/preview {"set":{"A":"1"},"unset":null}` {
		t.Error(w.asked)
	}
	if code, out, _ := w.run("config", "set", "A=1", "--preview", "--json", "-a", "shop"); code != ExitOK || !strings.Contains(out, `"same": 3`) {
		t.Errorf("as JSON: %d %q", code, out)
	}
}

func TestConfigHistory_TellsWhichReleaseHasWhich(t *testing.T) {
	w := newWorld(t)
	w.signedIn()
	w.says("GET /api/v1/apps/blog/config/history", 200, `{"changes":[],"next":null}`)
	w.says("GET /api/v1/apps/shop/config/history", 200, `{"changes":[
		{"number":2,"at":"2026-01-02T03:04:05Z","actor":"ada","added":[],"changed":["MODE"],"removed":["OLD"],"from_release":3,"later":true,"release":0},
		{"number":1,"at":"2026-01-01T03:04:05Z","actor":"bob","added":["MODE","OLD"],"changed":[],"removed":[],"from_release":0,"later":false,"release":4}],"next":null}`)
	code, out, errs := w.run("config", "history", "-a", "shop")
	rows := strings.Split(out, "\n")
	if code != ExitOK || len(rows) != 4 {
		t.Fatalf("%d %q %q", code, out, errs)
	}
	for i, want := range [][]string{{"ada", " - ", "changed MODE; removed OLD, as in v3, for the next deployment"}, {"bob", "v4", "new MODE, OLD"}} {
		for _, text := range want {
			if !strings.Contains(rows[i+1], text) {
				t.Errorf("%q is not in %q", text, rows[i+1])
			}
		}
	}
	if _, out, _ := w.run("config", "history", "-a", "blog"); !strings.Contains(out, "were not changed yet") {
		t.Errorf("none: %q", out)
	}
	if code, out, _ := w.run("config", "history", "--json", "-a", "shop"); code != ExitOK || !strings.Contains(out, `"from_release": 3`) {
		t.Errorf("as JSON: %d %q", code, out)
	}
}

func TestConfigRestoreAndApply_Deploy(t *testing.T) {
	w := newWorld(t)
	w.signedIn()
	w.says("GET /api/v1/apps/shop", 200, `{"app": {"name": "shop", "url": "https://shop.x", "scale": {"web": 1}}}`)
	w.says("GET /api/v1/apps/shop/config", 200, waitingAnswer)
	w.says("POST /api/v1/apps/blog/config/apply", 202, `{"deployment":null}`)
	w.says("GET /api/v1/apps/blog", 200, `{"app": {"name": "blog", "release": {"number": 2}}}`)
	w.deploys("POST /api/v1/apps/shop/config/restore", `"kind":"config","release":8`)
	w.says("POST /api/v1/apps/shop/config/apply", 202, `{"deployment": {"number": 5, "state": "waiting"}}`)
	for _, c := range []struct{ args, asked, want string }{
		{"config restore v3 -a shop", `POST /api/v1/apps/shop/config/restore {"later":false,"release":3}`, "v8 is live"},
		{"config restore 3 --later -a shop", `POST /api/v1/apps/shop/config/restore {"later":true,"release":3}`, "Saved. The next deployment of shop changes: new A"},
		{"config apply -a shop", "POST /api/v1/apps/shop/config/apply {}", "v8 is live"},
		{"config apply -d -a shop", "POST /api/v1/apps/shop/config/apply {}", "Deployment #5 of shop has started"},
		{"config apply -a blog", "POST /api/v1/apps/blog/config/apply {}", "Nothing was deployed"},
	} {
		w.asked = nil
		code, out, errs := w.run(strings.Fields(c.args)...)
		if code != ExitOK || !strings.Contains(out, c.want) || w.asked[0] != c.asked {
			t.Errorf("%s: %d %q %q %v", c.args, code, out, errs, w.asked)
		}
	}
	if code, _, errs := w.run("config", "restore", "3", "--later", "-d", "-a", "shop"); code != ExitUsage || !strings.Contains(errs, "--detach or --later") {
		t.Errorf("two manners: %d %q", code, errs)
	}
	if code, _, errs := w.run("config", "restore", "x", "-a", "shop"); code != ExitUsage || !strings.Contains(errs, "not a number such as v7") {
		t.Errorf("%d %q", code, errs)
	}
}
