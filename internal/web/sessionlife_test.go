package web

import (
	"bufio"
	"context"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/lugsail/lugsail/platform"
)

// view is something that a session keeps open.
type view struct {
	name  string
	ended chan string // how
}

// keeps opens each kind of view that there is by a session.
func (r *rig) keeps(client *http.Client, session string) []view {
	r.t.Helper()
	views := []view{
		r.watches(client, session, "/api/v1/apps/mine/logs?follow=true"),
		r.watches(client, session, "/api/v1/apps/mine/deployments/2/events"),
	}
	for _, path := range []string{runPath, "/api/v1/apps/mine/replicas/web.1/terminal"} {
		conn, _, err := r.dial(client, path, http.Header{"Cookie": {"__Host-lugsail=" + session}, "Origin": {"http://" + testHost}})
		must(r.t, err)
		r.t.Cleanup(func() { _ = conn.CloseNow() })
		x := &terminal{t: r.t, conn: conn, out: map[byte]string{}}
		x.send(start{"start", []string{"probe", "serve"}, false})
		if began := x.next(); began["type"] != "started" {
			r.t.Fatalf("%s: %v", path, began)
		}
		v := view{path, make(chan string, 1)}
		go func() {
			last := ""
			for {
				kind, data, err := conn.Read(context.Background())
				if err != nil {
					v.ended <- last
					return
				}
				if kind == websocket.MessageText {
					last = string(data)
				}
			}
		}()
		views = append(views, v)
	}
	return views
}

// watches opens a stream of events and waits for its first line.
func (r *rig) watches(client *http.Client, session, path string) view {
	r.t.Helper()
	req, err := http.NewRequestWithContext(r.t.Context(), http.MethodGet, "http://"+testHost+path, nil)
	must(r.t, err)
	req.Header.Set("Cookie", "__Host-lugsail="+session)
	res, err := (&http.Client{Transport: client.Transport}).Do(req)
	must(r.t, err)
	r.t.Cleanup(func() { _ = res.Body.Close() })
	lines := bufio.NewScanner(res.Body)
	if res.StatusCode != http.StatusOK || !lines.Scan() {
		r.t.Fatalf("%s: %d", path, res.StatusCode)
	}
	v := view{path, make(chan string, 1)}
	go func() {
		last := ""
		for lines.Scan() {
			if lines.Text() != "" {
				last = lines.Text()
			}
		}
		v.ended <- last
	}()
	return v
}

func TestA49_APasswordChangeEndsTheOtherSessionsAndAllThatTheyKeepOpen(t *testing.T) {
	r := newRig(t)
	a := r.serving("mine")
	engine, client := r.terminals()
	r.deployment(a, "Second", "one")
	r.engine.lines = []platform.LogLine{{At: time.Now(), Replica: "web.1", Text: "hello"}}
	started, err := engine.Start(t.Context(), platform.ReplicaSpec{AppID: a.ID, App: a.Name, Release: 1, Process: "web", Index: 1})
	must(t, err)
	r.engine.replicas[0].ID = started.ID
	login := func(agent string) string {
		session, err := r.accounts.Login(t.Context(), testEmail, testPassword, "", "198.51.100.8", agent)
		must(t, err)
		return session
	}
	stolen := login("A Stolen Browser")
	views := append(r.keeps(client, r.session), r.keeps(client, stolen)...) // a copy of one's own cookie is a thief's, too
	form := url.Values{"current": {testPassword}, "password": {"another good password"}, "again": {"another good password"}}
	changed := r.do(ask{method: post, path: "/account/password", session: r.session, form: form}).want(t, http.StatusSeeOther)
	r.allEnd(views)
	r.poll(func() bool { // the commands have ended with their connections
		runs, err := engine.Runs(t.Context(), a.ID)
		return err == nil && len(runs) == 0
	})
	for _, old := range []string{stolen, r.session} {
		r.do(ask{path: "/api/v1/apps", session: old}).want(t, http.StatusUnauthorized)
	}
	r.do(ask{path: "/api/v1/apps", session: cookieOf(t, changed, "__Host-lugsail")}).want(t, http.StatusOK)
}

// allEnd waits until each view has ended, as one that may not be here any more.
func (r *rig) allEnd(views []view) {
	r.t.Helper()
	for _, v := range views {
		select {
		case last := <-v.ended:
			if !strings.Contains(last, `"code":"`) || strings.Contains(last, `"status":5`) {
				r.t.Errorf("%s ends with %q", v.name, last)
			}
		case <-time.After(30 * time.Second):
			r.t.Errorf("%s goes on", v.name)
		}
	}
}

// cookieOf is the value that an answer gives a cookie.
func cookieOf(t testing.TB, a answer, name string) string {
	t.Helper()
	for _, c := range a.Cookies() {
		if c.Name == name && c.MaxAge > 0 {
			return c.Value
		}
	}
	t.Fatalf("no cookie %s in %v", name, a.Header)
	return ""
}

func TestA49_ASessionThatIsEndedKeepsNothingOpen(t *testing.T) {
	r := newRig(t)
	r.serving("mine")
	client := r.listen()
	r.engine.lines = []platform.LogLine{{At: time.Now(), Replica: "web.1", Text: "hello"}}
	for name, end := range map[string]func(session string){
		"signing out": func(session string) {
			r.do(ask{method: post, path: "/logout", session: session, form: url.Values{}}).want(t, http.StatusSeeOther)
		},
		"a password set by a link": func(string) {
			link, _, err := r.accounts.IssueRecoverLink(t.Context(), testEmail)
			must(t, err)
			r.do(ask{method: post, path: "/recover/" + link, form: url.Values{"password": {testPassword}, "again": {testPassword}}}).want(t, http.StatusSeeOther)
		},
	} {
		session, err := r.accounts.Login(t.Context(), testEmail, testPassword, "", "198.51.100.8", "Another Browser")
		must(t, err)
		v := r.watches(client, session, "/api/v1/apps/mine/logs?follow=true")
		end(session)
		r.do(ask{path: "/api/v1/apps", session: session}).want(t, http.StatusUnauthorized)
		select {
		case <-v.ended:
		case <-time.After(30 * time.Second):
			t.Errorf("a stream goes on after %s", name)
		}
	}
}
