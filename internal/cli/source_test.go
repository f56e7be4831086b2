package cli

import (
	"io"
	"net/http"
	"strings"
	"testing"
)

const pulledEvents = "event: log\nid: 1\ndata: {\"line\":\"2026-11-21T18:00:00Z Fetching main of https://git.example/shop.git\"}\n\n"

// eventStream answers with server-sent events.
func eventStream(body string) http.HandlerFunc {
	return func(rw http.ResponseWriter, _ *http.Request) {
		rw.Header().Set("Content-Type", "text/event-stream")
		_, _ = io.WriteString(rw, body)
	}
}

func TestDeployGit_BindsThenFetches(t *testing.T) {
	w := newWorld(t)
	w.signedIn()
	w.says("PUT /api/v1/apps/shop/source", 200, `{"source":{"url":"https://git.example/shop.git","branch":"main"}}`)
	w.says("POST /api/v1/apps/shop/source/pull", 202, `{"deployment":{"number":7,"state":"waiting"}}`)
	code, out, errs := w.run("deploy", "--app", "shop", "--git", "https://git.example/shop.git", "--branch", "main", "--detach")
	if code != ExitOK || !strings.Contains(out, "bound to main of https://git.example/shop.git") || !strings.Contains(out, "#7") {
		t.Fatalf("%d %s %s", code, out, errs)
	}
	if len(w.asked) != 2 || !strings.Contains(w.asked[0], `"branch":"main"`) || !strings.Contains(w.asked[1], `{"force":false}`) {
		t.Errorf("asked %q", w.asked)
	}
	if code, _, _ := w.run("deploy", "--app", "shop", "--pull", "--force", "--detach"); code != ExitOK || !strings.Contains(w.asked[2], `{"force":true}`) {
		t.Errorf("%d, asked %q", code, w.asked)
	}
}

func TestDeployPull_NothingNewIsNoFailure(t *testing.T) {
	w := newWorld(t)
	w.signedIn()
	w.says("POST /api/v1/apps/shop/source/pull", 202, `{"deployment":{"number":8,"state":"waiting"}}`)
	w.mux.HandleFunc("GET /api/v1/apps/shop/deployments/8/events", eventStream(pulledEvents+
		"event: log\nid: 2\ndata: {\"line\":\"2026-11-21T18:00:01Z Nothing new: main is at 1a2b3c4.\"}\n\n"+
		"event: done\ndata: {\"number\":8,\"state\":\"cancelled\",\"failure\":{\"code\":\"nothing_new\",\"message\":\"Nothing new: main is at 1a2b3c4.\",\"hint\":\"x\"}}\n\n"))
	code, out, errs := w.run("deploy", "--app", "shop", "--pull")
	if code != ExitOK || errs != "" || strings.Count(out, "Nothing new") != 1 {
		t.Fatalf("%d %s %s", code, out, errs)
	}
	if code, out, _ := w.run("deploy", "--app", "shop", "--pull", "--json"); code != ExitOK || !strings.Contains(out, "nothing_new") {
		t.Errorf("%d %s", code, out)
	}
}

func TestDeploy_FlagsThatDoNotGoTogetherAreUsage(t *testing.T) {
	w := newWorld(t)
	w.signedIn()
	for _, words := range [][]string{{"--pull", "."}, {"--git", "https://x/y", "."}, {"--branch", "main"}, {"--force"}} {
		if code, _, errs := w.run(append([]string{"deploy", "--app", "shop"}, words...)...); code != ExitUsage || len(w.asked) != 0 {
			t.Errorf("%v: %d %s %v", words, code, errs, w.asked)
		}
	}
}

func TestSource_ShowAndRemove(t *testing.T) {
	w := newWorld(t)
	w.signedIn()
	w.says("GET /api/v1/apps/shop/source", 200, `{"source":{"url":"https://git.example/shop.git","branch":""}}`)
	w.says("GET /api/v1/apps/blog/source", 200, `{"source":null}`)
	w.says("DELETE /api/v1/apps/shop/source", 204, "")
	if code, out, _ := w.run("source", "shop"); code != ExitOK || !strings.Contains(out, "the default branch of https://git.example/shop.git") {
		t.Errorf("%d %s", code, out)
	}
	if code, out, _ := w.run("source", "blog"); code != ExitOK || !strings.Contains(out, "lugsail deploy --git") {
		t.Errorf("%d %s", code, out)
	}
	if code, out, errs := w.run("source", "remove", "--app", "shop"); code != ExitOK || !strings.Contains(out, "not bound") {
		t.Errorf("%d %s %s", code, out, errs)
	}
}

func TestWebhooks_OnListShowRedeliverOff(t *testing.T) {
	w := newWorld(t)
	w.signedIn()
	const one = `{"id":3,"at":"2026-11-21T18:00:00Z","provider":"github","event":"push","branch":"main","commit":"1a2b3c4d5e","commit_title":"A \u001b[31mpage","outcome":"deployed","text":"Deployment #9 fetches.","deployment":9,"redelivers":null}`
	w.says("POST /api/v1/apps/shop/webhook", 201, `{"secret":"whsec_abc","webhook":{"url":"https://console.example/api/v1/hooks/xyz","created_at":"2026-11-21T18:00:00Z","rotated_at":"2026-11-21T18:00:00Z"}}`)
	w.says("GET /api/v1/apps/shop/webhook", 200, `{"webhook":{"url":"https://console.example/api/v1/hooks/xyz","created_at":"2026-11-21T18:00:00Z","rotated_at":"2026-11-21T18:00:00Z"}}`)
	w.says("GET /api/v1/apps/shop/webhook/deliveries", 200, `{"deliveries":[`+one+`],"next":null}`)
	w.says("GET /api/v1/apps/shop/webhook/deliveries/3", 200, `{"delivery":`+one+`}`)
	w.says("POST /api/v1/apps/shop/webhook/deliveries/3/redeliver", 202, `{"delivery":`+one+`}`)
	w.says("DELETE /api/v1/apps/shop/webhook", 204, "")
	for _, try := range []struct {
		words []string
		parts []string
	}{
		{[]string{"webhooks", "on"}, []string{"whsec_abc", "https://console.example/api/v1/hooks/xyz", "application/json", "GitLab"}},
		{[]string{"webhooks", "rotate"}, []string{"whsec_abc"}},
		{[]string{"webhooks"}, []string{"hooks/xyz", "DELIVERY", "github", "main", "#9"}},
		{[]string{"webhooks", "list"}, []string{"deployed", "1a2b3c4"}},
		{[]string{"webhooks", "show", "3"}, []string{"Deployment #9 fetches.", "lugsail deployments 9"}},
		{[]string{"webhooks", "redeliver", "3"}, []string{"deployed"}},
		{[]string{"webhooks", "off"}, []string{"off"}},
	} {
		code, out, errs := w.run(append(try.words, "--app", "shop")...)
		if code != ExitOK || strings.Contains(out, "\x1b") {
			t.Errorf("%v: %d %q %s", try.words, code, out, errs)
		}
		for _, part := range try.parts {
			if !strings.Contains(out, part) {
				t.Errorf("%v: %q is missing in\n%s", try.words, part, out)
			}
		}
	}
	if code, _, _ := w.run("webhooks", "show", "x", "--app", "shop"); code != ExitUsage {
		t.Errorf("%d", code)
	}
}
