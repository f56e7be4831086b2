package e2e

import (
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"net/http/cookiejar"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

// nodeBlueprints are the parts for starters, and for programs from npm.
var nodeBlueprints = map[string]func(*testing.T, *server){
	"node": blueprintNode, "go": blueprintGo, "flask": blueprintFlask, "django": blueprintDjango,
	"ghost": blueprintGhost, "node-red": blueprintNodeRED, "directus": blueprintDirectus, "uptime": blueprintUptime,
}

// TestBlueprintsNode makes apps of these blueprints: some of them, or all with BLUEPRINTS=all.
func TestBlueprintsNode(t *testing.T) {
	s := standingServer(t)
	names := []string{"ghost", "node"}
	if os.Getenv("BLUEPRINTS") == "all" {
		names = slices.Sorted(maps.Keys(nodeBlueprints))
	}
	for _, name := range names {
		t.Run(name, func(t *testing.T) { nodeBlueprints[name](t, s) })
	}
}

// blueprinted is an app of a blueprint.
type blueprinted struct {
	server *server
	app    string
	note   string // what its making said
}

// blueprinted makes an app of a blueprint, and tells how long it took until a page was there.
func (s *server) blueprinted(t *testing.T, blueprint, app, path string, sets ...string) blueprinted {
	t.Helper()
	args := []string{"create", app, "--blueprint", blueprint}
	for _, set := range sets {
		args = append(args, "--set", set)
	}
	began := time.Now()
	made := blueprinted{s, app, s.lugsail(t, args...)}
	made.wantStatus(t, path, http.StatusOK)
	t.Logf("%s: the first 200 after %s", app, time.Since(began).Round(100*time.Millisecond))
	return made
}

func (k blueprinted) wantStatus(t *testing.T, path string, want int) {
	t.Helper()
	status, body := 0, ""
	eventually(t, 2*time.Minute, func() bool { status, body = k.server.ask(k.app, path); return status == want },
		func() string { return k.app + path + " answers " + http.StatusText(status) + "\n" + body })
}

func (k blueprinted) wantText(t *testing.T, path, text string) {
	t.Helper()
	body := ""
	eventually(t, 2*time.Minute, func() bool { _, body = k.server.ask(k.app, path); return strings.Contains(body, text) },
		func() string { return k.app + path + " has no " + text + ":\n" + body })
}

// told finds what the note says behind a word.
func (k blueprinted) told(t *testing.T, word string) string {
	t.Helper()
	found := regexp.MustCompile(`(?m)^\s+` + word + `\s+(\S+)$`).FindStringSubmatch(k.note)
	if found == nil {
		t.Fatalf("the note tells no %s\n%s", word, k.note)
	}
	return found[1]
}

// survives does what may lose data, and looks for it after each.
func (k blueprinted) survives(t *testing.T, look func()) {
	t.Helper()
	k.server.docker(t, "kill", "-s", "KILL", strings.TrimSpace(k.server.docker(t, "ps", "-q", "--filter", "label=lugsail.app-name="+k.app)))
	look()
	k.server.lugsail(t, "restart", "--app", k.app)
	look()
	k.server.lugsail(t, "deploy", "--app", k.app)
	look()
}

func (k blueprinted) gone(t *testing.T) {
	t.Helper()
	for _, name := range []string{k.app, k.app + "-db"} {
		if name == k.app || strings.Contains(k.server.lugsail(t, "addons"), name) {
			k.server.lugsail(t, "destroy", name, "--confirm", name)
			k.server.lugsail(t, "destroy", name, "--confirm", name, "--now")
		}
	}
}

// stackVisitor is somebody's browser, which keeps cookies.
type stackVisitor struct {
	client http.Client
	stack  blueprinted
	header http.Header
}

func (k blueprinted) visitor(t *testing.T) stackVisitor {
	t.Helper()
	jar, err := cookiejar.New(nil)
	check(t, err)
	v := stackVisitor{client: *k.server.client, stack: k, header: http.Header{}}
	v.client.Jar = jar
	v.header.Set("Origin", k.server.url(k.app))
	v.header.Set("Referer", k.server.url(k.app)+"/")
	return v
}

// send posts a body and wants one of the good answers, or the one that is named.
func (v stackVisitor) send(t *testing.T, path, kind, body string, want int) string {
	t.Helper()
	method := http.MethodPost
	if kind == "" {
		method = http.MethodGet
	}
	req, err := http.NewRequestWithContext(t.Context(), method, v.stack.server.url(v.stack.app)+path, strings.NewReader(body))
	check(t, err)
	req.Header = v.header.Clone()
	req.Header.Set("Content-Type", kind)
	res, err := v.client.Do(req)
	check(t, err)
	defer func() { _ = res.Body.Close() }()
	var text strings.Builder
	_, err = io.Copy(&text, res.Body)
	check(t, err)
	if res.StatusCode != want {
		t.Errorf("%s answers %s, want %d\n%s", path, res.Status, want, text.String())
	}
	return text.String()
}

// starter clones the code of an app, changes a file, and pushes it back.
func (k blueprinted) starter(t *testing.T, file, old, page string) {
	t.Helper()
	r := &repo{server: k.server, app: k.app, dir: filepath.Join(k.server.dir, "work", k.app)}
	address := regexp.MustCompile(`git clone (\S+)`).FindStringSubmatch(k.note)
	if address == nil {
		t.Fatalf("the note does not say how to clone it\n%s", k.note)
	}
	check(t, os.MkdirAll(filepath.Dir(r.dir), 0o700))
	k.server.must(t, k.server.home(), "git", "clone", "-q", address[1], r.dir)
	r.git(t, "config", "user.name", "Ada")
	r.git(t, "config", "user.email", k.server.email)
	r.edit(t, file, old, "Ahoy there")
	r.commit(t, "My first change")
	r.git(t, "push", "-q")
	k.wantText(t, page, "Ahoy there")
	k.server.lugsail(t, "deploy", "--app", k.app)
	k.wantText(t, page, "Ahoy there")
}

func blueprintNode(t *testing.T, s *server)  { testNodeStarter(t, s, "node", "public/index.html") }
func blueprintGo(t *testing.T, s *server)    { testNodeStarter(t, s, "go", "page.html") }
func blueprintFlask(t *testing.T, s *server) { testNodeStarter(t, s, "flask", "templates/index.html") }

func testNodeStarter(t *testing.T, s *server, blueprint, file string) {
	first := s.blueprinted(t, blueprint, "my-"+blueprint, "/")
	second := s.blueprinted(t, blueprint, "other-"+blueprint, "/")
	first.wantText(t, "/hello/Ada", "Hello, Ada!")
	first.starter(t, file, "It works", "/")
	second.wantText(t, "/", "It works")
	s.lugsail(t, "config", "set", "GREETING=Moin", "--app", second.app)
	second.wantText(t, "/hello/Ada", "Moin, Ada!")
	first.gone(t)
	second.gone(t)
}

func blueprintDjango(t *testing.T, s *server) {
	k := s.blueprinted(t, "django", "my-django", "/")
	second := s.blueprinted(t, "django", "other-django", "/")
	second.gone(t)
	k.wantText(t, "/", "There are none yet")
	style := regexp.MustCompile(`/static/style\.[0-9a-f]+\.css`).FindString(k.page(t, "/"))
	k.wantText(t, style, "font:")
	v := k.visitor(t)
	form := func(path, fields string, want int) string {
		token := regexp.MustCompile(`name="csrfmiddlewaretoken" value="([^"]+)"`).FindStringSubmatch(v.send(t, path, "", "", http.StatusOK))
		if token == nil {
			t.Fatalf("%s has no form", path)
		}
		return v.send(t, path, "application/x-www-form-urlencoded", "csrfmiddlewaretoken="+token[1]+"&"+fields, want)
	}
	form("/admin/login/?next=/admin/", "username=admin&next=/admin/&password="+k.told(t, "Password:"), http.StatusOK)
	form("/admin/pages/note/add/", "text=Kept+through+everything&_save=Save", http.StatusOK)
	k.survives(t, func() { k.wantText(t, "/", "Kept through everything") })
	k.starter(t, "pages/templates/index.html", "It works", "/")
	k.wantText(t, "/", "Kept through everything")
	k.gone(t)
}

func (k blueprinted) page(t *testing.T, path string) string {
	t.Helper()
	_, body := k.server.get(t, k.app, path)
	return body
}

func blueprintGhost(t *testing.T, s *server) {
	k := s.blueprinted(t, "ghost", "my-ghost", "/", "title=Ada's pages", "email=ada@example.com")
	second := s.blueprinted(t, "ghost", "other-ghost", "/")
	second.gone(t)
	v := k.visitor(t)
	login, err := json.Marshal(map[string]string{"username": "ada@example.com", "password": k.told(t, "Password:")})
	check(t, err)
	eventually(t, time.Minute, func() bool {
		_, body := s.ask(k.app, "/ghost/api/admin/authentication/setup/")
		return strings.Contains(body, `"status":true`)
	}, func() string { return "the owner's account is not made" })
	v.send(t, "/ghost/api/admin/session/", "application/json", string(login), http.StatusCreated)
	v.send(t, "/ghost/api/admin/posts/", "application/json", `{"posts":[{"title":"Kept through everything","status":"published"}]}`, http.StatusCreated)
	look := func() { k.wantText(t, "/", "Kept through everything") }
	look()
	k.survives(t, look)
	s.lugsail(t, "rename", "new-ghost", "--app", k.app, "--yes")
	k.app = "new-ghost"
	eventually(t, 3*time.Minute, func() bool {
		_, body := s.ask(k.app, "/")
		return strings.Contains(body, s.url(k.app)) && !strings.Contains(body, s.url("my-ghost"))
	}, func() string { return "the pages do not lead to the new name" })
	look()
	k.gone(t)
}

func blueprintNodeRED(t *testing.T, s *server) {
	k := s.blueprinted(t, "node-red", "my-flows", "/")
	second := s.blueprinted(t, "node-red", "other-flows", "/")
	second.gone(t)
	v := k.visitor(t)
	v.send(t, "/flows", "", "", http.StatusUnauthorized)
	v.send(t, "/auth/token", "application/x-www-form-urlencoded", "client_id=node-red-admin&grant_type=password&scope=*&username=admin&password=wrong", http.StatusForbidden)
	var answer struct {
		Token string `json:"access_token"`
	}
	said := v.send(t, "/auth/token", "application/x-www-form-urlencoded", "client_id=node-red-admin&grant_type=password&scope=*&username=admin&password="+k.told(t, "Password:"), http.StatusOK)
	check(t, json.Unmarshal([]byte(said), &answer))
	v.header.Set("Authorization", "Bearer "+answer.Token)
	v.send(t, "/flows", "application/json", `[{"id":"f1","type":"tab","label":"Greeting"},
		{"id":"n1","type":"http in","z":"f1","url":"/ahoy","method":"get","wires":[["n2"]]},
		{"id":"n2","type":"template","z":"f1","field":"payload","fieldType":"msg","format":"text","syntax":"plain","template":"Ahoy there","output":"str","wires":[["n3"]]},
		{"id":"n3","type":"http response","z":"f1","wires":[]}]`, http.StatusNoContent)
	look := func() { k.wantText(t, "/ahoy", "Ahoy there") }
	look()
	k.survives(t, look)
	k.gone(t)
}

func blueprintDirectus(t *testing.T, s *server) {
	k := s.blueprinted(t, "directus", "my-data", "/server/ping", "email=ada@example.com")
	second := s.blueprinted(t, "directus", "other-data", "/server/ping")
	second.gone(t)
	v := k.visitor(t)
	sign := func() {
		body, err := json.Marshal(map[string]string{"email": "ada@example.com", "password": k.told(t, "Password:")})
		check(t, err)
		var answer struct {
			Data struct {
				Token string `json:"access_token"`
			}
		}
		check(t, json.Unmarshal([]byte(v.send(t, "/auth/login", "application/json", string(body), http.StatusOK)), &answer))
		v.header.Set("Authorization", "Bearer "+answer.Data.Token)
	}
	sign()
	v.send(t, "/collections", "application/json", `{"collection":"notes","schema":{},"meta":{},"fields":[{"field":"id","type":"integer","schema":{"is_primary_key":true,"has_auto_increment":true}},{"field":"text","type":"string"}]}`, http.StatusOK)
	v.send(t, "/items/notes", "application/json", `{"text":"Kept through everything"}`, http.StatusOK)
	k.survives(t, func() {
		k.wantStatus(t, "/server/ping", http.StatusOK)
		sign()
		if body := v.send(t, "/items/notes", "", "", http.StatusOK); !strings.Contains(body, "Kept through everything") {
			t.Errorf("what was written is lost: %s", body)
		}
	})
	k.gone(t)
}

func blueprintUptime(t *testing.T, s *server) {
	k := s.blueprinted(t, "uptime", "my-status", "/", "title=How we do", "urls=http://127.0.0.1:8080/health http://nowhere.invalid/")
	second := s.blueprinted(t, "uptime", "other-status", "/")
	second.gone(t)
	k.wantText(t, "/", "How we do")
	k.wantText(t, "/", "One address does not answer.")
	since := func() (at string) {
		for line := range strings.Lines(s.lugsail(t, "exec", "--app", k.app, "--no-tty", "--", "sh", "-c", "head -n 1 /data/*.jsonl")) {
			return line
		}
		return ""
	}
	first := since()
	k.survives(t, func() {
		k.wantText(t, "/", "One address does not answer.")
		if now := since(); now != first || first == "" {
			t.Errorf("the first check was %q and is %q", first, now)
		}
	})
	k.gone(t)
}
