package web

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/lugsail/lugsail/platform"
	"github.com/lugsail/lugsail/platform/hook"
)

const (
	pushedCommit = "6113728f27ae82c7b1a177c8d03f9e96e0adf246"
	noCommit     = "0000000000000000000000000000000000000000"
	hookPath     = "/api/v1/apps/mine/webhook"
)

// webhook is an app's webhook as its Git host knows it.
type webhook struct {
	*rig
	token, path, secret string
	deliveries          int
}

func (r *rig) webhook(branch string) *webhook {
	r.t.Helper()
	_, token := r.bound(branch)
	w := &webhook{rig: r, token: token}
	w.turnOn()
	return w
}

func (w *webhook) turnOn() {
	w.t.Helper()
	var got struct {
		Secret  string
		Webhook struct{ URL string }
	}
	w.do(ask{method: post, path: hookPath, token: w.token, json: `{}`}).want(w.t, http.StatusCreated).decode(w.t, &got)
	at, err := url.Parse(got.Webhook.URL)
	must(w.t, err)
	if at.Scheme != "https" || at.Host != testHost {
		w.t.Errorf("it answers at %s", got.Webhook.URL)
	}
	w.path, w.secret = at.Path, got.Secret
}

func githubPush(repository, ref, after string) string {
	return fmt.Sprintf(`{"ref":%q,"before":%q,"after":%q,"deleted":%t,"repository":{"id":1,"full_name":"ada/shop","html_url":%q,"clone_url":%q,"default_branch":"main"},`+
		`"pusher":{"name":"ada"},"head_commit":{"id":%q,"message":"Add a page\n\nwith a body"},"commits":[]}`,
		ref, noCommit, after, after == noCommit, strings.TrimSuffix(repository, ".git"), repository, after)
}

func mac(secret, body string) string {
	m := hmac.New(sha256.New, []byte(secret))
	m.Write([]byte(body))
	return hex.EncodeToString(m.Sum(nil))
}

// send sends what a Git host would; from 192.0.2.7, unless a test says otherwise.
func (w *webhook) send(body, kind string, header map[string]string) answer {
	w.t.Helper()
	r := httptest.NewRequestWithContext(w.t.Context(), http.MethodPost, w.path, strings.NewReader(body))
	r.Host = testHost
	r.Header.Set("X-Forwarded-For", "192.0.2.7")
	r.Header.Set("Content-Type", kind)
	for name, value := range header {
		r.Header.Set(name, value)
	}
	out := httptest.NewRecorder()
	w.server.Handler().ServeHTTP(out, r)
	got := answer{Response: out.Result(), body: out.Body.String()}
	w.checkAnswer(ask{method: post, path: w.path}, got)
	return got
}

// github sends a signed message of GitHub's.
func (w *webhook) github(event, body string) answer {
	w.t.Helper()
	w.deliveries++
	return w.send(body, "application/json", map[string]string{
		"X-GitHub-Event": event, "X-GitHub-Delivery": fmt.Sprintf("72d3162e-%d", w.deliveries), "X-Hub-Signature-256": "sha256=" + mac(w.secret, body),
	})
}

// outcome reads what a Git host is told.
func (a answer) outcome(t testing.TB) (outcome string, deployment int, message string) {
	t.Helper()
	var got struct {
		Outcome, Message string
		Deployment       *int
	}
	a.decode(t, &got)
	if got.Deployment != nil {
		deployment = *got.Deployment
	}
	return got.Outcome, deployment, got.Message
}

func (w *webhook) wantOutcome(a answer, outcome string) int {
	w.t.Helper()
	got, deployment, message := a.want(w.t, http.StatusAccepted).outcome(w.t)
	if got != outcome || message == "" || (deployment > 0) != (outcome == "deployed" || outcome == "repeated") {
		w.t.Errorf("outcome %s, deployment %d: %s; want %s", got, deployment, message, outcome)
	}
	return deployment
}

