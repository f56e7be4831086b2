package web

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/lugsail/lugsail/platform"
)

func keyed(path, token, key, json string) ask {
	return ask{method: post, path: path, token: token, json: json, header: http.Header{onceHeader: {key}}}
}

func TestIdempotency_TheSameRequestIsDoneOnce(t *testing.T) {
	r := newRig(t)
	token := r.token("", platform.ScopeAdmin)
	again := keyed("/api/v1/tokens", token, "k1", `{"name":"ci","scopes":["read"]}`)
	first := r.do(again).want(t, http.StatusCreated)
	second := r.do(again).want(t, http.StatusCreated)
	if first.body != second.body || second.Header.Get("Idempotency-Replayed") != "true" || first.Header.Get("Idempotency-Replayed") != "" {
		t.Errorf("first %s, second %s", first.body, second.body)
	}
	if all, err := r.accounts.Tokens(t.Context(), r.owner); err != nil || len(all) != 2 {
		t.Errorf("%d tokens, %v", len(all), err)
	}
	other := r.do(keyed("/api/v1/tokens", token, "k1", `{"name":"other","scopes":["read"]}`))
	if other.StatusCode != http.StatusUnprocessableEntity || other.code() != "idempotency_other" {
		t.Errorf("another body: %d %s", other.StatusCode, other.body)
	}
	if got := r.do(keyed("/api/v1/apps", token, "k1", `{"name":"ci","scopes":["read"]}`)); got.code() != "idempotency_other" {
		t.Errorf("another address: %d %s", got.StatusCode, got.body)
	}
	// Another token's keys are its own: it does not get the first one's secret.
	if got := r.do(keyed("/api/v1/tokens", r.token("", platform.ScopeAdmin), "k1", again.json)).want(t, http.StatusCreated); got.body == first.body {
		t.Error("another token got the answer")
	}
}

func TestIdempotency_RefusalsAreKeptAndFaultsAreNot(t *testing.T) {
	r := newRig(t)
	token := r.token("", platform.ScopeAdmin)
	wrong := keyed("/api/v1/apps", token, "w", `{"name":"Wrong"}`)
	first, second := r.do(wrong).want(t, 422), r.do(wrong).want(t, 422)
	if first.body != second.body || second.Header.Get("Content-Type") != "application/problem+json" {
		t.Errorf("%s then %s", first.body, second.body)
	}
	faults := 0
	r.standIn("POST /api/v1/apps", func(c echo.Context) error {
		if faults++; faults == 1 {
			panic("a fault of ours")
		}
		return c.JSON(http.StatusCreated, map[string]any{})
	})
	r.do(keyed("/api/v1/apps", token, "f", `{}`)).want(t, http.StatusInternalServerError)
	r.do(keyed("/api/v1/apps", token, "f", `{}`)).want(t, http.StatusCreated)
	r.do(keyed("/api/v1/apps", token, "f", `{}`)).want(t, http.StatusCreated)
	if faults != 2 {
		t.Errorf("the handler ran %d times", faults)
	}
}

// standIn puts another handler in a route's place.
func (r *rig) standIn(name string, handler echo.HandlerFunc) {
	for i, route := range r.server.routes {
		if route.method+" "+route.path == name {
			r.server.routes[i].handler = handler
		}
	}
	r.undescribed = true
	r.server.handler = r.server.build()
}

func TestIdempotency_OneWorksAndTheOtherIsToldToWait(t *testing.T) {
	r := newRig(t)
	token := r.token("", platform.ScopeAdmin)
	entered, leave := make(chan struct{}), make(chan struct{})
	r.standIn("POST /api/v1/apps", func(c echo.Context) error {
		close(entered)
		<-leave
		return c.JSON(http.StatusCreated, map[string]any{})
	})
	var wait sync.WaitGroup
	wait.Go(func() { r.do(keyed("/api/v1/apps", token, "k", `{}`)) })
	<-entered
	got := r.do(keyed("/api/v1/apps", token, "k", `{}`))
	close(leave)
	wait.Wait()
	if got.StatusCode != http.StatusConflict || got.code() != "idempotency_running" || got.Header.Get("Retry-After") == "" || !strings.Contains(got.body, "not done twice") {
		t.Errorf("at the same time: %d %s", got.StatusCode, got.body)
	}
	r.do(keyed("/api/v1/apps", token, "k", `{}`)).want(t, http.StatusCreated)
}

func TestIdempotency_SurvivesARestart(t *testing.T) {
	r := newRig(t)
	token := r.token("", platform.ScopeAdmin)
	create := keyed("/api/v1/apps", token, "k", `{"name":"mine"}`)
	first := r.do(create).want(t, http.StatusCreated)
	began := &platform.Once{Holder: r.holder(token), Key: "cut", Worker: r.server.run}
	_, err := r.store.BeginOnce(t.Context(), began, time.Now().Add(-time.Hour), 10)
	must(t, err)
	r.server.run = platform.NewID() // what another process would have
	if again := r.do(create).want(t, http.StatusCreated); again.body != first.body {
		t.Errorf("first %s, again %s", first.body, again.body)
	}
	if got := r.do(keyed("/api/v1/apps", token, "cut", `{"name":"cut"}`)); got.StatusCode != http.StatusConflict || got.code() != "idempotency_unknown" {
		t.Errorf("one that the restart cut off: %d %s", got.StatusCode, got.body)
	}
}

