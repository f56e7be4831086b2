package e2e

import (
	"archive/zip"
	"bytes"
	"encoding/json"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"io"
	"mime/multipart"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// blueprintTests are what each blueprint is put through. Those that are not usual run with BLUEPRINTS=all.
var blueprintTests = []struct {
	blueprint string
	usual     bool
	run       func(*testing.T, *made)
}{
	{"lamp", true, testLAMP},
	{"wordpress", true, testWordPress},
	{"nginx-php", false, testLAMP},
	{"adminer", false, testAdminer},
	{"phpmyadmin", false, testPHPMyAdmin},
	{"dokuwiki", false, testDokuWiki},
	{"mediawiki", false, testMediaWiki},
	{"static", false, testStaticStarter},
}

// TestBlueprints makes an app of each blueprint, uses it as a person would, and does with it what may lose data.
func TestBlueprints(t *testing.T) {
	s := standingServer(t)
	for _, part := range blueprintTests {
		if !part.usual && os.Getenv("BLUEPRINTS") != "all" {
			continue
		}
		t.Run(part.blueprint, func(t *testing.T) { part.run(t, s.made(t, part.blueprint, "the-"+part.blueprint)) })
	}
	t.Run("of the owner's own", func(t *testing.T) { testOwnBlueprint(t, s) })
}

// testOwnBlueprint adds a blueprint to the server, makes apps of it, changes it and takes it away.
func testOwnBlueprint(t *testing.T, s *server) {
	folder := filepath.Join(s.home(), "stacks", "bay")
	check(t, os.MkdirAll(folder, 0o755))
	put := func(name, text string) { check(t, os.WriteFile(filepath.Join(folder, name), []byte(text), 0o644)) }
	put("blueprint.yaml", "title: Bay\nsentence: A quiet place.\ncategory: site\nasks:\n  - name: wind\n    label: Wind\n    default: west\nconfig:\n  WIND: \"{wind}\"\nnote: It lies at {url}.\n")
	put("page.html", "calm water")
	put("Dockerfile", "FROM lugsail/base\nUSER root\nRUN apt-get -qq update && apt-get -qq install -y --no-install-recommends busybox >/dev/null\nUSER 1000\nCOPY page.html /srv/index.html\n"+
		"EXPOSE 8080\nCMD [\"sh\", \"-c\", \"mkdir -p /tmp/w && sed s/water/$WIND/ /srv/index.html >/tmp/w/index.html && exec busybox httpd -f -p 8080 -h /tmp/w\"]\n")
	if out := s.lugsail(t, "blueprints", "add", filepath.Dir(folder)); !strings.Contains(out, "Added bay: A quiet place.") {
		t.Fatalf("it says %q", out)
	}
	m := s.made(t, "bay", "my-bay", "wind=breeze")
	s.wantPage(t, m.app, "/", "calm breeze")
	if !strings.Contains(m.said, "It lies at "+s.url(m.app)) {
		t.Errorf("the note is not told:\n%s", m.said)
	}
	put("page.html", "open water")
	s.lugsail(t, "blueprints", "add", folder)
	s.lugsail(t, "deploy", "--renew", "--app", m.app)
	s.wantPage(t, m.app, "/", "open breeze")
	s.lugsail(t, "blueprints", "remove", "bay")
	s.refused(t, "was removed from this server", "create", "other-bay", "--blueprint", "bay")
	if out := s.lugsail(t, "blueprints"); strings.Contains(out, "A quiet place") {
		t.Errorf("it is still offered:\n%s", out)
	}
	s.lugsail(t, "deploy", "--renew", "--app", m.app)
	s.wantPage(t, m.app, "/", "open breeze")
	put("blueprint.yaml", "title: Bay\ncolour: red\n")
	s.refused(t, "line 2: nobody knows the key colour", "blueprints", "add", folder)
	m.gone(t)
}

// made is an app that was made of a blueprint.
type made struct {
	server    *server
	blueprint string
	app       string
	database  string // the add-on that it got, when it got one
	said      string // by lugsail create
}

// made makes an app, with answers of the form NAME=VALUE, and notes how long its first answer took.
func (s *server) made(t *testing.T, blueprint, app string, answers ...string) *made {
	t.Helper()
	args := []string{"create", app, "--blueprint", blueprint}
	for _, a := range answers {
		args = append(args, "--set", a)
	}
	began := time.Now()
	m := &made{server: s, blueprint: blueprint, app: app, database: app + "-db", said: s.lugsail(t, args...)}
	var status int
	eventually(t, 30*time.Second, func() bool { status, _ = s.ask(app, "/"); return status == http.StatusOK }, func() string { return fmt.Sprintf("%s answers %d", app, status) })
	t.Logf("%s answered after %s", app, time.Since(began).Round(100*time.Millisecond))
	return m
}

// second makes one more app of the blueprint, whose image is there.
func (m *made) second(t *testing.T, answers ...string) *made {
	t.Helper()
	other := m.server.made(t, m.blueprint, m.app+"-two", answers...)
	if !strings.Contains(other.said, "The image is there already") {
		t.Errorf("the second app did not get the image of the first:\n%s", other.said)
	}
	return other
}

// gone removes the app and its database for good: the machine has other parts to run.
func (m *made) gone(t *testing.T) {
	t.Helper()
	names := []string{m.app}
	if strings.Contains(m.server.lugsail(t, "addons"), m.database) {
		names = append(names, m.database)
	}
	for _, name := range names {
		m.server.lugsail(t, "destroy", name, "--confirm", name)
		m.server.lugsail(t, "destroy", name, "--confirm", name, "--now")
	}
}

// password is the one that the note tells.
func (m *made) password(t *testing.T) string {
	t.Helper()
	found := regexp.MustCompile(`password +([0-9a-f]{32})\b`).FindStringSubmatch(m.said)
	if found == nil {
		t.Fatalf("no password is told:\n%s", m.said)
	}
	return found[1]
}

// wantAfter restarts the app, kills its container and deploys it once more; each time kept has to hold.
func (m *made) wantAfter(t *testing.T, kept func(t *testing.T)) {
	t.Helper()
	s := m.server
	s.lugsail(t, "restart", "--app", m.app)
	kept(t)
	container := strings.Fields(s.docker(t, "ps", "-q", "--filter", "label=lugsail.app-name="+m.app))
	if len(container) != 1 {
		t.Fatalf("%s has the containers %v", m.app, container)
	}
	s.docker(t, "kill", "-s", "KILL", container[0])
	m.wantUp(t)
	kept(t)
	s.lugsail(t, "config", "set", "ANOTHER=one", "--app", m.app)
	kept(t)
}

// wantUp waits until the app answers again after a kill.
func (m *made) wantUp(t *testing.T) {
	t.Helper()
	status := 0
	eventually(t, 2*time.Minute, func() bool { status, _ = m.server.ask(m.app, "/"); return status == http.StatusOK }, func() string { return fmt.Sprintf("%s answers %d after a kill", m.app, status) })
}

// visitor is a browser with cookies.
type visitor struct {
	t      *testing.T
	client *http.Client
	base   string
}

func (m *made) visitor(t *testing.T) *visitor {
	t.Helper()
	jar, err := cookiejar.New(nil)
	check(t, err)
	client := *m.server.client
	client.Jar = jar
	return &visitor{t: t, client: &client, base: m.server.url(m.app)}
}

// do sends a request and gives the answer's body; any status but 200 and 201 fails the test.
func (v *visitor) do(method, path string, body io.Reader, header map[string]string) string {
	v.t.Helper()
	if !strings.HasPrefix(path, "https://") {
		path = v.base + path
	}
	req, err := http.NewRequestWithContext(v.t.Context(), method, path, body)
	check(v.t, err)
	for name, value := range header {
		req.Header.Set(name, value)
	}
	res, err := v.client.Do(req)
	check(v.t, err)
	defer func() { _ = res.Body.Close() }()
	text, err := io.ReadAll(res.Body)
	check(v.t, err)
	if res.StatusCode != http.StatusOK && res.StatusCode != http.StatusCreated {
		v.t.Fatalf("%s %s answers %d: %.500s", method, path, res.StatusCode, text)
	}
	return string(text)
}

func (v *visitor) get(path string) string {
	v.t.Helper()
	return v.do(http.MethodGet, path, nil, nil)
}

func (v *visitor) post(path string, fields ...string) string {
	v.t.Helper()
	form := url.Values{}
	for i := 0; i+1 < len(fields); i += 2 {
		form.Set(fields[i], fields[i+1])
	}
	return v.do(http.MethodPost, path, strings.NewReader(form.Encode()), map[string]string{"Content-Type": "application/x-www-form-urlencoded"})
}

// want looks for texts in a page.
func (v *visitor) want(page string, texts ...string) {
	v.t.Helper()
	for _, text := range texts {
		if !strings.Contains(page, text) {
			v.t.Fatalf("%q is not in the page: %.3000s", text, page)
		}
	}
}

// field finds what a hidden field of a form holds.
func (v *visitor) field(page, name string) string {
	v.t.Helper()
	for _, tag := range regexp.MustCompile(`<input[^>]*>`).FindAllString(page, -1) {
		if strings.Contains(tag, `name="`+name+`"`) {
			if found := regexp.MustCompile(`value="([^"]*)"`).FindStringSubmatch(tag); found != nil {
				return strings.ReplaceAll(found[1], "&quot;", `"`)
			}
		}
	}
	v.t.Fatalf("the page has no field %s: %.2000s", name, page)
	return ""
}

var visits = regexp.MustCompile(`id="visits">(\d+)<`)

func testLAMP(t *testing.T, m *made) {
	s, v := m.server, m.visitor(t)
	last := 0
	counts := func(t *testing.T) {
		t.Helper()
		page := v.get("/")
		v.want(page, "connected to MariaDB", "<dd>8.")
		found := visits.FindStringSubmatch(page)
		if found == nil {
			t.Fatalf("no counter in %s", page)
		}
		var n int
		_, err := fmt.Sscan(found[1], &n)
		check(t, err)
		if n <= last {
			t.Fatalf("the counter was at %d and is at %d", last, n)
		}
		last = n
	}
	counts(t)
	counts(t)
	m.wantAfter(t, counts)
	if status, _ := s.get(t, m.app, "/.env"); status != http.StatusNotFound {
		t.Errorf("a hidden file answers %d", status)
	}
	other := m.second(t)
	if page := other.visitor(t).get("/"); !strings.Contains(page, "connected") {
		t.Errorf("the second app: %s", page)
	}
	other.gone(t)
	// A person's own page takes the place of the first one, and finds the same database.
	dir := filepath.Join(s.dir, "work", m.app)
	check(t, os.CopyFS(dir, os.DirFS(filepath.Join(s.root, "blueprints", m.blueprint))))
	page := filepath.Join(dir, "public", "index.php")
	text, err := os.ReadFile(page)
	check(t, err)
	check(t, os.WriteFile(page, bytes.ReplaceAll(text, []byte("It works"), []byte("My shop")), 0o600))
	s.lugsail(t, "deploy", dir, "--app", m.app)
	s.wantPage(t, m.app, "/", "<h1>My shop</h1>")
	counts(t)
	m.gone(t)
}

// wordpress is an administrator who has signed in.
type wordpress struct {
	*visitor
	nonce string
}

func (m *made) wordpress(t *testing.T) wordpress {
	t.Helper()
	v := m.visitor(t)
	v.get("/wp-login.php") // sets the cookie that says that cookies are on
	page := v.post("/wp-login.php", "log", "ada", "pwd", m.password(t), "testcookie", "1", "redirect_to", v.base+"/wp-admin/")
	v.want(page, "Dashboard", "Ada&#039;s &lt;blog&gt;")
	return wordpress{v, v.get("/wp-admin/admin-ajax.php?action=rest-nonce")}
}

// rest asks WordPress's API and decodes the answer.
func (w wordpress) rest(into any, method, path string, body []byte, header map[string]string) {
	w.t.Helper()
	if header == nil {
		header = map[string]string{"Content-Type": "application/json"}
	}
	header["X-WP-Nonce"] = w.nonce
	answer := w.do(method, "/wp-json/"+path, bytes.NewReader(body), header)
	if err := json.Unmarshal([]byte(answer), into); err != nil {
		w.t.Fatalf("%s: %v in %.500s", path, err, answer)
	}
}

// published writes a post and gives its address.
func (w wordpress) published(title, content string) string {
	w.t.Helper()
	body, err := json.Marshal(map[string]string{"title": title, "content": content, "status": "publish"})
	check(w.t, err)
	var post struct{ Link string }
	w.rest(&post, http.MethodPost, "wp/v2/posts", body, nil)
	return post.Link
}

// uploaded sends a picture that is large enough to be made smaller, and gives its address.
func (w wordpress) uploaded() (address string, picture []byte) {
	w.t.Helper()
	drawn := image.NewRGBA(image.Rect(0, 0, 800, 600))
	for x := range 800 {
		drawn.Set(x, x*3/4, color.RGBA{R: 200, G: 30, A: 255})
	}
	var out bytes.Buffer
	check(w.t, png.Encode(&out, drawn))
	var media struct {
		SourceURL    string `json:"source_url"`
		MediaDetails struct {
			Sizes map[string]any
		} `json:"media_details"`
	}
	w.rest(&media, http.MethodPost, "wp/v2/media", out.Bytes(), map[string]string{"Content-Type": "image/png", "Content-Disposition": `attachment; filename="boat.png"`})
	if len(media.MediaDetails.Sizes) < 2 {
		w.t.Errorf("of a picture only these sizes were made: %v", media.MediaDetails.Sizes)
	}
	return media.SourceURL, out.Bytes()
}

func testWordPress(t *testing.T, first *made) {
	s := first.server
	// The first one has the defaults; what is used has answers with signs that are easily got wrong.
	m := first.second(t, "title=Ada's <blog>", "admin=ada", "email=ada@example.org")
	w := m.wordpress(t)
	picture, bytesSent := w.uploaded()
	if !strings.HasPrefix(picture, w.base+"/wp-content/uploads/") {
		t.Fatalf("the picture is at %s", picture)
	}
	post := w.published("Sailing", fmt.Sprintf(`<p>Fair winds</p><img src="%s" alt="">`, picture))
	if post != w.base+"/sailing/" {
		t.Errorf("the post is at %s", post)
	}
	kept := func(t *testing.T) {
		t.Helper()
		v := m.visitor(t)
		v.want(v.get("/sailing/"), "Fair winds", picture)
		if got := v.get(picture); got != string(bytesSent) {
			t.Fatalf("the picture has %d bytes and had %d", len(got), len(bytesSent))
		}
	}
	kept(t)
	testWordPressReachesItself(t, w)
	m.wantAfter(t, kept)
	testWordPressPlugin(t, m, w)
	first.gone(t)
	kept(t)
	// Under another name it is at another address, and so are its pictures.
	s.lugsail(t, "rename", "sea", "--app", m.app, "--yes")
	m.app = "sea"
	s.settled(t, m.app) // its volume is for one replica at a time: until then the one of before may answer, or none
	eventually(t, 2*time.Minute, func() bool { status, _ := s.ask(m.app, "/"); return status == http.StatusOK }, func() string {
		return "it does not start under its new name: " + s.lugsail(t, "deployments", "--app", m.app)
	})
	v := m.visitor(t)
	moved := strings.Replace(picture, w.base, v.base, 1)
	v.want(v.get("/sailing/"), moved)
	if v.get(moved) != string(bytesSent) {
		t.Error("the picture is not at the new address")
	}
	m.wordpress(t).published("Moved", "Here we are")
	v.want(v.get("/moved/"), "Here we are")
	m.gone(t)
}

// testWordPressReachesItself has its own check look, and a scheduled event run.
func testWordPressReachesItself(t *testing.T, w wordpress) {
	t.Helper()
	for _, name := range []string{"loopback-requests", "https-status"} {
		var health struct{ Status, Label string }
		w.rest(&health, http.MethodGet, "wp-site-health/v1/tests/"+name, nil, nil)
		if health.Status != "good" {
			t.Errorf("%s: %s", name, health.Label)
		}
	}
	soon := time.Now().UTC().Add(65 * time.Second) // what lies nearer is published at once
	body, err := json.Marshal(map[string]string{"title": "Tide", "content": "High water", "status": "future", "date_gmt": soon.Format("2006-01-02T15:04:05")})
	check(t, err)
	var post struct{ Status string }
	w.rest(&post, http.MethodPost, "wp/v2/posts", body, nil)
	if post.Status != "future" {
		t.Fatalf("the post that waits is %s", post.Status)
	}
	eventually(t, 3*time.Minute, func() bool {
		time.Sleep(time.Second)
		return strings.Contains(w.get("/"), "Tide") // visits are what makes WordPress look at its schedule
	}, func() string { return "the post that was scheduled is not published" })
}

// testWordPressPlugin installs a plugin from a file, as a person does who has bought one.
func testWordPressPlugin(t *testing.T, m *made, w wordpress) {
	t.Helper()
	page := w.get("/wp-admin/plugin-install.php?tab=upload")
	form, contentType := pluginForm(t, w.field(page, "_wpnonce"))
	page = w.do(http.MethodPost, "/wp-admin/update.php?action=upload-plugin", form, map[string]string{"Content-Type": contentType})
	w.want(page, "Plugin installed successfully")
	m.server.lugsail(t, "restart", "--app", m.app)
	w.want(w.get("/wp-admin/plugins.php"), "Anchor of Ada")
}

// pluginForm is the form with a plugin in a zip archive.
func pluginForm(t *testing.T, nonce string) (body *bytes.Buffer, contentType string) {
	t.Helper()
	var archive bytes.Buffer
	z := zip.NewWriter(&archive)
	file, err := z.Create("anchor/anchor.php")
	check(t, err)
	_, err = file.Write([]byte("<?php\n/**\n * Plugin Name: Anchor of Ada\n */\n"))
	check(t, err)
	check(t, z.Close())
	return multipartForm(t, map[string]string{"_wpnonce": nonce, "install-plugin-submit": "Install Now"}, "pluginzip", "anchor.zip", archive.Bytes())
}

func multipartForm(t *testing.T, fields map[string]string, name, file string, data []byte) (body *bytes.Buffer, contentType string) {
	t.Helper()
	body = &bytes.Buffer{}
	form := multipart.NewWriter(body)
	for key, value := range fields {
		check(t, form.WriteField(key, value))
	}
	part, err := form.CreateFormFile(name, file)
	check(t, err)
	_, err = part.Write(data)
	check(t, err)
	check(t, form.Close())
	return body, form.FormDataContentType()
}

// bound makes a database and binds the app to it; it gives the database's password.
func (m *made) bound(t *testing.T, blueprint, name, prefix string) string {
	t.Helper()
	m.server.lugsail(t, "addons", "create", blueprint, name)
	m.server.lugsail(t, "addons", "bind", name, "--app", m.app, "--as", prefix)
	return strings.TrimSpace(m.server.lugsail(t, "config", "get", "ADDON_PASSWORD", "--app", name))
}

func testAdminer(t *testing.T, m *made) {
	s := m.server
	if page := m.visitor(t).get("/"); !strings.Contains(page, "No database is bound") {
		t.Errorf("with no database: %s", page)
	}
	maria, postgres := m.bound(t, "mariadb", "look-maria", "DATABASE"), m.bound(t, "postgresql", "look-postgres", "PG")
	for _, db := range []struct{ driver, address, password, says string }{
		{"server", "look-maria:3306", maria, "MariaDB"},
		{"pgsql", "look-postgres:5432", postgres, "PostgreSQL"},
	} {
		v := m.visitor(t)
		v.want(v.get("/"), db.address)
		login := func(address, password string) string {
			return v.post("/", "auth[driver]", db.driver, "auth[server]", address, "auth[username]", "app", "auth[password]", password, "auth[db]", "app")
		}
		v.want(login(db.address, db.password), "Create table", db.says)
		v.want(login("elsewhere:"+strings.Split(db.address, ":")[1], db.password), "Choose a database")
	}
	other := m.second(t)
	other.gone(t)
	m.gone(t)
	for _, name := range []string{"look-maria", "look-postgres"} {
		s.lugsail(t, "destroy", name, "--confirm", name)
		s.lugsail(t, "destroy", name, "--confirm", name, "--now")
	}
}

func testPHPMyAdmin(t *testing.T, m *made) {
	if page := m.visitor(t).get("/"); !strings.Contains(page, "No MariaDB is bound") {
		t.Errorf("with no database: %s", page)
	}
	m.database = "look-maria"
	password := m.bound(t, "mariadb", m.database, "DATABASE")
	v := m.visitor(t)
	page := v.get("/")
	v.want(page, "look-maria:3306")
	page = v.post("/index.php?route=/", "pma_username", "app", "pma_password", password, "server", "1",
		"token", v.field(page, "token"), "set_session", v.field(page, "set_session"))
	v.want(page, "Database server", "look-maria:3306", "MariaDB")
	if strings.Contains(page, "deprecated") {
		t.Error("the first page is full of PHP's warnings")
	}
	m.gone(t)
}

func testDokuWiki(t *testing.T, m *made) {
	v := m.visitor(t)
	page := v.get("/start?do=login")
	page = v.post("/start", "do", "login", "id", "start", "u", "admin", "p", m.password(t), "sectok", v.field(page, "sectok"))
	v.want(page, "Logged in as", "do=admin")
	page = v.get("/boats?do=edit")
	v.post("/boats", "do[save]", "Save", "id", "boats", "target", "section", "rev", "0", "prefix", ".", "wikitext", "Fair **winds**", "sectok", v.field(page, "sectok"))
	kept := func(t *testing.T) {
		t.Helper()
		reader := m.visitor(t)
		reader.want(reader.get("/boats"), "Fair <strong>winds</strong>")
	}
	kept(t)
	if page := m.visitor(t).get("/harbour?do=edit"); strings.Contains(page, "do[save]") {
		t.Error("a stranger may write")
	}
	for _, path := range []string{"/inc/init.php", "/bin/plugin.php", "/vendor/autoload.php"} {
		if status, _ := m.server.get(t, m.app, path); status != http.StatusForbidden {
			t.Errorf("%s answers %d", path, status)
		}
	}
	m.wantAfter(t, kept)
	m.second(t, "title=Ada's \\ \"wiki\"", "admin=ada").gone(t)
	kept(t)
	m.gone(t)
}

func testMediaWiki(t *testing.T, m *made) {
	v := m.visitor(t)
	var tokens struct {
		Query struct {
			Tokens struct{ LoginToken, CSRFToken string }
		}
	}
	check(t, json.Unmarshal([]byte(v.get("/api.php?action=query&meta=tokens&type=login&format=json")), &tokens))
	v.want(v.post("/api.php", "action", "login", "format", "json", "lgname", "Admin", "lgpassword", m.password(t), "lgtoken", tokens.Query.Tokens.LoginToken), `"Success"`)
	check(t, json.Unmarshal([]byte(v.get("/api.php?action=query&meta=tokens&format=json")), &tokens))
	token := tokens.Query.Tokens.CSRFToken
	v.want(v.post("/api.php", "action", "edit", "format", "json", "title", "Boats", "text", "Fair '''winds'''", "token", token), `"Success"`)
	var picture bytes.Buffer
	check(t, png.Encode(&picture, image.NewRGBA(image.Rect(0, 0, 40, 30))))
	form, contentType := multipartForm(t, map[string]string{"action": "upload", "format": "json", "filename": "Boat.png", "ignorewarnings": "1", "token": token}, "file", "Boat.png", picture.Bytes())
	var upload struct {
		Upload struct{ ImageInfo struct{ URL string } }
	}
	check(t, json.Unmarshal([]byte(v.do(http.MethodPost, "/api.php", form, map[string]string{"Content-Type": contentType})), &upload))
	kept := func(t *testing.T) {
		t.Helper()
		reader := m.visitor(t)
		reader.want(reader.get("/wiki/Boats"), "Fair <b>winds</b>")
		if reader.get(upload.Upload.ImageInfo.URL) != picture.String() {
			t.Fatal("the picture is another")
		}
	}
	kept(t)
	for _, path := range []string{"/maintenance/run.php", "/mw-config/index.php", "/vendor/autoload.php"} {
		if status, _ := m.server.get(t, m.app, path); status != http.StatusForbidden {
			t.Errorf("%s answers %d", path, status)
		}
	}
	m.wantAfter(t, kept)
	m.second(t, "title=Ada's \"wiki\"", "admin=Ada").gone(t)
	kept(t)
	m.gone(t)
}

func testStaticStarter(t *testing.T, m *made) {
	s, v := m.server, m.visitor(t)
	v.want(v.get("/"), "It works", "style.css")
	v.want(v.get("/style.css"), "max-width")
	m.wantAfter(t, func(t *testing.T) { t.Helper(); s.wantPage(t, m.app, "/", "It works") })
	dir := filepath.Join(s.dir, "work", m.app)
	check(t, os.MkdirAll(dir, 0o700))
	check(t, os.WriteFile(filepath.Join(dir, "index.html"), []byte("<h1>My harbour</h1>"), 0o600))
	s.lugsail(t, "deploy", dir, "--app", m.app)
	s.wantPage(t, m.app, "/", "My harbour")
	s.lugsail(t, "restart", "--app", m.app)
	s.wantPage(t, m.app, "/", "My harbour")
	m.gone(t)
}