func (w *webhook) deployments() int {
	w.t.Helper()
	a, err := w.store.AppByName(w.t.Context(), "mine")
	must(w.t, err)
	all, err := w.store.DeploymentsOf(w.t.Context(), a.ID, 200)
	must(w.t, err)
	return len(all)
}

func TestWebhook_APushToTheBranchDeploys(t *testing.T) {
	w := newRig(t).webhook("main")
	number := w.wantOutcome(w.github("push", githubPush(boundURL, "refs/heads/main", pushedCommit)), "deployed")
	a, err := w.store.AppByName(t.Context(), "mine")
	must(t, err)
	d, err := w.store.DeploymentByNumber(t.Context(), a.ID, number)
	must(t, err)
	if d.Source.Remote != boundURL || d.Source.Branch != "main" || d.Via != "webhook" || d.Actor != "github" || !strings.Contains(d.Cause, pushedCommit[:7]) {
		t.Errorf("%+v", d)
	}
}

func TestWebhook_EveryProviderInBothContentTypes(t *testing.T) {
	gitlab := fmt.Sprintf(`{"object_kind":"push","ref":"refs/heads/main","after":%q,"checkout_sha":%q,"project":{"git_http_url":%q,"web_url":"https://10.99.0.5/ada/shop","default_branch":"main"},"commits":[{"id":%q,"message":"Add a page"}]}`,
		pushedCommit, pushedCommit, boundURL, pushedCommit)
	cloud := fmt.Sprintf(`{"push":{"changes":[{"old":null,"new":{"type":"branch","name":"main","target":{"hash":%q,"message":"Add a page\n"}}}]},"repository":{"full_name":"ada/shop","links":{"html":{"href":"https://10.99.0.5/ada/shop"}}}}`, pushedCommit)
	center := fmt.Sprintf(`{"eventKey":"repo:refs_changed","changes":[{"ref":{"id":"refs/heads/main","displayId":"main","type":"BRANCH"},"toHash":%q,"type":"UPDATE"}],"repository":{"links":{"clone":[{"href":"ssh://git@10.99.0.5/ada/shop.git","name":"ssh"},{"href":%q,"name":"http"}]}}}`, pushedCommit, boundURL)
	github := githubPush(boundURL, "refs/heads/main", pushedCommit)
	form, giteaForm := url.Values{"payload": {github}}.Encode(), url.Values{"payload": {github + "\t"}}.Encode()
	w := newRig(t).webhook("main")
	stamp := strconv.FormatInt(time.Now().Unix(), 10)
	key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(w.secret, hook.SecretPrefix))
	must(t, err)
	signed, err := hex.DecodeString(mac(string(key), "msg_1."+stamp+"."+gitlab+" "))
	must(t, err)
	const json, formType = "application/json", "application/x-www-form-urlencoded"
	for name, sent := range map[string]struct {
		body, kind string
		header     map[string]string
		provider   string
	}{
		"GitHub":        {github, json + "; charset=utf-8", map[string]string{"X-GitHub-Event": "push", "X-GitHub-Delivery": "1", "X-Hub-Signature-256": "sha256=" + mac(w.secret, github)}, "github"},
		"GitHub form":   {form, formType, map[string]string{"X-GitHub-Event": "push", "X-GitHub-Delivery": "2", "X-Hub-Signature-256": "sha256=" + mac(w.secret, form)}, "github"},
		"Gitea":         {github + " ", json, map[string]string{"X-Gitea-Event": "push", "X-GitHub-Event": "push", "X-Gogs-Event": "push", "X-Gitea-Delivery": "3", "X-Gitea-Signature": mac(w.secret, github+" ")}, "gitea"},
		"Gitea form":    {giteaForm, formType, map[string]string{"X-Gitea-Event": "push", "X-Gitea-Delivery": "4", "X-Gitea-Signature": mac(w.secret, github+"\t")}, "gitea"},
		"Forgejo":       {github + "  ", json, map[string]string{"X-Forgejo-Event": "push", "X-Gitea-Event": "push", "X-Forgejo-Delivery": "5", "X-Forgejo-Signature": mac(w.secret, github+"  ")}, "gitea"},
		"GitLab":        {gitlab, json, map[string]string{"X-Gitlab-Event": "Push Hook", "Idempotency-Key": "6", "X-Gitlab-Token": w.secret}, "gitlab"},
		"GitLab signed": {gitlab + " ", json, map[string]string{"X-Gitlab-Event": "Push Hook", "Webhook-Id": "msg_1", "Webhook-Timestamp": stamp, "Webhook-Signature": "v1,AAAA v1," + base64.StdEncoding.EncodeToString(signed)}, "gitlab"},
		"Bitbucket":     {cloud, json, map[string]string{"X-Event-Key": "repo:push", "X-Request-UUID": "8", "X-Hub-Signature": "sha256=" + mac(w.secret, cloud)}, "bitbucket"},
		"Data Center":   {center, json, map[string]string{"X-Event-Key": "repo:refs_changed", "X-Request-Id": "9", "X-Hub-Signature": "sha256=" + mac(w.secret, center)}, "bitbucket"},
	} {
		before := w.deployments()
		w.wantOutcome(w.send(sent.body, sent.kind, sent.header), "deployed")
		var got struct {
			Deliveries []struct{ Provider, Branch, Commit string }
		}
		w.do(ask{path: hookPath + "/deliveries", token: w.token}).want(t, http.StatusOK).decode(t, &got)
		if d := got.Deliveries[0]; d.Provider != sent.provider || d.Branch != "main" || d.Commit != pushedCommit || w.deployments() != before+1 {
			t.Errorf("%s: %+v, %d deployments", name, d, w.deployments()-before)
		}
	}
}

