package cli

import (
	"strings"
	"testing"
)

func TestLogs_GrepIsAskedOfTheServer(t *testing.T) {
	w := newWorld(t)
	w.signedIn()
	w.says("GET /api/v1/apps/shop/deployments", 200, `{"deployments":[],"next":null}`)
	w.says("GET /api/v1/apps/shop/logs", 200, `{"lines": [{"at": "2026-01-02T03:04:05Z", "replica": "web.1", "text": "An Error & more"}]}`)
	for _, c := range []struct{ args, query string }{
		{"logs shop --grep error", "q=error&tail=100"},
		{"logs shop -g error", "q=error&tail=100"},
		{"logs shop --grep=a+b&tail=1 -n 7 -p worker", "process=worker&q=a%2Bb%26tail%3D1&tail=7"},
		{"logs shop", "tail=100"},
	} {
		w.asked = nil
		code, out, errs := w.run(strings.Fields(c.args)...)
		if code != ExitOK || !strings.Contains(out, "web.1: An Error & more") {
			t.Errorf("%s: %d %q %q", c.args, code, out, errs)
		}
		if all := strings.Join(w.asked, "\n"); !strings.Contains(all+"\n", "GET /api/v1/apps/shop/logs?"+c.query+"\n") {
			t.Errorf("%s asks for\n%s", c.args, all)
		}
	}
}

func TestLogs_GrepGoesWithWhatIsFollowed(t *testing.T) {
	for _, command := range []string{"logs --follow shop", "tail shop"} {
		w := newWorld(t)
		w.signedIn()
		w.says("GET /api/v1/apps/shop/deployments", 200, `{"deployments":[],"next":null}`)
		w.says("GET /api/v1/apps/shop/logs", 200, "event: log\ndata: {\"at\":\"2026-01-02T03:04:05Z\",\"replica\":\"web.1\",\"text\":\"an error\"}\n\nevent: error\ndata: {\"status\":404,\"code\":\"gone\",\"message\":\"Gone.\"}\n\n")
		_, out, _ := w.run(append(strings.Fields(command), "-g", "Error")...)
		if !strings.Contains(out, "web.1: an error") {
			t.Errorf("%s shows %q", command, out)
		}
		if all := strings.Join(w.asked, "\n"); !strings.Contains(all, "/logs?follow=true&q=Error&tail=100") {
			t.Errorf("%s asks for\n%s", command, all)
		}
	}
}

func TestLogs_GrepThatFindsNothingSaysSo(t *testing.T) {
	w := newWorld(t)
	w.signedIn()
	w.says("GET /api/v1/apps/shop/deployments", 200, `{"deployments":[],"next":null}`)
	w.says("GET /api/v1/apps/shop/logs", 200, `{"lines": []}`)
	code, out, errs := w.run("logs", "shop", "--grep", "no such")
	if code != ExitOK || out != "" || !strings.Contains(errs, `shop has no line with "no such" among the newest 10,000 of each replica.`) {
		t.Errorf("%d %q %q", code, out, errs)
	}
	if _, _, errs = w.run("logs", "shop"); !strings.Contains(errs, "shop has written nothing that is still kept.") {
		t.Errorf("without it: %q", errs)
	}
}
