package cli

import (
	"strings"
	"testing"
)

func TestDeployments_OnlyThoseOfAStateAndKind(t *testing.T) {
	w := newWorld(t)
	w.signedIn()
	w.says("GET /api/v1/apps/shop/deployments", 200, `{"deployments":[{"number":4,"state":"failed","cause":"rollback to v2"}],"next":null}`)
	w.says("GET /api/v1/apps/blog/deployments", 200, `{"deployments":[],"next":null}`)
	for _, c := range []struct{ args, asked, want string }{
		{"-a shop", "/shop/deployments", "#4"},
		{"--state failed -a shop", "/shop/deployments?state=failed", "rollback to v2"},
		{"--state failed --kind rollback -a shop", "/shop/deployments?kind=rollback&state=failed", "#4"},
		{"--kind push --json -a shop", "/shop/deployments?kind=push", `"number": 4`},
		{"--kind scale -a blog", "/blog/deployments?kind=scale", "blog has no such deployments.\n"},
		{"-a blog", "/blog/deployments", "The first push makes one"},
	} {
		w.asked = nil
		code, out, errs := w.run(append([]string{"deployments"}, strings.Fields(c.args)...)...)
		if code != ExitOK || !strings.Contains(out, c.want) || len(w.asked) != 1 || w.asked[0] != "GET /api/v1/apps"+c.asked {
			t.Errorf("%s: %d %q %q %v", c.args, code, out, errs, w.asked)
		}
	}
	w.asked = nil
	for args, want := range map[string]string{"--state broken": "cancelled or replaced", "--kind git": "push, rollback"} {
		code, _, errs := w.run(append(strings.Fields("deployments -a shop"), strings.Fields(args)...)...)
		if code != ExitUsage || !strings.Contains(errs, want) || len(w.asked) != 0 {
			t.Errorf("%s: %d %q %v", args, code, errs, w.asked)
		}
	}
}

func TestDeployments_TellWhatIsLiveFromWhatWas(t *testing.T) {
	w := newWorld(t)
	w.signedIn()
	w.says("GET /api/v1/apps/shop/deployments", 200, `{"deployments":[{"number":5,"kind":"push","state":"running"},
		{"number":4,"kind":"push","state":"live","serves":true,"release":2},{"number":3,"kind":"push","state":"failed"},
		{"number":2,"kind":"push","state":"live","release":1},{"number":1,"kind":"trash","state":"live"}],"next":null}`)
	_, out, errs := w.run("deployments", "-a", "shop")
	lines := strings.Split(out, "\n")
	for i, want := range []string{"#5      under way", "#4      live ", "#3      failed", "#2      was live", "#1      done"} {
		if len(lines) < 6 || !strings.HasPrefix(lines[i+1], want) {
			t.Errorf("no %q in\n%s%s", want, out, errs)
		}
	}
	if _, out, _ := w.run("deployments", "-a", "shop", "--json"); strings.Count(out, `"state": "live"`) != 3 {
		t.Errorf("the API's states are not kept: %s", out)
	}
}
