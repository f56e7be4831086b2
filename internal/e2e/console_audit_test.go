package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp/kb"

	"github.com/lugsail/lugsail/internal/e2e/browser"
)

// withoutScripts does by forms alone what the scripts only make nicer.
func (c *console) withoutScripts(t *testing.T) {
	p := c.browser.Person(t).Tab(t, browser.Desk)
	p.Scripts(false)
	p.Open(c.console + "/create")
	p.WaitPath("/login")
	c.signIn(p, c.email, c.pass)
	p.WaitPath("/create") // where one wanted to go
	p.Fill("Name", "plain")
	p.Choose("nano")
	p.Click("Create the app")
	p.WaitPath("/apps/plain")
	c.at(t, p, "/apps/plain/upload")
	file := filepath.Join(c.dir, "work", "plain.zip")
	zipInto(t, file, map[string]string{"index.html": "<!doctype html><title>x</title><p>Hello from a plain form"})
	p.Attach("Archive", file)
	p.Click("Upload and deploy")
	p.WaitPath("/apps/plain/deployments/")
	p.WaitLong(patience, "Live") // the page asks for itself again
	c.shows(t, "plain", "Hello from a plain form")
	c.at(t, p, "/apps/plain/config")
	p.Fill("Name", "COLOUR")
	p.Fill("Value", "sea")
	p.Click("Save")
	p.WaitLong(patience, "COLOUR")
	c.at(t, p, "/apps/plain/domains")
	p.Fill("Add a domain", "plain.example.test")
	p.Click("Add the domain")
	p.Wait("point plain.example.test")
	c.at(t, p, "/apps/plain/scaling")
	p.Fill("web", "2")
	p.Click("Set the replicas")
	// Docker's new interfaces are a change of the network to this browser, which then loses the answer; the form is
	// sent again (browser.reloadLost), and the second answer is that it is so already.
	p.AskUntil(time.Minute, `location.pathname.startsWith("/apps/plain/deployments/") || /it was so already/.test(document.body.innerText)`, "no answer to Set the replicas")
	c.at(t, p, fmt.Sprintf("/apps/plain/deployments/%d", c.newestDeployment(t, "plain")))
	p.WaitLong(patience, "Live")
	c.at(t, p, "/apps/plain/settings")
	p.Fill("Type plain to confirm", "plain")
	p.Click("Destroy the app")
	p.WaitPath("/trash")
	c.at(t, p, "/create")
	p.Fill("Name", "plain-two")
	p.Choose("nano")
	p.Choose("Upload it")
	p.Attach("Archive", file)
	p.Click("Create the app")
	p.WaitPath("/apps/plain-two/deployments/")
	p.WaitLong(patience, "Live")
	c.shows(t, "plain-two", "Hello from a plain form")
	c.at(t, p, "/account/password")
	p.Fill("Password now", "wrong "+c.pass)
	p.Fill("New password", "another good password")
	p.Fill("New password again", "another good password")
	p.Click("Change the password")
	p.Wait("The current password is not right")
}

func (c *console) newestDeployment(t *testing.T, app string) int {
	t.Helper()
	var answer struct{ Deployments []struct{ Number int } }
	c.json(t, &answer, "deployments", "--app", app)
	if len(answer.Deployments) == 0 {
		t.Fatalf("%s has no deployment", app)
	}
	return answer.Deployments[0].Number
}

// byKeyboard creates, deploys and rolls back without a mouse, and sees the focus all the way.
func (c *console) byKeyboard(t *testing.T) {
	p := c.tab(t, browser.Desk)
	c.at(t, p, "/")
	p.TabTo("Create")
	p.Press(kb.Enter)
	p.WaitPath("/create")
	if p.Focus().Name != "Name" {
		p.TabTo("Name")
	}
	p.Type("keys")
	p.TabTo("Create the app")
	p.Press(kb.Enter)
	p.WaitPath("/apps/keys")
	for _, text := range []string{"Hello one", "Hello two"} {
		file := filepath.Join(c.dir, "work", "keys.zip")
		zipInto(t, file, map[string]string{"index.html": "<!doctype html><title>x</title><p>" + text})
		c.at(t, p, "/apps/keys/upload")
		p.TabTo("Archive")
		p.PressToAttach(file)
		p.TabTo("Upload and deploy")
		p.Press(kb.Enter)
		p.WaitPath("/apps/keys/deployments/")
		p.WaitLong(patience, "Live")
		c.shows(t, "keys", text)
	}
	p.TabTo("keys")
	p.Press(kb.Enter)
	p.Wait("Roll back to v1")
	p.TabTo("Roll back to v1…")
	p.Press(kb.Enter)
	p.WaitPath("/apps/keys/rollback")
	p.TabTo("Roll back to v1")
	p.Press(kb.Enter)
	p.WaitPath("/apps/keys/deployments/")
	p.WaitLong(patience, "Live")
	c.shows(t, "keys", "Hello one")
}