func TestWebhook_WhatDeploysNothingSaysWhy(t *testing.T) {
	w := newRig(t).webhook("main")
	before := w.deployments()
	for _, sent := range []struct{ event, body, outcome, part string }{
		{"ping", `{"zen":"Anything added dilutes everything else.","hook_id":1,"repository":{"clone_url":"` + boundURL + `"}}`, "ping", "works"},
		{"ping", `{"zen":"An organization's ping names no repository."}`, "ping", "works"},
		{"push", githubPush(boundURL, "refs/heads/other", pushedCommit), "ignored", "other was pushed; only main deploys"},
		{"push", githubPush(boundURL, "refs/tags/v1", pushedCommit), "ignored", "tag"},
		{"push", githubPush(boundURL, "refs/tags/main", pushedCommit), "ignored", "tag"},
		{"push", githubPush(boundURL, "refs/heads/main", noCommit), "ignored", "deleted"},
		{"issues", `{"action":"opened","repository":{"clone_url":"` + boundURL + `"}}`, "ignored", "issues"},
		{"push", githubPush(boundURL, "refs/heads/$(touch${IFS}/tmp/canary)", pushedCommit), "ignored", "only main deploys"},
		{"push", githubPush(boundURL, "refs/heads/--upload-pack=x", pushedCommit), "ignored", "only main deploys"},
	} {
		got := w.github(sent.event, sent.body)
		w.wantOutcome(got, sent.outcome)
		if _, _, message := got.outcome(t); !strings.Contains(message, sent.part) {
			t.Errorf("%s: %s", sent.body, message)
		}
	}
	if w.deployments() != before {
		t.Error("something was deployed")
	}
}

func TestWebhook_WithoutABranchTheRepositorysDefaultDeploys(t *testing.T) {
	w := newRig(t).webhook("")
	w.wantOutcome(w.github("push", githubPush(boundURL, "refs/heads/other", pushedCommit)), "ignored")
	w.wantOutcome(w.github("push", githubPush(boundURL, "refs/heads/main", pushedCommit)), "deployed")
}

