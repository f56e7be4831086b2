package browser

import (
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"
)

const form = `<!doctype html><title>t</title><main><h1>A form</h1>
<form method="post"><label for="n">Name</label><input id="n" name="n" value="before">
<label>Colour <select name="c"><option>red</option><option>sea green</option></select></label>
<label><input type="radio" name="r" value="big"> Big one</label>
<label for="f">File</label><input id="f" type="file" name="f">
<button style="text-transform: uppercase">Send it</button></form>
<div style="position: relative"><button>Covered</button><i style="position: absolute; inset: 0; background: white">over it</i></div>
<script>console.error("from the page", 7)</script></main>`

// The verbs do what a person's hands do, as the server sees it, and what a page complains of is heard.
func TestVerbs(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		if r.Method == http.MethodPost {
			_, _ = io.WriteString(w, "<main>Got "+r.PostFormValue("n")+", "+r.PostFormValue("c")+", "+r.PostFormValue("r"))
			return
		}
		_, _ = io.WriteString(w, form)
	}))
	defer server.Close()
	tab := Start(t, t.TempDir()).Person(t).Tab(t, Desk)
	if status := tab.Open(server.URL + "/form"); status != http.StatusOK || tab.Path() != "/form" {
		t.Errorf("opened with %d at %q", status, tab.Path())
	}
	tab.Fill("Name", "ada")
	tab.Fill("Colour", "sea")
	tab.Choose("Big one")
	if covered := tab.look("click", "Covered", ""); covered == nil || !strings.Contains(covered.Why, "over it") {
		t.Errorf("what is covered is found as %+v", covered)
	}
	loaded := tab.Weigh(server.URL+"/form", 100*time.Millisecond)
	if i := slices.IndexFunc(loaded, func(l Loaded) bool { return strings.HasSuffix(l.URL, "/form") }); i < 0 || loaded[i].Bytes < int64(len(form)) {
		t.Errorf("the page weighs %v", loaded)
	}
	tab.Fill("Name", "ada")
	tab.Fill("Colour", "sea")
	tab.Choose("Big one")
	tab.Click("Send it")
	tab.Wait("Got ada, sea green, big")
	tab.mu.Lock()
	defer tab.mu.Unlock()
	if len(tab.troubles) != 2 || !strings.Contains(tab.troubles[0], "from the page") {
		t.Errorf("of the page's complaints %q is heard", tab.troubles)
	}
}