// seeds are the pages from which all others are found.
func (c *console) seeds() []string {
	return []string{
		"/", "/create", "/trash", "/account",
		"/apps/push-1440", "/apps/push-1440/deployments/1", "/apps/push-1440/deployments/3", "/apps/upload-1440", "/apps/push-1440/upload",
		"/apps/cache-1440", "/apps/cache-1440/settings",
		"/apps/nobody", "/nowhere",
	}
}

// notPages are addresses of the console that give something else, or end the session.
var notPages = regexp.MustCompile(`^/(assets|api|git|ca\.crt|logout|robots)|/(download|events|stream|logs\.txt|raw)$`)

var parts = []*regexp.Regexp{regexp.MustCompile(`^/apps/[^/]+`), regexp.MustCompile(`/\d+`), regexp.MustCompile(`^/create/blueprint/.+`)}

// kindOf is the page's route: one page of a kind is looked at, but for the seeds.
func kindOf(path string) string {
	return parts[2].ReplaceAllString(parts[1].ReplaceAllString(parts[0].ReplaceAllString(path, "/apps/:app"), "/:n"), "/create/blueprint/:name")
}

// walk visits every kind of page there is, beginning with the seeds.
func (c *console) walk(t *testing.T, p *browser.Page, visit func(path string)) {
	t.Helper()
	todo, seen := c.seeds(), map[string]bool{}
	for _, seed := range todo {
		seen[kindOf(seed)] = true
	}
	for n := 0; n < len(todo); n++ {
		p.Open(c.console + todo[n])
		visit(todo[n])
		var links []string
		p.Ask(`[...document.querySelectorAll("a[href]")].filter((a) => a.origin === location.origin && !a.hasAttribute("download")).map((a) => a.pathname + a.search)`, &links)
		for _, link := range links {
			u, err := url.Parse(link)
			check(t, err)
			if kind := kindOf(u.Path); !seen[kind] && !notPages.MatchString(u.Path) {
				seen[kind] = true
				todo = append(todo, link)
			}
		}
	}
	if len(todo) < 20 {
		t.Errorf("only %d pages were found: %q", len(todo), todo)
	}
	t.Logf("%d pages", len(todo))
}

// everyPage has no violation of accessibility's rules in either theme, fits every screen, and has no errors.
func (c *console) everyPage(t *testing.T) {
	screens := os.Getenv("CONSOLE") == "screens"
	look := func(p *browser.Page) func(path string) {
		return func(path string) {
			c.bothThemes(t, p, path)
			if path == "/" {
				p.Click("Go to")
				p.AskUntil(20*time.Second, `document.querySelector("dialog[open] [role=option]")`, "the palette finds nothing")
				c.axe(t, p, "the palette", true)
				p.Press(kb.Escape)
			}
			for _, size := range []browser.Size{browser.Phone, browser.Tablet, browser.Desk} {
				p.Resize(size)
				if wide := p.TooWide(); len(wide) > 0 {
					t.Errorf("%s scrolls sideways at %s px: %q", path, size, wide)
				}
				if screens {
					c.pictures(p, path, size)
				}
			}
			p.Quiet()
		}
	}
	p := c.tab(t, browser.Desk)
	c.walk(t, p, look(p))
	stranger := c.browser.Person(t).Tab(t, browser.Desk)
	for _, path := range []string{"/login", "/setup/wrong", "/recover/wrong"} {
		stranger.Open(c.console + path)
		look(stranger)(path)
	}
}

func (c *console) pictures(p *browser.Page, path string, size browser.Size) {
	name := strings.Trim(strings.NewReplacer("/", "-", "?", "-", "=", "-").Replace(path), "-")
	if name == "" {
		name = "home"
	}
	for _, dark := range []bool{false, true} {
		p.Dark(dark)
		theme := map[bool]string{false: "light", true: "dark"}[dark]
		p.Picture(fmt.Sprintf("screens/%s-%s-%s", name, size, theme))
	}
}

