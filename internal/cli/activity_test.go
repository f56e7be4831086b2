package cli

import (
	"strings"
	"testing"
)

func TestActivity_OfAllOrOfOneAppAndByTopic(t *testing.T) {
	w := newWorld(t)
	w.signedIn()
	const events = `{"events":[
		{"id":9,"at":"2026-01-02T03:04:05Z","actor":"ada","via":"cli","action":"config.changed","app":"shop","text":"config vars MODE"},
		{"id":8,"at":"2026-01-01T03:04:05Z","actor":"lugsail","via":"system","action":"deployment.live","app":"shop","text":"shop v3 is live"}],"next":"Nw"}`
	w.says("GET /api/v1/events", 200, events)
	w.says("GET /api/v1/apps/shop/events", 200, events)
	w.says("GET /api/v1/apps/blog/events", 200, `{"events":[],"next":null}`)
	w.says("GET /api/v1/apps/news/events", 422, `{"code":"topic_unknown","message":"There is no topic \"x\".","hint":"Choose one of app, deployment."}`)
	for args, asked := range map[string]string{
		"": "events?limit=50", "shop": "apps/shop/events?limit=50", "--app shop --topic config": "apps/shop/events?limit=50&topic=config", "--limit 2": "events?limit=2",
	} {
		w.asked = nil
		code, out, errs := w.run(append([]string{"activity"}, strings.Fields(args)...)...)
		if code != ExitOK || len(w.asked) != 1 || w.asked[0] != "GET /api/v1/"+asked {
			t.Errorf("%q: %d %q %v", args, code, errs, w.asked)
		}
		for _, want := range []string{"ada (cli)", "config.changed   config vars MODE\n", " lugsail ", "deployment.live  v3 is live\n"} {
			if !strings.Contains(out, want) {
				t.Errorf("%q: %q is not in\n%s", args, want, out)
			}
		}
		if !strings.Contains(errs, "There is more: --limit 200") {
			t.Errorf("%q says nothing of older ones: %q", args, errs)
		}
	}
	if _, out, _ := w.run("activity", "blog"); out != "Nothing of that kind happened yet.\n" {
		t.Errorf("none: %q", out)
	}
	if code, _, errs := w.run("activity", "news", "--topic", "x"); code != ExitFailed || !strings.Contains(errs, "→ Choose one of app, deployment.") {
		t.Errorf("a topic that is not: %d %q", code, errs)
	}
	if code, out, errs := w.run("activity", "--json"); code != ExitOK || !strings.Contains(out, `"next": "Nw"`) || errs != "" {
		t.Errorf("as JSON: %d %q %q", code, out, errs)
	}
	for _, limit := range []string{"0", "201"} {
		if code, _, errs := w.run("activity", "--limit", limit); code != ExitUsage || !strings.Contains(errs, "1 to 200") {
			t.Errorf("limit %s: %d %q", limit, code, errs)
		}
	}
}