func (r *rig) holder(token string) string {
	r.t.Helper()
	actor, err := r.accounts.Authenticate(r.t.Context(), token, "api", "")
	must(r.t, err)
	return actor.SessionID
}

func TestIdempotency_KeysEndAfterADayAndAreBounded(t *testing.T) {
	r := newRig(t)
	token := r.token("", platform.ScopeAdmin)
	old := &platform.Once{Holder: r.holder(token), Key: "k", Worker: r.server.run, CreatedAt: time.Now().Add(-onceLife - time.Minute)}
	_, err := r.store.BeginOnce(t.Context(), old, time.Now().Add(-48*time.Hour), 10)
	must(t, err)
	r.do(keyed("/api/v1/apps", token, "k", `{"name":"mine"}`)).want(t, http.StatusCreated)
	full := &platform.Once{Holder: old.Holder, Key: "k2", Worker: r.server.run}
	if _, err := r.store.BeginOnce(t.Context(), full, time.Now().Add(-onceLife), 1); !platform.IsKind(err, platform.TooMany) {
		t.Errorf("one more key than allowed: %v", err)
	}
	for _, key := range []string{"", " ", "a b", "ü", strings.Repeat("k", 256)} {
		if got := r.do(keyed("/api/v1/apps", token, key, `{}`)); got.code() != "idempotency_invalid" {
			t.Errorf("key %q: %d %s", key, got.StatusCode, got.body)
		}
	}
}

func TestA57_KeptAnswersAreSealed(t *testing.T) {
	r := newRig(t)
	token := r.token("", platform.ScopeAdmin)
	made := r.do(keyed("/api/v1/tokens", token, "k", `{"name":"ci","scopes":["read"]}`)).want(t, http.StatusCreated)
	var answer struct{ Secret string }
	must(t, json.Unmarshal([]byte(made.body), &answer))
	if answer.Secret == "" || r.inDatabase(answer.Secret) {
		t.Errorf("the secret %q lies in the database", answer.Secret)
	}
	if !r.inDatabase("application/json") {
		t.Error("the answer's type is not found either, so the search is no proof")
	}
}

func TestRateLimits_TellWhatIsLeftAndSlowDown(t *testing.T) {
	r := newRig(t)
	clock := time.Now()
	r.server.limits.now = func() time.Time { return clock }
	token := r.token("", platform.ScopeRead)
	spend := func() answer { return r.do(ask{path: "/api/v1/server", token: token}) }
	got := spend().want(t, http.StatusOK)
	if h := got.Header; h.Get("RateLimit-Limit") != "600" || h.Get("RateLimit-Remaining") != "599" || h.Get("RateLimit-Reset") != "1" {
		t.Errorf("headers %v", h)
	}
	for range 599 {
		spend().want(t, http.StatusOK)
	}
	slow := spend().want(t, http.StatusTooManyRequests)
	if slow.code() != "too_many_requests" || slow.Header.Get("Retry-After") != "1" || slow.Header.Get("RateLimit-Remaining") != "0" || slow.Header.Get("RateLimit-Reset") != "30" {
		t.Errorf("%v %s", slow.Header, slow.body)
	}
	r.do(ask{path: "/api/v1/server", token: r.token("", platform.ScopeRead)}).want(t, http.StatusOK) // others go on
	clock = clock.Add(time.Second)
	for range 20 {
		spend().want(t, http.StatusOK)
	}
	spend().want(t, http.StatusTooManyRequests)
}

func TestRateLimits_StrangersAreCountedByAddress(t *testing.T) {
	r := newRig(t)
	clock := time.Now()
	r.server.limits.now = func() time.Time { return clock }
	from := func(address string) answer {
		return r.do(ask{path: "/api/v1/openapi.json", header: http.Header{"X-Forwarded-For": {address}, "If-None-Match": {r.server.reference.tag}}})
	}
	for i := range 3000 {
		from(fmt.Sprintf("2001:db8::%x", i)).want(t, http.StatusNotModified)
	}
	from("2001:db8::ffff").want(t, http.StatusTooManyRequests) // the same customer's network
	from("2001:db8:0:1::1").want(t, http.StatusNotModified)
	for range 3001 {
		from("127.0.0.1").want(t, http.StatusNotModified) // the server itself
	}
}

func TestRateLimits_StrangersTakeNoMemory(t *testing.T) {
	clock := time.Now()
	l := newLimits(func() time.Time { return clock })
	for i := range 3 * maxMeters {
		l.spend(fmt.Sprint(i), sourceAllowance)
	}
	if len(l.meters) > maxMeters {
		t.Errorf("%d meters", len(l.meters))
	}
	clock = clock.Add(time.Hour)
	l.spend("one more", sourceAllowance)
	if len(l.meters) != 1 {
		t.Errorf("%d meters, when all others are full again", len(l.meters))
	}
}