func TestA60_WrongSignaturesAndUnknownWebhooksAreTheSame(t *testing.T) {
	w := newRig(t).webhook("main")
	body := githubPush(boundURL, "refs/heads/main", pushedCommit)
	before, right := w.deployments(), w.path
	answers := map[string]bool{}
	good := "sha256=" + mac(w.secret, body)
	for i, header := range []map[string]string{
		{},
		{"X-Hub-Signature-256": ""},
		{"X-Hub-Signature-256": "sha256="},
		{"X-Hub-Signature-256": "sha256=" + mac("wrong", body)},
		{"X-Hub-Signature-256": "sha256=" + mac("", body)},
		{"X-Hub-Signature-256": good[:len(good)-2]},
		{"X-Hub-Signature-256": good + "00"},
		{"X-Hub-Signature-256": "sha256=zz"},
		{"X-Hub-Signature": "sha1=0"},
		{"X-Hub-Signature": good},
		{"X-Gitlab-Token": w.secret},
		{"X-GitHub-Event": "", "X-Gitlab-Event": "Push Hook", "X-Gitlab-Token": w.secret[:len(w.secret)-1]},
		{"X-GitHub-Event": "", "X-Gitlab-Event": "Push Hook", "Webhook-Signature": "v1,AAAA", "Webhook-Timestamp": "1", "Webhook-Id": "1", "X-Gitlab-Token": w.secret},
		{"X-GitHub-Event": "", "X-Hub-Signature-256": good},
		{"X-GitHub-Event": "", "X-Event-Key": "repo:push", "X-Hub-Signature": "sha256=" + mac("wrong", body)},
		{"path": "/api/v1/hooks/unknown", "X-Hub-Signature-256": good},
		{"path": "/api/v1/hooks/mine", "X-Hub-Signature-256": good},
		{"path": "/api/v1/hooks/" + strings.Repeat("a", 5000)},
	} {
		all := map[string]string{"X-GitHub-Event": "push", "X-GitHub-Delivery": strconv.Itoa(i)}
		for k, v := range header {
			all[k] = v
		}
		w.path = right
		if all["path"] != "" {
			w.path = all["path"]
			delete(all, "path")
		}
		got := w.send(body, "application/json", all).want(t, http.StatusUnauthorized)
		answers[got.body] = true
	}
	if len(answers) != 1 || w.deployments() != before {
		t.Errorf("%d different answers, %d deployments", len(answers), w.deployments()-before)
	}
}

func TestA60_AReplayBeginsNothing(t *testing.T) {
	w := newRig(t).webhook("main")
	body := githubPush(boundURL, "refs/heads/main", pushedCommit)
	first := w.wantOutcome(w.github("push", body), "deployed")
	before := w.deployments()
	w.deliveries-- // the same delivery
	if again := w.wantOutcome(w.github("push", body), "repeated"); again != first {
		t.Errorf("it names deployment %d, not %d", again, first)
	}
	// the signature does not cover the id of the delivery: the same body under a fresh one
	if again := w.wantOutcome(w.github("push", body), "repeated"); again != first {
		t.Errorf("it names deployment %d, not %d", again, first)
	}
	if w.deployments() != before {
		t.Error("a replay deployed")
	}
	var got struct{ Deliveries []struct{ ID int64 } }
	w.do(ask{path: hookPath + "/deliveries", token: w.token}).want(t, http.StatusOK).decode(t, &got)
	if len(got.Deliveries) != 1 {
		t.Errorf("%d deliveries are kept", len(got.Deliveries))
	}
	// a signed time that is past
	stamp := strconv.FormatInt(time.Now().Add(-time.Hour).Unix(), 10)
	signed, err := hex.DecodeString(mac(w.secret, "m."+stamp+"."+body))
	must(t, err)
	w.send(body, "application/json", map[string]string{
		"X-Gitlab-Event": "Push Hook", "Webhook-Id": "m", "Webhook-Timestamp": stamp, "Webhook-Signature": "v1," + base64.StdEncoding.EncodeToString(signed),
	}).want(t, http.StatusUnauthorized)
}

