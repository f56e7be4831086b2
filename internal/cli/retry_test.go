package cli

import (
	"strings"
	"testing"
)

func TestRetry_TheNewestThatFailedOrTheOneNamed(t *testing.T) {
	w := newWorld(t)
	w.signedIn()
	w.says("GET /api/v1/apps/shop/deployments", 200, `{"deployments":[{"number":4,"state":"failed"}],"next":"x"}`)
	w.says("GET /api/v1/apps/shop", 200, `{"app": {"name": "shop", "url": "https://shop.x", "scale": {"web": 1}}}`)
	w.deploys("POST /api/v1/apps/shop/deployments/4/retry", `"kind":"config","release":6`)
	for _, args := range [][]string{{"retry"}, {"retry", "4"}, {"retry", "#4"}} {
		w.asked = nil
		code, out, errs := w.run(append(args, "-a", "shop")...)
		if code != ExitOK || !strings.Contains(out, "v6 is live at https://shop.x") {
			t.Errorf("%v: %d %s %s", args, code, out, errs)
		}
		if all := strings.Join(w.asked, "\n"); !strings.Contains(all, "POST /api/v1/apps/shop/deployments/4/retry {}") {
			t.Errorf("%v asks for %s", args, all)
		}
	}
	code, out, _ := w.run("retry", "--detach", "--json", "-a", "shop")
	if code != ExitOK || !strings.Contains(out, `"number": 5`) {
		t.Errorf("as JSON: %d %s", code, out)
	}
}

func TestRetry_WhatDidNotFailIsNotDeployedAgain(t *testing.T) {
	w := newWorld(t)
	w.signedIn()
	w.says("GET /api/v1/apps/shop/deployments", 200, `{"deployments":[{"number":7,"state":"live"}],"next":null}`)
	w.says("GET /api/v1/apps/blog/deployments", 200, `{"deployments":[],"next":null}`)
	w.says("POST /api/v1/apps/shop/deployments/3/retry", 409, `{"code":"source_gone","message":"The source of deployment 3 is not on the server any more.","hint":"Upload it again: lugsail deploy ."}`)
	for _, c := range []struct {
		args string
		code int
		want string
	}{
		{"retry -a shop", ExitConflict, "did not fail: #7 is live.\n→ An older one"},
		{"retry -a blog", ExitNotFound, "no deployments yet"},
		{"retry 3 -a shop", ExitConflict, "→ Upload it again"},
		{"retry x -a shop", ExitUsage, "not a number"},
	} {
		w.asked = nil
		code, out, errs := w.run(strings.Fields(c.args)...)
		if code != c.code || out != "" || !strings.Contains(errs, c.want) {
			t.Errorf("%s: %d %q %q", c.args, code, out, errs)
		}
		for _, asked := range w.asked {
			if strings.HasPrefix(asked, "POST") && c.args != "retry 3 -a shop" {
				t.Errorf("%s asks for %s", c.args, asked)
			}
		}
	}
}