// bothThemes asks axe-core about the page as it is.
func (c *console) bothThemes(t *testing.T, p *browser.Page, path string) {
	t.Helper()
	axe, err := os.ReadFile("audit/node_modules/axe-core/axe.min.js")
	if err != nil {
		t.Fatalf("axe-core is not there, `make test-ui` installs it: %v", err)
	}
	p.Ask(string(axe)+"; true", new(bool))
	for _, dark := range []bool{false, true} {
		p.Dark(dark)
		c.axe(t, p, path, dark)
	}
}

// axe asks axe-core about the page as it is.
func (c *console) axe(t *testing.T, p *browser.Page, path string, dark bool) {
	t.Helper()
	var found []struct {
		ID, Help string
		Nodes    []struct {
			HTML           string
			FailureSummary string
		}
	}
	// Colours may be on their way from one theme to the other. What turns or blinks without an end is not waited for.
	check(t, p.AskLong(time.Minute, `Promise.all(document.getAnimations().filter((a) => a.effect.getComputedTiming().endTime < 1e6)
		.map((a) => a.finished.catch(() => {})).concat(new Promise(requestAnimationFrame)))
		.then(() => axe.run({ resultTypes: ["violations"] })).then((r) => r.violations)`, &found))
	for _, v := range found {
		nodes := ""
		for _, n := range v.Nodes[:min(3, len(v.Nodes))] {
			nodes += fmt.Sprintf("\n\t%.300s\n\t\t%s", n.HTML, strings.ReplaceAll(n.FailureSummary, "\n", " "))
		}
		t.Errorf("axe on %s (dark %t): %s, %s, %d times:%s", path, dark, v.ID, v.Help, len(v.Nodes), nodes)
	}
}

// maxFirstLoad is what a page may weigh over the wire at the first visit.
const maxFirstLoad = 150_000

func (c *console) firstLoad(t *testing.T) {
	for _, path := range []string{"/", "/apps/push-1440"} {
		p := c.tab(t, browser.Desk)
		var sum int64
		var lines []string
		for _, l := range p.Weigh(c.console+path, 2*time.Second) {
			sum += l.Bytes
			lines = append(lines, l.String())
		}
		t.Logf("%s weighs %d bytes at the first visit:\n%s", path, sum, strings.Join(lines, "\n"))
		if sum > maxFirstLoad || sum == 0 {
			t.Errorf("%s weighs %d bytes at the first visit, and may weigh %d", path, sum, maxFirstLoad)
		}
	}
}

// lighthouse asks Lighthouse about the three pages that people look at most. How fast they are is told, and
// only judged where it is asked for: the machine does other things meanwhile.
func (c *console) lighthouse(t *testing.T) {
	p := c.tab(t, browser.Desk)
	c.at(t, p, "/")
	name, value := p.Cookie("lugsail")
	headers, err := json.Marshal(map[string]string{"Cookie": name + "=" + value})
	check(t, err)
	judged := os.Getenv("CONSOLE") == "lighthouse"
	for _, path := range []string{"/", "/apps/push-1440", "/apps/push-1440/deployments/2"} {
		file := filepath.Join(c.root, ".artifacts", "lighthouse"+strings.ReplaceAll(path, "/", "-")+".json")
		c.must(t, filepath.Join(c.root, "internal/e2e/audit"), "node", "node_modules/lighthouse/cli/index.js", c.console+path,
			"--port="+c.browser.Port(t), "--extra-headers="+string(headers), "--output=json", "--output-path="+file, "--quiet",
			"--only-categories=performance,accessibility,best-practices", "--no-enable-error-reporting")
		var report struct {
			FinalDisplayedURL string
			Categories        map[string]struct {
				Score     float64
				AuditRefs []struct {
					ID     string
					Weight float64
				}
			}
			Audits map[string]struct {
				Title string
				Score *float64
			}
		}
		text, err := os.ReadFile(file)
		check(t, err)
		check(t, json.Unmarshal(text, &report))
		if report.FinalDisplayedURL != c.console+path {
			t.Errorf("Lighthouse looked at %s instead of %s", report.FinalDisplayedURL, path)
		}
		for kind, category := range report.Categories {
			t.Logf("%s: %s %.0f", path, kind, category.Score*100)
			if category.Score >= 0.95 || kind == "performance" && !judged {
				continue
			}
			for _, ref := range category.AuditRefs {
				if audit := report.Audits[ref.ID]; ref.Weight > 0 && audit.Score != nil && *audit.Score < 1 {
					t.Logf("  %s: %.2f, weight %g", audit.Title, *audit.Score, ref.Weight)
				}
			}
			t.Errorf("%s: %s is %.0f of 100", path, kind, category.Score*100)
		}
	}
}

