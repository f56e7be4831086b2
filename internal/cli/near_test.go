package cli

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
)

func TestNear_FindsWhatWasMeant(t *testing.T) {
	names := []string{"my-shop", "my-blog", "shop", "api", "worker-api"}
	for word, want := range map[string][]string{
		"my-shp": {"my-shop"}, "My-Shop": {"my-shop"}, "shpo": {"shop"}, "my-": {"my-blog", "my-shop"}, "sh": {"shop"}, "zzz": nil, "a": {"api"}, "shop": nil, "": nil,
	} {
		if word == "a" {
			want = nil // one letter says nothing
		}
		if got := near(word, names); !slices.Equal(got, want) {
			t.Errorf("%q: %v, want %v", word, got, want)
		}
	}
}

func TestMistyped_AppsConfigVarsFlagsAndCommands(t *testing.T) {
	w := newWorld(t)
	w.signedIn()
	w.says("GET /api/v1/apps", 200, `{"apps":[{"name":"my-shop"},{"name":"blog"}],"next":null}`)
	w.says("GET /api/v1/apps/my-shpo", 404, `{"code":"app_not_found","message":"There is no app named \"my-shpo\"."}`)
	w.says("GET /api/v1/apps/zebra", 404, `{"code":"app_not_found","message":"There is no app named \"zebra\".","hint":"the server's own"}`)
	w.says("DELETE /api/v1/apps/blog/domains/x.example.com", 404, `{"code":"domain_not_found","message":"The app has no domain \"x.example.com\"."}`)
	w.says("GET /api/v1/apps/yonder", 404, `{"code":"app_not_found","message":"There is no app named \"yonder\"."}`)
	w.says("GET /api/v1/apps/blog/config", 200, `{"names":["DATABASE_URL","SECRET"]}`)
	w.says("GET /api/v1/apps/blog/config/values", 200, `{"config":{"DATABASE_URL":"x","SECRET":"y"}}`)
	for _, c := range []struct {
		args string
		code int
		want string
	}{
		{"info my-shpo", ExitNotFound, "Did you mean my-shop?"},
		{"info zebra", ExitNotFound, "the server's own"},
		{"domains remove x.example.com -a blog", ExitNotFound, "lugsail domains"},
		{"info yonder", ExitNotFound, "`lugsail apps` lists yours."},
		{"config unset DATABSE_URL -a blog", ExitNotFound, "Did you mean DATABASE_URL?"},
		{"config get secret -a blog", ExitNotFound, "Did you mean SECRET?"},
		{"logs --folow", ExitUsage, "Did you mean --follow?"},
		{"deploy --detatch", ExitUsage, "Did you mean --detach?"},
		{"logs --zzzz", ExitUsage, "lugsail logs --help"},
		{"destory", ExitUsage, "Did you mean destroy?"}, //nolint:misspell // that is the point
		{"config ste", ExitUsage, "Did you mean set?"},
		{"domain", ExitUsage, "domains"},
	} {
		code, out, errs := w.run(strings.Fields(c.args)...)
		if code != c.code || !strings.Contains(errs, c.want) || out != "" {
			t.Errorf("%s: %d %q %q, want %d %q", c.args, code, out, errs, c.code, c.want)
		}
	}
}

func TestApps_AllPagesAreShown(t *testing.T) {
	w := newWorld(t)
	w.signedIn()
	w.mux.HandleFunc("GET /api/v1/apps", func(rw http.ResponseWriter, r *http.Request) {
		page := r.URL.Query().Get("cursor")
		next := map[string]string{"": `"p2"`, "p2": `"p3"`, "p3": "null"}[page]
		_, _ = fmt.Fprintf(rw, `{"apps":[{"name":"app%s","status":{}}],"next":%s}`, page, next)
	})
	code, out, errs := w.run("apps")
	if code != ExitOK || !strings.Contains(out, "appp2") || !strings.Contains(out, "appp3") {
		t.Errorf("%d %q %q", code, out, errs)
	}
	_, out, _ = w.run("apps", "--json")
	if strings.Count(out, `"name"`) != 3 || !strings.Contains(out, `"next": null`) {
		t.Errorf("as JSON: %s", out)
	}
}

func TestClient_GoesOnMoreSlowlyAndAgainWhereAConnectionBreaks(t *testing.T) {
	w := newWorld(t)
	w.signedIn()
	tries, keys := 0, map[string]int{}
	w.mux.HandleFunc("POST /api/v1/apps/shop/rollback", func(rw http.ResponseWriter, r *http.Request) {
		keys[r.Header.Get("Idempotency-Key")]++
		switch tries++; tries {
		case 1:
			rw.Header().Set("Retry-After", "1")
			rw.Header().Set("RateLimit-Remaining", "0")
			rw.WriteHeader(http.StatusTooManyRequests)
		case 2:
			panic(http.ErrAbortHandler) // the connection breaks
		case 3:
			rw.Header().Set("Retry-After", "1") // what came before it is still worked on
			rw.WriteHeader(http.StatusConflict)
		default:
			rw.WriteHeader(http.StatusConflict)
			_, _ = fmt.Fprint(rw, `{}`)
		}
	})
	code, _, errs := w.run("rollback", "-a", "shop")
	if code != ExitConflict || tries != 4 || len(keys) != 1 || keys[""] != 0 {
		t.Errorf("%d %q, %d tries, keys %v", code, errs, tries, keys)
	}
	tooMany := 0
	w.mux.HandleFunc("GET /api/v1/tokens", func(rw http.ResponseWriter, _ *http.Request) {
		tooMany++
		rw.Header().Set("Retry-After", "1")
		rw.WriteHeader(http.StatusTooManyRequests) // wrong tries, not many requests
	})
	if code, _, _ := w.run("tokens"); code != ExitUnavailable || tooMany != 1 {
		t.Errorf("%d after %d tries", code, tooMany)
	}
}
