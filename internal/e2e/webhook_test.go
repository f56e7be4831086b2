package e2e

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"
)

// hooked is an app's webhook as its Git host knows it.
type hooked struct {
	s           *server
	url, secret string
}

// sent is a delivery as a provider makes it.
type sent struct {
	body, kind string
	header     map[string]string
}

func signed(key []byte, text string) []byte {
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(text))
	return mac.Sum(nil)
}

func (h hooked) hex(text string) string { return hex.EncodeToString(signed([]byte(h.secret), text)) }

// deliveries are the same push as each provider tells of it; id is the delivery's.
func (h hooked) deliveries(t *testing.T, repository, commit, id string) map[string]sent {
	t.Helper()
	const asJSON, asForm = "application/json", "application/x-www-form-urlencoded"
	github := fmt.Sprintf(`{"ref":"refs/heads/main","after":%q,"repository":{"clone_url":%q},"head_commit":{"message":"By webhook"},"padding":%q}`,
		commit, repository, strings.Repeat("x", 1<<20))
	form := url.Values{"payload": {github}}.Encode()
	gitlab := fmt.Sprintf(`{"object_kind":"push","ref":"refs/heads/main","after":%q,"project":{"git_http_url":%q}}`, commit, repository)
	bitbucket := fmt.Sprintf(`{"push":{"changes":[{"new":{"type":"branch","name":"main","target":{"hash":%q}}}]},"repository":{"links":{"html":{"href":%q}}}}`, commit, repository)
	stamp := strconv.FormatInt(time.Now().Unix(), 10)
	key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(h.secret, "whsec_"))
	check(t, err)
	return map[string]sent{
		"github":      {github, asJSON, map[string]string{"X-GitHub-Event": "push", "X-GitHub-Delivery": id, "X-Hub-Signature-256": "sha256=" + h.hex(github)}},
		"github form": {form, asForm, map[string]string{"X-GitHub-Event": "push", "X-GitHub-Delivery": id, "X-Hub-Signature-256": "sha256=" + h.hex(form)}},
		"gitea":       {github + " ", asJSON, map[string]string{"X-Gitea-Event": "push", "X-Gitea-Delivery": id, "X-Gitea-Signature": h.hex(github + " ")}},
		"gitlab":      {gitlab, asJSON, map[string]string{"X-Gitlab-Event": "Push Hook", "Idempotency-Key": id, "X-Gitlab-Token": h.secret}},
		"gitlab signed": {gitlab, asJSON, map[string]string{
			"X-Gitlab-Event": "Push Hook", "Webhook-Id": id, "Webhook-Timestamp": stamp,
			"Webhook-Signature": "v1," + base64.StdEncoding.EncodeToString(signed(key, id+"."+stamp+"."+gitlab)),
		}},
		"bitbucket": {bitbucket, asJSON, map[string]string{"X-Event-Key": "repo:push", "X-Request-UUID": id, "X-Hub-Signature": "sha256=" + h.hex(bitbucket)}},
	}
}

// send sends it through the proxy, as the Git host would.
func (h hooked) send(t *testing.T, d sent) (status int, outcome string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, h.url, strings.NewReader(d.body))
	check(t, err)
	request.Header.Set("Content-Type", d.kind)
	for name, value := range d.header {
		request.Header.Set(name, value)
	}
	response, err := h.s.client.Do(request)
	check(t, err)
	defer response.Body.Close()
	var answer struct{ Outcome string }
	check(t, json.NewDecoder(response.Body).Decode(&answer))
	return response.StatusCode, answer.Outcome
}