// hostileText is what a stranger would have shown as something else than text.
const (
	evilHTML = `<img src=x onerror="window.hacked=1"><script>window.hacked=1</script>`
	evilBidi = "abc\u202egnp.exe\u202c"
	evilANSI = "\x1b[31mred\x1b[0m \x1b]0;title\x07 \x1b]8;;https://evil.example/\x1b\\link\x1b]8;;\x1b\\ \x1b]52;c;ZXZpbA==\x07 \x1b[2J\x1b[H \x9b31m"
)

// hostile shows everything that strangers can write as text, at every place where it is shown.
func (c *console) hostile(t *testing.T) {
	p := c.tab(t, browser.Desk)
	c.create(t, p, "evil")
	r := c.work(t, p, "evil")
	lines, err := json.Marshal([]string{"html " + evilHTML, "ansi " + evilANSI + " after", "bidi " + evilBidi + " after"})
	check(t, err)
	// The long line comes first: the viewer follows the end, and keeps only what is seen in the page.
	speak := fmt.Sprintf("console.log('long ' + 'x'.repeat(1 << 20) + ' end'); for (const l of %s) console.log(l);\n", lines)
	r.write(t, "build.js", speak)
	r.write(t, "package.json", `{"name": "x", "private": true, "scripts": {"start": "node server.js", "build": "node build.js"}}`)
	r.edit(t, "server.js", "console.log('up');", speak+"setInterval(() => { "+strings.TrimSpace(speak)+" }, 4000);")
	title := "Fix " + evilHTML + " " + evilBidi
	c.at(t, p, "/apps/evil/deployments")
	ended := c.pushing(t, r, title)
	p.WaitLong(patience, evilHTML)
	p.Click("Fix")
	p.WaitPath("/apps/evil/deployments/1")
	p.WaitLong(patience, "html "+evilHTML) // as it comes
	c.harmless(t, p, "the log of a deployment, live")
	p.WaitLong(patience, "Live")
	if got := <-ended; got.code != 0 {
		t.Fatalf("push: exit code %d\n%s", got.code, got.out)
	}
	for place, path := range map[string]string{
		"the log of a deployment": "/apps/evil/deployments/1", "the list of deployments": "/apps/evil/deployments",
		"the overview": "/apps/evil",
	} {
		c.at(t, p, path)
		p.Wait(evilHTML)
		c.harmless(t, p, place)
	}
	for place, path := range map[string]string{"the activity": "/activity", "the home": "/", "the check-up": "/apps/evil/checkup"} {
		c.at(t, p, path)
		c.harmless(t, p, place)
	}
	c.at(t, p, "/apps/evil/logs")
	p.Wait("html "+evilHTML, "ansi red", "after")
	c.harmless(t, p, "the app's log")
	var count int
	const lineCount = `document.body.innerText.split("html <img").length - 1`
	p.Ask(lineCount, &count)
	p.AskUntil(30*time.Second, fmt.Sprintf("%s > %d", lineCount, count), "no line came while the log was watched")
	c.harmless(t, p, "the app's log, live")

	for place, field := range map[string]struct{ path, label string }{
		"a name of an app":     {"/create", "Name"},
		"a config var":         {"/apps/evil/config", "Name"},
		"a domain":             {"/apps/evil/domains", "Add a domain"},
		"the path of a file":   {"/apps/evil/settings", "Path of the Dockerfile"},
		"an image's reference": {"/apps/evil/upload", "Name"},
	} {
		c.at(t, p, field.path)
		p.Ask(`document.querySelectorAll("form").forEach((f) => { f.noValidate = true }); window.before = true`, new(bool))
		p.Fill(field.label, evilHTML)
		p.Press(kb.Enter)
		p.AskUntil(20*time.Second, `!window.before && document.readyState === "complete"`, place+" is not answered")
		c.harmless(t, p, place)
	}
}

