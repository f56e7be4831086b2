package web

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/lugsail/lugsail/platform"
	"github.com/lugsail/lugsail/platform/app"
	"github.com/lugsail/lugsail/platform/hook"
)

// leaving is a sender that goes away when its delivery is written down and nothing has begun yet.
type leaving struct {
	app.Webhooks
	leave context.CancelFunc
}

func (l leaving) RecordDelivery(ctx context.Context, d *platform.Delivery) (*platform.Delivery, error) {
	defer l.leave()
	return l.Webhooks.RecordDelivery(ctx, d)
}

func TestWebhook_WhatFailedOnOurSideIsDoneWhenItComesAgain(t *testing.T) {
	w := newRig(t).webhook("main")
	body, before := githubPush(boundURL, "refs/heads/main", pushedCommit), w.deployments()
	ctx, leave := context.WithCancel(t.Context())
	defer leave()
	w.apps.Webhooks = leaving{w.store, leave}
	r := httptest.NewRequestWithContext(ctx, http.MethodPost, w.path, strings.NewReader(body))
	r.Host = testHost
	for name, value := range map[string]string{"Content-Type": "application/json", "X-GitHub-Event": "push", "X-GitHub-Delivery": "72d3162e-1", "X-Hub-Signature-256": "sha256=" + mac(w.secret, body)} {
		r.Header.Set(name, value)
	}
	w.server.Handler().ServeHTTP(httptest.NewRecorder(), r)
	w.apps.Webhooks = w.store
	if w.deployments() != before {
		t.Fatal("it deployed")
	}
	number := w.wantOutcome(w.github("push", body), "deployed") // under the same id
	if again := w.wantOutcome(w.github("push", body), "repeated"); again != number || w.deployments() != before+1 {
		t.Errorf("deployment %d, then %d; %d in all", number, again, w.deployments()-before)
	}
	var got struct{ Deliveries []struct{ Outcome string } }
	w.do(ask{path: hookPath + "/deliveries", token: w.token}).want(t, http.StatusOK).decode(t, &got)
	if len(got.Deliveries) != 1 || got.Deliveries[0].Outcome != "deployed" {
		t.Errorf("%+v", got)
	}
}

// One that a crash has cut off is done when it comes again; one that is being looked at is not done twice.
func TestWebhook_WhatWasCutOffIsDoneWhenItComesAgain(t *testing.T) {
	w := newRig(t).webhook("main")
	a, err := w.store.AppByName(t.Context(), "mine")
	must(t, err)
	d := platform.Delivery{AppID: a.ID, At: time.Now().UTC(), Provider: "github", Event: "push", Key: "72d3162e-1", Outcome: platform.DeliveryReceived}
	_, err = w.store.RecordDelivery(t.Context(), &d)
	must(t, err)
	body := githubPush(boundURL, "refs/heads/main", pushedCommit)
	if code := w.github("push", body).want(t, http.StatusConflict).code(); code != "delivery_under_way" {
		t.Error(code)
	}
	w.apps.Now = func() time.Time { return time.Now().Add(2 * time.Minute) }
	w.deliveries--
	w.wantOutcome(w.github("push", body), "deployed")
}

func TestA60_AReplayInAnotherFormIsAReplay(t *testing.T) {
	w := newRig(t).webhook("main")
	body := githubPush(boundURL, "refs/heads/main", pushedCommit)
	form := url.Values{"payload": {body}}.Encode()
	header := func(i int) map[string]string {
		return map[string]string{"X-Gitea-Event": "push", "X-Gitea-Delivery": strconv.Itoa(i), "X-Gitea-Signature": mac(w.secret, body)}
	}
	first := w.wantOutcome(w.send(body, "application/json", header(1)), "deployed")
	before := w.deployments()
	for i, again := range []struct{ body, kind string }{
		{form, "application/x-www-form-urlencoded"},
		{form + "&x=1", "application/x-www-form-urlencoded"},
		{"x=1&" + strings.ReplaceAll(form, "payload", "p%61yload"), "application/x-www-form-urlencoded; charset=utf-8"},
		{body, "application/json; charset=utf-8"},
	} {
		if number := w.wantOutcome(w.send(again.body, again.kind, header(2+i)), "repeated"); number != first {
			t.Errorf("%s: deployment %d, not %d", again.kind, number, first)
		}
	}
	// one provider's signature under another's name: they all sign alike
	if number := w.wantOutcome(w.send(body, "application/json", map[string]string{"X-GitHub-Event": "push", "X-Hub-Signature-256": mac(w.secret, body)}), "repeated"); number != first {
		t.Errorf("deployment %d, not %d", number, first)
	}
	if w.deployments() != before {
		t.Error("a replay deployed")
	}
}