// webhook pushes to the host and tells of it as each provider does; what is not signed, and what comes
// again, begins nothing (A60). It gives what the page says at the end.
func (h *gitHost) webhook(t *testing.T, s *server, r *repo) (page string) {
	t.Helper()
	var on struct {
		Secret  string
		Webhook struct{ URL string }
	}
	s.json(t, &on, "webhooks", "on", "--app", r.app)
	w := hooked{s, on.Webhook.URL, on.Secret}
	page, told := "Hello one", 0
	for _, provider := range []string{"github", "github form", "gitea", "gitlab", "gitlab signed", "bitbucket"} {
		next := "Hello by " + provider
		r.edit(t, "index.html", page, next)
		r.commit(t, next)
		r.git(t, "push", "-q", "origin", "main")
		commit := strings.TrimSpace(r.git(t, "rev-parse", "HEAD"))
		d := w.deliveries(t, h.URL+"/site.git", commit, "e2e-"+provider)[provider]
		wrong := hooked{s, w.url, "whsec_" + base64.StdEncoding.EncodeToString(make([]byte, 32))}
		if status, _ := w.send(t, wrong.deliveries(t, h.URL+"/site.git", commit, "e2e-"+provider)[provider]); status != http.StatusUnauthorized {
			t.Errorf("A60: %s with a wrong secret is answered %d", provider, status)
		}
		if status, outcome := w.send(t, d); status != http.StatusAccepted || outcome != "deployed" {
			t.Errorf("a push told by %s is answered %d %s", provider, status, outcome)
		}
		told++
		if status, outcome := w.send(t, d); status != http.StatusAccepted || outcome != "repeated" {
			t.Errorf("A60: a replay of %s is answered %d %s", provider, status, outcome)
		}
		eventually(t, 2*time.Minute, func() bool {
			_, got := s.get(t, r.app, "/")
			return strings.Contains(got, next)
		}, func() string { return "the push is not deployed:\n" + s.lugsail(t, "webhooks", "list", "--app", r.app) })
		page = next
	}
	h.again(t, s, r, w, told)
	return page
}

// again sends what was sent in another form, and another repository's, and has one delivery done again.
func (h *gitHost) again(t *testing.T, s *server, r *repo, w hooked, told int) {
	t.Helper()
	commit := strings.TrimSpace(r.git(t, "rev-parse", "HEAD"))
	fresh := w.deliveries(t, h.URL+"/site.git", commit, "e2e-again")["gitea"]
	if status, outcome := w.send(t, fresh); status != http.StatusAccepted || outcome != "deployed" {
		t.Errorf("the same commit again is answered %d %s", status, outcome)
	}
	fresh.body, fresh.kind = url.Values{"payload": {fresh.body}}.Encode(), "application/x-www-form-urlencoded"
	fresh.header["X-Gitea-Delivery"] = "e2e-other"
	if status, outcome := w.send(t, fresh); status != http.StatusAccepted || outcome != "repeated" {
		t.Errorf("A60: a replay as a form is answered %d %s", status, outcome)
	}
	if status, _ := w.send(t, w.deliveries(t, h.URL+"/other.git", commit, "e2e-stranger")["github"]); status != http.StatusUnprocessableEntity {
		t.Errorf("A60: another repository's push is answered %d", status)
	}
	s.settled(t, r.app)
	var list struct {
		Deliveries []struct {
			ID       int64
			Provider string
			Outcome  string
		}
	}
	s.json(t, &list, "webhooks", "list", "--app", r.app)
	count := map[string]int{}
	for _, d := range list.Deliveries {
		count[d.Outcome]++
	}
	if count["deployed"] != told+1 || count["repeated"] != 0 || count["refused"] != told+1 {
		t.Errorf("the deliveries: %v", count)
	}
	oldest := list.Deliveries[len(list.Deliveries)-1]
	for _, d := range list.Deliveries {
		if d.Outcome == "deployed" {
			oldest = d
		}
	}
	out := s.lugsail(t, "webhooks", "redeliver", fmt.Sprint(oldest.ID), "--app", r.app)
	if !strings.Contains(out, "Deployment #") {
		t.Errorf("a delivery that is done again says:\n%s", out)
	}
	s.settled(t, r.app)
}
