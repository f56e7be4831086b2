package cli

import (
	"encoding/json"
	"strings"
	"testing"
)

func TestRollback_PreviewTellsWhatChangesAndChangesNothing(t *testing.T) {
	w := newWorld(t)
	w.signedIn()
	w.says("GET /api/v1/apps/shop/preview/rollback", 200, `{"release":{"number":7},"difference":{"from":9,"to":7,
		"image":{"from":"9999999 Ninth","to":"7777777 Seventh"},"plan":{"from":"small","to":"nano"},"health":null,
		"processes":[{"type":"worker","from":"run jobs","to":""}],"config":{"added":["OLD"],"changed":["MODE"],"removed":["NEW"],"same":1}},
		"effect":{"sentence":"Restarts 2 replicas, no downtime."},"stays":["Domains stay."]}`)
	w.says("GET /api/v1/apps/blog/preview/rollback", 200, `{"release":{"number":1},"difference":{"from":2,"to":1,"image":null,"plan":null,"health":null,"processes":[],
		"config":{"added":[],"changed":[],"removed":[],"same":1}},"effect":{"sentence":"Restarts 1 replica."},"stays":[]}`)
	code, out, errs := w.run("rollback", "v7", "--preview", "-a", "shop")
	if code != ExitOK || len(w.asked) != 1 || w.asked[0] != "GET /api/v1/apps/shop/preview/rollback?release=7" {
		t.Fatalf("%d %q %v", code, errs, w.asked)
	}
	for _, want := range []string{
		"Code                 9999999 Ninth  7777777 Seventh\n", "Process type worker  run jobs       -\n", "Plan                 small          nano\n",
		"-              has OLD\n", "newer MODE     older MODE\n", "has NEW        -\n",
		"\nRestarts 2 replicas, no downtime. Nothing is built.\nDomains stay.\nNothing was changed. Do it: lugsail rollback v7 --app shop\n",
	} {
		if !strings.Contains(out, want) {
			t.Errorf("%q is not in\n%s", want, out)
		}
	}
	if _, out, _ := w.run("rollback", "--preview", "-a", "blog"); !strings.Contains(out, "v2 and v1 hold the same") || w.asked[1] != "GET /api/v1/apps/blog/preview/rollback" {
		t.Errorf("%q %v", out, w.asked)
	}
	if code, out, _ := w.run("rollback", "--preview", "--json", "-a", "blog"); code != ExitOK || !json.Valid([]byte(out)) || !strings.Contains(out, `"stays": []`) {
		t.Errorf("as JSON: %d %q", code, out)
	}
}

func TestScale_PreviewSaysWhatItWouldDo(t *testing.T) {
	w := newWorld(t)
	w.signedIn()
	w.says("GET /api/v1/apps/shop/preview/scale", 200, `{"effect":{"restarts":0,"sentence":"Starts 2 replicas more, no downtime."}}`)
	for args, asked := range map[string]string{
		"worker=0 web=3": "scale=web%3D3%2Cworker%3D0", "--plan small": "plan=small", "web=3 --plan small": "plan=small&scale=web%3D3",
	} {
		w.asked = nil
		code, out, errs := w.run(append(strings.Fields("scale --preview -a shop "), strings.Fields(args)...)...)
		if code != ExitOK || out != "Starts 2 replicas more, no downtime.\nNothing was changed.\n" || len(w.asked) != 1 || w.asked[0] != "GET /api/v1/apps/shop/preview/scale?"+asked {
			t.Errorf("%s: %d %q %q %v", args, code, out, errs, w.asked)
		}
	}
	if code, out, _ := w.run("scale", "web=3", "--preview", "--json", "-a", "shop"); code != ExitOK || !strings.Contains(out, `"restarts": 0`) {
		t.Errorf("as JSON: %d %q", code, out)
	}
	for _, args := range []string{"scale --preview -a shop", "scale web=1 --stop-grace 5 --preview -a shop"} {
		if code, _, errs := w.run(strings.Fields(args)...); code != ExitUsage || !strings.Contains(errs, "--preview with --plan") {
			t.Errorf("%s: %d %q", args, code, errs)
		}
	}
}