// GitLab signs the id too: the same push may well come again, when a branch goes back and forth.
func TestWebhook_GitLabsSignedIDIsWhatCounts(t *testing.T) {
	w := newRig(t).webhook("main")
	body := fmt.Sprintf(`{"object_kind":"push","ref":"refs/heads/main","after":%q,"project":{"git_http_url":%q}}`, pushedCommit, boundURL)
	key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(w.secret, hook.SecretPrefix))
	must(t, err)
	send := func(id, fresh string) answer {
		stamp := strconv.FormatInt(time.Now().Unix(), 10)
		m := hmac.New(sha256.New, key)
		_, _ = io.WriteString(m, id+"."+stamp+"."+body) // a hash takes everything
		return w.send(body, "application/json", map[string]string{
			"X-Gitlab-Event": "Push Hook", "Webhook-Id": id, "Webhook-Timestamp": stamp, "Idempotency-Key": fresh,
			"Webhook-Signature": "v1," + base64.StdEncoding.EncodeToString(m.Sum(nil)),
		})
	}
	w.wantOutcome(send("msg_1", "a"), "deployed")
	w.wantOutcome(send("msg_1", "b"), "repeated") // what is not signed may be anything
	w.wantOutcome(send("msg_2", "c"), "deployed")
}

func TestA60_AReplayIsKnownAfterItsDeliveryIsForgotten(t *testing.T) {
	w := newRig(t).webhook("main")
	body := githubPush(boundURL, "refs/heads/main", pushedCommit)
	w.wantOutcome(w.github("push", body), "deployed")
	a, err := w.store.AppByName(t.Context(), "mine")
	must(t, err)
	for i := range 600 {
		_, err := w.store.RecordDelivery(t.Context(), &platform.Delivery{AppID: a.ID, Provider: "github", Key: strconv.Itoa(i), Digest: "d" + strconv.Itoa(i), Outcome: platform.DeliveryIgnored})
		must(t, err)
	}
	all, err := w.store.DeliveriesOf(t.Context(), a.ID, 0, 1000)
	must(t, err)
	if len(all) != 500 || all[499].Key == "72d3162e-1" {
		t.Fatalf("%d deliveries are kept", len(all))
	}
	before := w.deployments()
	for _, id := range []string{"72d3162e-1", "fresh"} {
		got := w.send(body, "application/json", map[string]string{"X-GitHub-Event": "push", "X-GitHub-Delivery": id, "X-Hub-Signature-256": mac(w.secret, body)})
		if outcome, _, message := got.want(t, http.StatusAccepted).outcome(t); outcome != "repeated" || !strings.Contains(message, "came before") {
			t.Errorf("%s: %s, %s", id, outcome, message)
		}
	}
	if w.deployments() != before {
		t.Error("a replay deployed")
	}
}

// Who knows the address of one webhook, and sends slowly, keeps nobody else out.
func TestA60_SlowLargeBodiesLeavePlacesForOthers(t *testing.T) {
	w := newRig(t).webhook("main")
	server := httptest.NewServer(w.server.Handler())
	t.Cleanup(server.Close)
	for range 6 {
		c, err := net.Dial("tcp", server.Listener.Addr().String())
		must(t, err)
		t.Cleanup(func() { _ = c.Close() })
		_, err = fmt.Fprintf(c, "POST %s HTTP/1.1\r\nHost: %s\r\nContent-Type: application/json\r\nX-GitHub-Event: push\r\nContent-Length: %d\r\n\r\n{", w.path, testHost, 20<<20)
		must(t, err)
	}
	other := &webhook{rig: w.rig, token: w.token, path: w.path, secret: w.secret}
	body := githubPush(boundURL, "refs/heads/main", pushedCommit)
	other.wantOutcome(other.github("push", body), "deployed")
}