func TestA60_AnotherRepositorysPayloadIsRefused(t *testing.T) {
	w := newRig(t).webhook("main")
	before := w.deployments()
	for _, repository := range []string{
		"https://10.99.0.5/mallory/shop.git", "https://10.99.0.5/ada/shop2.git", "https://10.99.0.6/ada/shop.git", "https://10.99.0.5.evil.example/ada/shop.git",
		"https://10.99.0.5:8443/ada/shop.git", "ssh://10.99.0.5/ada/shopx", "", "https://evil.example/10.99.0.5/ada/shop.git",
	} {
		if code := w.github("push", githubPush(repository, "refs/heads/main", pushedCommit)).want(t, http.StatusUnprocessableEntity).code(); code != "webhook_other_repository" {
			t.Errorf("%q: %s", repository, code)
		}
	}
	if w.deployments() != before {
		t.Error("something was deployed")
	}
	for _, repository := range []string{"https://10.99.0.5/ada/shop", "https://10.99.0.5/Ada/Shop.git", "https://10.99.0.5:443/ada/shop.git/"} {
		w.wantOutcome(w.github("push", githubPush(repository, "refs/heads/main", pushedCommit)+strings.Repeat(" ", w.deliveries)), "deployed")
	}
}

func TestA60_LargeBodiesAndOtherTypes(t *testing.T) {
	w := newRig(t).webhook("main")
	large := strings.Replace(githubPush(boundURL, "refs/heads/main", pushedCommit), `"commits":[]`, `"commits":[{"id":"x","message":"`+strings.Repeat("x", 2<<20)+`"}]`, 1)
	w.wantOutcome(w.github("push", large), "deployed")
	before := w.deployments()
	for _, kind := range []string{"", "text/plain", "application/xml", "multipart/form-data; boundary=x", "application/json/x", "json"} {
		if code := w.send("{}", kind, map[string]string{"X-GitHub-Event": "push"}).want(t, http.StatusUnsupportedMediaType).code(); code != "webhook_type" {
			t.Errorf("%q: %s", kind, code)
		}
	}
	for _, chunked := range []bool{false, true} {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, w.path, io.LimitReader(zeros{}, 100<<20))
		r.Host, r.ContentLength = testHost, 100<<20
		if chunked {
			r.ContentLength = -1
		}
		r.Header.Set("Content-Type", "application/json")
		r.Header.Set("X-GitHub-Event", "push")
		out := httptest.NewRecorder()
		w.server.Handler().ServeHTTP(out, r)
		if out.Code != http.StatusRequestEntityTooLarge || !strings.Contains(out.Body.String(), "25 MB") {
			t.Errorf("chunked %t: %d %s", chunked, out.Code, out.Body)
		}
	}
	if w.deployments() != before {
		t.Error("something was deployed")
	}
	for _, body := range []string{"", "[]", "{", `"x"`, "null", `{"ref":1}`, strings.Repeat("[", 20000), "\xff\xfe", `{"repository":[]}`} {
		got := w.github("push", body)
		if got.StatusCode != http.StatusUnprocessableEntity {
			t.Errorf("%.40q: %d %s", body, got.StatusCode, got.body)
		}
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { return len(p), nil }

func TestA60_WrongTriesAreSlowedDownForTheirSenderAlone(t *testing.T) {
	w := newRig(t).webhook("main")
	body := githubPush(boundURL, "refs/heads/main", pushedCommit)
	last := answer{}
	for range 40 {
		last = w.send(body, "application/json", map[string]string{"X-GitHub-Event": "push", "X-Forwarded-For": "192.0.2.66"})
	}
	if last.want(t, http.StatusTooManyRequests).Header.Get("Retry-After") == "" {
		t.Error("nothing says when to try again")
	}
	w.wantOutcome(w.github("push", body), "deployed")
}

func TestWebhook_DeliveriesAreShownAndRepeated(t *testing.T) {
	w := newRig(t).webhook("main")
	first := w.wantOutcome(w.github("push", githubPush(boundURL, "refs/heads/main", pushedCommit)), "deployed")
	w.wantOutcome(w.github("ping", `{"zen":"x"}`), "ping")
	w.send("{}", "application/json", map[string]string{"X-GitHub-Event": "push"}).want(t, http.StatusUnauthorized)
	type delivery struct {
		ID                              int64
		Provider, Event, Branch, Commit string
		Title                           string `json:"commit_title"`
		Outcome, Text                   string
		Deployment                      *int
		Redelivers                      *int64
	}
	var got struct {
		Deliveries []delivery
		Delivery   delivery
	}
	w.do(ask{path: hookPath + "/deliveries", token: w.token}).want(t, http.StatusOK).decode(t, &got)
	if len(got.Deliveries) != 3 || got.Deliveries[0].Outcome != "refused" || got.Deliveries[1].Outcome != "ping" {
		t.Fatalf("%+v", got.Deliveries)
	}
	d := got.Deliveries[2]
	if d.Event != "push" || d.Title != "Add a page" || *d.Deployment != first || d.Commit != pushedCommit {
		t.Errorf("%+v", d)
	}
	w.do(ask{path: fmt.Sprintf("%s/deliveries/%d", hookPath, d.ID), token: w.token}).want(t, http.StatusOK).decode(t, &got)
	if got.Delivery.ID != d.ID {
		t.Errorf("%+v", got.Delivery)
	}
	w.do(ask{method: post, path: fmt.Sprintf("%s/deliveries/%d/redeliver", hookPath, d.ID), token: w.token, json: `{}`}).want(t, http.StatusAccepted).decode(t, &got)
	if r := got.Delivery; r.Outcome != "deployed" || *r.Deployment == first || *r.Redelivers != d.ID || r.Commit != pushedCommit {
		t.Errorf("%+v", got.Delivery)
	}
	for id, want := range map[string]int{strconv.FormatInt(got.Deliveries[1].ID, 10): http.StatusConflict, "999": http.StatusNotFound, "x": http.StatusNotFound, "-1": http.StatusNotFound} {
		w.do(ask{method: post, path: hookPath + "/deliveries/" + id + "/redeliver", token: w.token, json: `{}`}).want(t, want)
	}
	// bound elsewhere since: what was delivered does not deploy that
	w.do(ask{method: put, path: sourcePath, token: w.token, json: `{"url":"https://10.99.0.5/ada/other.git"}`}).want(t, http.StatusOK)
	w.do(ask{method: post, path: fmt.Sprintf("%s/deliveries/%d/redeliver", hookPath, d.ID), token: w.token, json: `{}`}).want(t, http.StatusAccepted).decode(t, &got)
	if got.Delivery.Outcome != "refused" {
		t.Errorf("%+v", got.Delivery)
	}
	w.do(ask{method: remove, path: sourcePath, token: w.token}).want(t, http.StatusNoContent)
	w.wantOutcome(w.github("push", githubPush(boundURL, "refs/heads/main", pushedCommit)+" "), "ignored")
}

func TestWebhook_RotateAndOff(t *testing.T) {
	w := newRig(t).webhook("main")
	old, path := w.secret, w.path
	w.turnOn()
	if w.secret == old || w.path != path {
		t.Errorf("the secret stays %t, the address %s became %s", w.secret == old, path, w.path)
	}
	fresh := w.secret
	w.secret = old
	w.github("ping", `{}`).want(t, http.StatusUnauthorized)
	w.secret = fresh
	w.wantOutcome(w.github("ping", `{}`), "ping")
	shown := w.do(ask{path: hookPath, token: w.token}).want(t, http.StatusOK).body + w.do(ask{path: "/api/v1/apps/mine/events", token: w.token}).body
	if strings.Contains(shown, fresh) || strings.Contains(shown, "whsec_") || !strings.Contains(shown, "webhook.rotated") {
		t.Error(shown)
	}
	w.do(ask{method: remove, path: hookPath, token: w.token}).want(t, http.StatusNoContent)
	w.github("ping", `{} `).want(t, http.StatusUnauthorized)
	w.do(ask{method: remove, path: hookPath, token: w.token}).want(t, http.StatusNotFound)
	if got := w.do(ask{path: hookPath, token: w.token}).want(t, http.StatusOK).body; !strings.Contains(got, "null") {
		t.Error(got)
	}
}

func TestWebhook_RowsAreBounded(t *testing.T) {
	w := newRig(t).webhook("main")
	a, err := w.store.AppByName(t.Context(), "mine")
	must(t, err)
	var first platform.Delivery
	for i := range 600 {
		d := platform.Delivery{AppID: a.ID, Provider: "github", Key: strconv.Itoa(i), Outcome: platform.DeliveryIgnored}
		if i%4 == 0 {
			d.Outcome = platform.DeliveryRefused
		}
		_, err := w.store.RecordDelivery(t.Context(), &d)
		must(t, err)
		if i == 1 {
			first = d
		}
	}
	all, err := w.store.DeliveriesOf(t.Context(), a.ID, 0, 1000)
	must(t, err)
	if len(all) != 450+50 {
		t.Errorf("%d deliveries", len(all))
	}
	// strangers' tries push no delivery out by which replays are known
	before, err := w.store.RecordDelivery(t.Context(), &platform.Delivery{AppID: a.ID, Provider: "github", Key: "1", Outcome: platform.DeliveryIgnored})
	if err != nil || before == nil || before.ID != first.ID {
		t.Errorf("%+v, %v", before, err)
	}
	for i := range 600 {
		_, err := w.store.RecordDelivery(t.Context(), &platform.Delivery{AppID: a.ID, Key: "b" + strconv.Itoa(i), Outcome: platform.DeliveryIgnored})
		must(t, err)
	}
	if all, err = w.store.DeliveriesOf(t.Context(), a.ID, 0, 2000); err != nil || len(all) != 550 {
		t.Errorf("%d deliveries, %v", len(all), err)
	}
	must(t, w.store.DeleteApp(t.Context(), a.ID))
	if all, err = w.store.DeliveriesOf(t.Context(), a.ID, 0, 2000); err != nil || len(all) != 0 {
		t.Errorf("%d deliveries of an app that is gone, %v", len(all), err)
	}
}

func TestWebhook_TheSecretIsSealed(t *testing.T) {
	w := newRig(t).webhook("main")
	a, err := w.store.AppByName(t.Context(), "mine")
	must(t, err)
	h, err := w.store.WebhookOf(t.Context(), a.ID)
	must(t, err)
	if h.Secret != w.secret || !strings.HasPrefix(w.secret, hook.SecretPrefix) {
		t.Errorf("%q", h.Secret)
	}
	if bytes.Contains(databaseBytes(t, filepath.Join(w.dir, "data")), []byte(strings.TrimPrefix(w.secret, hook.SecretPrefix))) {
		t.Error("it stands in the database")
	}
}

// databaseBytes are the database's files as they lie on the disk.
func databaseBytes(t *testing.T, dir string) []byte {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*.db*"))
	must(t, err)
	var all []byte
	for _, file := range files {
		part, err := os.ReadFile(file)
		must(t, err)
		all = append(all, part...)
	}
	if !bytes.Contains(all, []byte("webhooks")) {
		t.Fatalf("%v is no database", files)
	}
	return all
}