// harmless checks that nothing of a stranger's text became something else.
func (c *console) harmless(t *testing.T, p *browser.Page, place string) {
	t.Helper()
	var found struct {
		Hacked                        bool
		Elements, Control, Bidi, Wide int
		Title                         string
	}
	p.Ask(`(() => {
		const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
		let control = 0, bidi = 0;
		// A line of a log is a stranger's from end to end, and a block; elsewhere our own words may follow.
		const ours = (e) => !e.closest("[role=log]") && !/isolate|plaintext/.test(getComputedStyle(e).unicodeBidi);
		for (let n = walk.nextNode(); n; n = walk.nextNode()) {
			if (/[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]/.test(n.data)) control++;
			if (/[\u202a-\u202e\u2066-\u2069]/.test(n.data) && ours(n.parentElement)) bidi++;
		}
		return { hacked: Boolean(window.hacked), control, bidi, title: document.title,
			elements: document.querySelectorAll('img[src="x"], main script, a[href*="evil.example"]').length };
	})()`, &found)
	if found.Hacked || found.Elements > 0 || found.Control > 0 || found.Bidi > 0 {
		t.Errorf("%s: script ran %t, elements %d, texts with control characters %d, with bidi characters that reach beyond them %d", place, found.Hacked, found.Elements, found.Control, found.Bidi)
	}
	if strings.Contains(found.Title, "\u202e") || found.Title == "title" {
		t.Errorf("%s: the tab's title is %q", place, found.Title)
	}
}

// longLog scrolls through what a talkative app has written, and watches it write a thousand lines a second.
func (c *console) longLog(t *testing.T) {
	p := c.tab(t, browser.Desk)
	c.create(t, p, "talker")
	r := c.work(t, p, "talker")
	r.write(t, "server.js", `
let n = 0;
const line = () => console.log('line', n++, 'GET /products/' + n % 977, 200, (n % 89) + ' ms', '\x1b[32mok\x1b[0m');
for (let i = 0; i < 100000; i++) line();
require('http').createServer((q, r) => {
  if (q.url === '/flood') { const at = setInterval(() => { for (let i = 0; i < 50; i++) line(); }, 50); setTimeout(() => clearInterval(at), 12000); }
  r.end('Hello from the talker');
}).listen(process.env.PORT);
`)
	if got := <-c.pushing(t, r, "Talk"); got.code != 0 {
		t.Fatalf("push: exit code %d\n%s", got.code, got.out)
	}
	began := time.Now()
	c.at(t, p, "/apps/talker/logs")
	p.Wait("GET /products/")
	t.Logf("the log is there after %.1f s", time.Since(began).Seconds())
	still := c.frames(t, p, 3*time.Second, `(() => { const log = document.querySelector("[role=log]"); log.scrollTop = Math.random() * log.scrollHeight; })()`)
	t.Logf("scrolling: %s", still)
	if still.Worst > 5000 { // loosely: others work on the machine, too
		t.Errorf("scrolling blocks the page for %.0f ms", still.Worst)
	}
	p.Reload()
	p.Wait("GET /products/")
	response, err := c.client.Get(c.url("talker") + "/flood")
	check(t, err)
	_ = response.Body.Close()
	live := c.frames(t, p, 8*time.Second, "")
	t.Logf("a thousand lines a second: %s", live)
	if live.Frames < 20 || live.Worst > 5000 {
		t.Errorf("a thousand lines a second block the page: %s", live)
	}
	if status, _ := c.get(t, "talker", "/"); status != http.StatusOK {
		t.Errorf("the app answers %d", status)
	}
}

// smooth is how evenly a page was drawn.
type smooth struct {
	Frames              int
	Median, P95, Worst  float64 // ms between frames
	Long, Blocked, Over float64 // tasks over 50 ms: how many, their sum in ms
}

func (s smooth) String() string {
	return fmt.Sprintf("%d frames, %.1f ms between them at the median, %.1f at the 95th percentile, %.1f at worst; %.0f tasks over 50 ms, %.0f ms in all", s.Frames, s.Median, s.P95, s.Worst, s.Long, s.Blocked)
}

// frames measures the gaps between frames, with something done in each.
func (c *console) frames(t *testing.T, p *browser.Page, during time.Duration, each string) smooth {
	t.Helper()
	if each == "" {
		each = "null"
	}
	var s smooth
	check(t, p.AskLong(during+30*time.Second, fmt.Sprintf(`new Promise((done) => {
		const gaps = [], long = [];
		const watch = new PerformanceObserver((list) => long.push(...list.getEntries().map((e) => e.duration)));
		watch.observe({ entryTypes: ["longtask"] });
		let last = performance.now();
		const end = last + %d;
		const step = (now) => {
			gaps.push(now - last); last = now;
			%s;
			if (now < end) return requestAnimationFrame(step);
			watch.disconnect();
			gaps.sort((a, b) => a - b);
			done({ frames: gaps.length, median: gaps[gaps.length >> 1], p95: gaps[Math.floor(gaps.length * 0.95)], worst: gaps.at(-1),
				long: long.length, blocked: long.reduce((a, b) => a + b, 0) });
		};
		requestAnimationFrame(step);
	})`, during.Milliseconds(), each), &s))
	return s
}
