package e2e

import (
	"crypto/hmac"
	"crypto/sha1"
	"encoding/base32"
	"encoding/binary"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/lugsail/lugsail/internal/e2e/browser"
)

// console is an installation with its owner before a real browser.
type console struct {
	*server
	browser *browser.Browser
	owner   *browser.Person
}

// TestConsole walks a beginner's first hour in Debian's Chromium: from the set-up link on, by what is to be
// seen and nothing else. The journeys are taken on a desk's screen and on a phone's; the audits look at what
// the journeys have left. With CONSOLE=screens pictures of every page are saved, and with CONSOLE=lighthouse all
// scores of Lighthouse are judged, after the journeys on the desk; with CONSOLE=log the log viewer is measured.
func TestConsole(t *testing.T) {
	s := newServer(t)
	s.options = append(s.options, "--acme-directory", "off") // a journey names a domain, and nobody's authority shall hear of it
	c := &console{server: s}
	if !t.Run("install", func(t *testing.T) { testInstall(t, s) }) {
		return
	}
	c.browser = browser.Start(t, filepath.Join(s.root, ".artifacts"))
	c.owner = c.browser.Person(t)
	if !t.Run("first run", c.firstRun) {
		return
	}
	s.login(t)
	c.walkAll(t)
}

// patience is for deployments, on a machine that does other things too.
const patience = 3 * time.Minute

// step is one part of the first hour.
type step struct {
	name string
	walk func(*testing.T, browser.Size)
}

// walkAll takes all journeys, then looks at what they have left.
func (c *console) walkAll(t *testing.T) {
	journeys := []step{
		{"upload", c.upload},
		{"push", c.push},
		{"failing build", c.failingBuild},
		{"roll back", c.rollBack},
		{"config var", c.configVar},
		{"domain", c.domain},
		{"scale", c.scale},
		{"retry", c.retry},
		{"volume", c.volume},
		{"database", c.database},
		{"terminal", c.terminal},
		{"another browser", c.anotherBrowser},
		{"second factor", c.secondFactor},
		{"passkey", c.passkey},
		{"wrong password", c.wrongPassword},
	}
	audits := []struct {
		name string
		look func(*testing.T)
	}{
		{"without scripts", c.withoutScripts},
		{"by keyboard", c.byKeyboard},
		{"hostile content", c.hostile},
		{"every page", c.everyPage},
		{"first load", c.firstLoad},
		{"long log", c.longLog},
		{"lighthouse", c.lighthouse},
	}
	only := map[string]string{"screens": "every page", "lighthouse": "lighthouse", "log": "long log"}[os.Getenv("CONSOLE")]
	for _, size := range []browser.Size{browser.Desk, browser.Phone} {
		for _, j := range journeys {
			if only == "" || size == browser.Desk {
				t.Run(j.name+" at "+size.String(), func(t *testing.T) { j.walk(t, size) })
			}
		}
	}
	for _, audit := range audits {
		if only == audit.name || only == "" && audit.name != "long log" { // that one measures, and wants the machine for itself
			t.Run(audit.name, audit.look)
		}
	}
	for _, size := range []browser.Size{browser.Desk, browser.Phone} {
		if only == "" {
			t.Run("delete and undo at "+size.String(), func(t *testing.T) { c.deleteAndUndo(t, size) })
		}
	}
	if only == "" {
		t.Run("another address", c.anotherAddress)
	}
}

// tab is a tab of the owner's; at its end the page may have no errors.
func (c *console) tab(t *testing.T, size browser.Size) *browser.Page {
	t.Helper()
	p := c.owner.Tab(t, size)
	t.Cleanup(p.Quiet)
	return p
}

// at opens a page of the console, which has to be there.
func (c *console) at(t *testing.T, p *browser.Page, path string) {
	t.Helper()
	if status := p.Open(c.console + path); status != http.StatusOK {
		t.Fatalf("%s is answered %d", path, status)
	}
}

// firstRun goes from the link of the installer to an empty home; the link works once (A44).
func (c *console) firstRun(t *testing.T) {
	stranger := c.browser.Person(t).Tab(t, browser.Phone)
	if status := stranger.Open(c.console + "/setup/wrong-token"); status < 400 || status >= 500 {
		t.Errorf("A44: a wrong link is answered %d", status)
	}
	stranger.Wait("Set up this server", "lugsail recover")
	p := c.tab(t, browser.Desk)
	c.at(t, p, "/setup/"+c.setup)
	p.Wait("Make this server yours")
	p.Fill("Your e-mail address", c.email)
	p.Fill("Password", c.pass)
	p.Fill("The password again", c.pass+" no")
	p.Click("Create the owner's account")
	p.Wait("passwords differ")
	p.Fill("Password", c.pass)
	p.Fill("The password again", c.pass)
	p.Click("Create the owner's account")
	p.Wait("Where is this server found?")
	p.Click("Keep console.localhost")
	p.Wait("Your server is ready")
	p.Click("Create your first app")
	p.WaitPath("/create")
	c.at(t, p, "/")
	p.Wait("Create your first app")
	stranger.Open(c.console + "/setup/" + c.setup)
	stranger.Wait("sign in")
	stranger.Open(c.console + "/")
	stranger.WaitPath("/login")
}

// create makes an app by the form.
func (c *console) create(t *testing.T, p *browser.Page, name string) {
	t.Helper()
	c.at(t, p, "/")
	p.Click("Create")
	p.WaitPath("/create")
	p.Fill("Name", name)
	p.Choose("nano")
	p.Click("Create the app")
	p.WaitPath("/apps/" + name)
	p.Wait(name, "git push lugsail main")
}

// shows waits until an app's address shows a text in the browser.
func (c *console) shows(t *testing.T, app, text string) {
	t.Helper()
	p := c.owner.Tab(t, browser.Desk)
	var status int64
	eventually(t, time.Minute, func() bool {
		status = p.Open(c.url(app) + "/")
		return status == http.StatusOK && p.Has(text)
	}, func() string {
		return fmt.Sprintf("%s is answered %d %.200q, want %q", c.url(app), status, p.Text(), text)
	})
}

// upload goes from nothing to a live app without git.
func (c *console) upload(t *testing.T, size browser.Size) {
	app := "upload-" + size.String()
	p := c.tab(t, size)
	c.create(t, p, app)
	p.Click("Upload a folder, an archive or an image")
	file := filepath.Join(c.dir, "work", app+".zip")
	check(t, os.MkdirAll(filepath.Dir(file), 0o700))
	zipInto(t, file, map[string]string{"site/index.html": "<!doctype html><title>x</title><p>Hello from " + app})
	p.Attach("Archive", file)
	p.Click("Upload and deploy")
	p.WaitPath("/apps/" + app + "/deployments/")
	p.WaitLong(patience, "Live")
	c.shows(t, app, "Hello from "+app)
	c.at(t, p, "/")
	if card := p.In(app, "v1"); !strings.Contains(card, "serves") {
		t.Errorf("the card says %q", card)
	}
}

// work makes a work tree with a small app, and its remote as the page tells it.
func (c *console) work(t *testing.T, p *browser.Page, app string) *repo {
	t.Helper()
	r := &repo{server: c.server, app: app, dir: filepath.Join(c.dir, "work", app)}
	r.write(t, "package.json", `{"name": "x", "private": true, "scripts": {"start": "node server.js"}}`)
	r.write(t, "server.js", `console.log('up'); require('http').createServer((_, r) => r.end('Hello one ' + (process.env.GREETING || ''))).listen(process.env.PORT);`)
	r.git(t, "init", "-q", "-b", "main")
	r.git(t, "config", "user.name", "Ada")
	r.git(t, "config", "user.email", c.email)
	var line string
	p.Ask(`[...document.querySelectorAll("pre, code, input")].map((e) => (e.value ?? e.textContent).trim()).find((t) => t.startsWith("git remote add lugsail "))?.split("\n")[0] ?? ""`, &line)
	if line == "" {
		t.Fatalf("the page does not tell the remote: %s", p.Text())
	}
	r.git(t, strings.Fields(line)[1:]...)
	return r
}

// pushing commits and pushes, and hands over the result when git has ended.
func (c *console) pushing(t *testing.T, r *repo, message string) <-chan result {
	t.Helper()
	r.commit(t, message)
	ended := make(chan result, 1)
	go func() { ended <- r.push(t) }()
	return ended
}

// push is watched in the browser, from the page that waits for it on, without one reload.
func (c *console) push(t *testing.T, size browser.Size) {
	app := "push-" + size.String()
	p := c.tab(t, size)
	c.create(t, p, app)
	r := c.work(t, p, app)
	var marked bool
	p.Ask("window.stays = true", &marked)
	ended := c.pushing(t, r, "Say hello")
	p.WaitLong(patience, "Say hello")
	p.WaitLong(patience, "v1 serves")
	p.AskUntil(time.Second, "window.stays", "the page was loaded anew while it was watched")
	if got := <-ended; got.code != 0 {
		t.Fatalf("push: exit code %d\n%s", got.code, got.out)
	}
	c.shows(t, app, "Hello one")

	r.edit(t, "server.js", "Hello one", "Hello two")
	r.write(t, "package.json", `{"name": "x", "private": true, "scripts": {"start": "node server.js", "build": "echo the build speaks; sleep 3; echo the build ends"}}`)
	c.at(t, p, "/apps/"+app+"/deployments")
	ended = c.pushing(t, r, "Say hello twice")
	p.WaitLong(patience, "Say hello twice")
	p.Click("Say hello twice")
	p.WaitPath("/apps/" + app + "/deployments/2")
	p.Wait("Say hello twice")
	p.Ask("window.stays = true", &marked)
	p.WaitLong(patience, "the build speaks")
	p.WaitLong(patience, "the build ends")
	p.WaitLong(patience, "Live")
	p.AskUntil(time.Second, "window.stays", "the page was loaded anew while it was watched")
	if got := <-ended; got.code != 0 {
		t.Fatalf("push: exit code %d\n%s", got.code, got.out)
	}
	c.shows(t, app, "Hello two")
}

// failingBuild is understood by what the page says, and fixed by another push.
func (c *console) failingBuild(t *testing.T, size browser.Size) {
	app := "push-" + size.String()
	r := c.open(app)
	r.write(t, "package.json", `{"name": "x", "private": true, "scripts": {"start": "node server.js", "build": "node build.js"}}`)
	r.write(t, "build.js", "throw new Error('the sails are torn');")
	if got := <-c.pushing(t, r, "Break it"); got.code == 0 {
		t.Fatalf("a broken build was taken:\n%s", got.out)
	}
	p := c.tab(t, size)
	c.at(t, p, "/apps/"+app)
	p.Wait("Break it")
	p.Click("Deployments")
	p.WaitPath("/apps/" + app + "/deployments")
	p.Click("Break it")
	p.Wait("Failed", "the sails are torn", "still serves")
	c.shows(t, app, "Hello two")
	r.write(t, "build.js", "console.log('mended');")
	if got := <-c.pushing(t, r, "Mend it"); got.code != 0 {
		t.Fatalf("push: exit code %d\n%s", got.code, got.out)
	}
	c.at(t, p, "/apps/"+app+"/deployments")
	if row := p.In("Mend it", "v3"); !strings.Contains(row, "Live") {
		t.Errorf("the row of the deployment that mends says %q", row)
	}
}

// rollBack returns to the first release by a click.
func (c *console) rollBack(t *testing.T, size browser.Size) {
	app := "push-" + size.String()
	p := c.tab(t, size)
	c.at(t, p, "/apps/"+app)
	p.Click("Roll back to v1…")
	p.WaitPath("/apps/" + app + "/rollback")
	p.Wait("What changes", "Nothing is built")
	p.Click("Roll back to v1")
	p.WaitPath("/apps/" + app + "/deployments/")
	p.WaitLong(patience, "Live")
	c.shows(t, app, "Hello one")
}

// configVar reaches the app, and its value is shown only when asked for.
func (c *console) configVar(t *testing.T, size browser.Size) {
	app := "push-" + size.String()
	p := c.tab(t, size)
	c.at(t, p, "/apps/"+app)
	p.Click("Config vars")
	p.WaitPath("/apps/" + app + "/config")
	p.Fill("Name", "GREETING")
	p.Fill("Value", "from LGS-CANARY")
	p.Click("See what changes")
	p.Wait("What saving changes", "GREETING")
	p.Click("Save and restart now")
	c.shows(t, app, "from LGS-CANARY")
	c.at(t, p, "/apps/"+app+"/config")
	p.Wait("GREETING")
	if p.Has("LGS-CANARY") {
		t.Error("A73: the value is shown unasked")
	}
	p.Click("Show GREETING")
	p.Wait("from LGS-CANARY")
}

// domain is told which record leads it here, and goes again.
func (c *console) domain(t *testing.T, size browser.Size) {
	app, host := "upload-"+size.String(), "shop-"+size.String()+".example.test"
	p := c.tab(t, size)
	c.at(t, p, "/apps/"+app)
	p.Click("Domains")
	p.WaitPath("/apps/" + app + "/domains")
	p.Fill("Add a domain", host)
	p.Click("Add the domain")
	p.Wait(host, "point "+host)
	p.ClickIn(host, "Remove")
	p.Agree()
	p.WaitPath("/apps/" + app + "/domains")
	p.WaitGone(host)
}

// terminal is a shell in a replica: what is typed there runs there.
func (c *console) terminal(t *testing.T, size browser.Size) {
	app := "push-" + size.String()
	p := c.tab(t, size)
	c.at(t, p, "/apps/"+app+"/terminal")
	p.Click("Connect")
	p.Wait("In web.1", "/app$") // what is typed before the shell is there, the shell throws away
	p.Type("echo LGS-$((40+2)); hostname\r")
	p.Wait("LGS-42")
	c.bothThemes(t, p, "a connected terminal")
	p.Click("End the session")
	p.Wait("You have ended the session", "Connect again")
}

// scale starts a second replica, which the overview shows.
func (c *console) scale(t *testing.T, size browser.Size) {
	app := "upload-" + size.String()
	p := c.tab(t, size)
	c.at(t, p, "/apps/"+app)
	p.Click("Scaling")
	p.WaitPath("/apps/" + app + "/scaling")
	p.Fill("web", "2")
	p.Click("Set the replicas")
	p.WaitLong(patience, "Live")
	c.at(t, p, "/apps/"+app)
	p.WaitLong(patience, "web.1", "web.2")
	c.at(t, p, "/apps/"+app+"/scaling")
	p.Fill("web", "1")
	p.Click("Set the replicas")
	p.WaitLong(patience, "Live")
}

// retry asks once more for an image that could not be fetched; what serves goes on.
func (c *console) retry(t *testing.T, size browser.Size) {
	app := "upload-" + size.String()
	p := c.tab(t, size)
	c.at(t, p, "/apps/"+app+"/upload")
	p.Fill("Name", "localhost:9/nothing:1") // nobody listens there
	p.Click("Deploy the image")
	p.WaitPath("/apps/" + app + "/deployments/")
	p.WaitLong(patience, "Failed")
	first := p.Path()
	p.Click("Retry")
	eventually(t, time.Minute, func() bool { return p.Path() != first }, func() string { return "Retry leads nowhere: " + p.Text() })
	p.WaitLong(patience, "Failed", "still serves")
	c.shows(t, app, "Hello from "+app)
}

// volume is added, found by the app after its restart, put into the trash and brought back.
func (c *console) volume(t *testing.T, size browser.Size) {
	p := c.tab(t, size)
	app := "upload-" + size.String()
	name := "files-" + size.String()
	c.at(t, p, "/apps/"+app+"/volumes")
	p.Fill("Name", name)
	p.Fill("Where the app finds it", "/etc")
	p.Click("Add the volume")
	p.Wait("would hide what is there")
	p.Fill("Where the app finds it", "/data/"+size.String())
	p.Choose("All replicas")
	p.Click("Add the volume")
	p.WaitLong(patience, "Live")
	c.at(t, p, "/apps/"+app+"/volumes")
	p.Wait(name, "All replicas have it at once")
	p.Click("Remove")
	p.Fill("Type "+name+" to confirm", name)
	p.Click("Remove the volume")
	p.WaitLong(patience, "Live")
	c.at(t, p, "/apps/"+app+"/volumes")
	p.Wait("In the trash", "removed for good on")
	p.Click("Bring back " + name)
	p.WaitLong(patience, "Live")
	c.at(t, p, "/apps/"+app+"/volumes")
	p.Wait("All replicas have it at once")
}

// database makes a cache that an app is bound to, gives it a new password, and takes it away from the app again.
func (c *console) database(t *testing.T, size browser.Size) {
	p := c.tab(t, size)
	app, name := "upload-"+size.String(), "cache-"+size.String()
	c.at(t, p, "/apps/"+app+"/addons")
	p.Click("Make a new database for " + app)
	p.WaitPath("/create/database")
	p.AskUntil(20*time.Second, `document.readyState === "complete"`, "the form is not loaded")
	p.Choose("Valkey")
	p.Fill("Name", app)
	p.Wait("already an app named " + app)
	p.Fill("Name", name)
	p.Wait(name + " is free")
	p.Click("Create the database")
	p.WaitPath("/apps/" + name + "/deployments/1")
	p.WaitLong(patience, "Live")
	c.at(t, p, "/apps/"+app+"/addons")
	p.Wait(name, "REDIS_URL")
	p.Click(name)
	p.WaitPath("/apps/" + name)
	c.at(t, p, "/apps/"+name)
	p.Click("Change the password")
	p.Wait(app + " restarts with it")
	p.Agree()
	p.WaitPath("/apps/" + name + "/deployments/")
	p.WaitLong(patience, "Live")
	p.Click("To the add-on")
	p.Click("Show the password")
	p.Wait("redis://:", "@"+name+":6379")
	c.at(t, p, "/apps/"+app+"/addons")
	p.Click("Unbind " + name)
	p.Agree()
	p.WaitGone("REDIS_URL")
	c.at(t, p, "/apps/"+app+"/addons")
	p.Wait("None yet", "Bind an add-on")
	c.at(t, p, "/apps/"+app)
	p.WaitLong(patience, " serves")
}

// anotherBrowser signs in, is seen in the first one, and is ended from there.
func (c *console) anotherBrowser(t *testing.T, size browser.Size) {
	other := c.browser.Person(t).Tab(t, size)
	other.Open(c.console + "/")
	other.WaitPath("/login")
	c.signIn(other, c.email, c.pass)
	other.Wait("Create")
	other.Open(c.console + "/create")
	other.Fill("Name", "typed-before-the-end")
	p := c.tab(t, size)
	c.at(t, p, "/account")
	p.Click("Show the browsers")
	p.Wait("this one", "Sign out")
	for p.Offers("", "Sign out Chrome") {
		p.Click("Sign out Chrome")
		p.Wait("is signed out")
		c.at(t, p, "/account/browsers")
	}
	other.Wait("Your session has ended", "go on here")
	other.Click("Create the app")
	other.WaitPath("/login")
	other.Wait("was not done")
	c.signIn(other, c.email, c.pass)
	other.WaitPath("/create")
	other.Wait("What you typed is here again")
	other.AskUntil(time.Second, `document.getElementById("name").value === "typed-before-the-end"`, "what was typed is lost")
}

func (c *console) signIn(p *browser.Page, email, password string) {
	p.Fill("E-mail address", email)
	p.Fill("Password", password)
	p.Click("Sign in")
}

// secondFactor is switched on with the secret that the page shows, asked for at the door, and switched off again.
func (c *console) secondFactor(t *testing.T, size browser.Size) {
	p := c.tab(t, size)
	c.at(t, p, "/account/second-factor")
	p.Fill("Your password, once more", c.pass)
	p.Click("Show the QR code")
	p.Wait("Set up the second factor")
	p.Click("No camera?")
	var secret, codes string
	p.Ask(`document.getElementById("secret").textContent`, &secret)
	p.Fill("Code of six digits", "000000")
	p.Click("Switch it on")
	p.Wait("Try the next code")
	p.Fill("Code of six digits", totp(t, secret, time.Now()))
	p.Click("Switch it on")
	p.Wait("The second factor is on")
	p.Ask(`document.getElementById("codes").textContent`, &codes)
	recovery := strings.Fields(codes)
	if len(recovery) != 10 {
		t.Fatalf("the recovery codes are %q", codes)
	}
	other := c.browser.Person(t).Tab(t, size)
	other.Open(c.console + "/account")
	other.WaitPath("/login")
	c.signIn(other, c.email, c.pass)
	other.Wait("Enter the code")
	if other.Fill("Code", "123456"); other.Has("Tokens") {
		t.Error("one is in without the code")
	}
	other.Fill("Code", totp(t, secret, time.Now().Add(30*time.Second))) // each works once, so the phone's next one
	other.Click("Sign in")
	other.WaitPath("/account")
	other.Wait("How you sign in")
	c.at(t, p, "/account/second-factor")
	p.Click("Switch the second factor off")
	p.FillIn("Switch it off", "Your password", c.pass)
	p.FillIn("Switch it off", "Code from the phone", recovery[0])
	p.ClickIn("Code from the phone", "Switch it off")
	p.WaitPath("/account")
	other.Open(c.console + "/account")
	other.WaitPath("/login")
}

// passkey is made on a device, signs in without a password, and no longer does once it is removed.
func (c *console) passkey(t *testing.T, size browser.Size) {
	p := c.browser.Person(t).Tab(t, size)
	p.Fingerprint()
	p.Open(c.console + "/account/passkeys")
	p.WaitPath("/login")
	c.signIn(p, c.email, c.pass)
	p.WaitPath("/account/passkeys")
	p.Fill("Name", "my laptop")
	p.Fill("Your password", "a wrong one")
	p.Click("Add the passkey")
	p.Wait("The current password is not right")
	p.Fill("Your password", c.pass)
	p.Click("Add the passkey")
	p.Wait("my laptop", "never used")
	c.at(t, p, "/account")
	p.Click("Sign out")
	p.WaitPath("/login")
	p.Click("Sign in with a passkey")
	p.WaitPath("/")
	c.at(t, p, "/account/passkeys")
	if p.Has("never used") {
		t.Error("the passkey was not used")
	}
	p.Click("Remove my laptop")
	p.Agree()
	p.WaitGone("Yours")
	c.at(t, p, "/account")
	p.Click("Sign out")
	p.WaitPath("/login")
	if p.Offers("", "Sign in with a passkey") {
		p.Click("Sign in with a passkey")
		p.Wait("passkey")
		if !strings.HasPrefix(p.Path(), "/login") {
			t.Errorf("a removed passkey signs in: %s", p.Path())
		}
	}
	owner := c.tab(t, size) // removing one has signed out the others
	owner.Open(c.console + "/account")
	owner.WaitPath("/login")
	c.signIn(owner, c.email, c.pass)
	owner.WaitPath("/account")
}

// totp is what an app on a phone shows (RFC 6238: HMAC-SHA-1, 30 seconds, six digits).
func totp(t *testing.T, secret string, at time.Time) string {
	t.Helper()
	key, err := base32.StdEncoding.WithPadding(base32.NoPadding).DecodeString(strings.ToUpper(strings.Join(strings.Fields(secret), "")))
	check(t, err)
	mac := hmac.New(sha1.New, key)
	check(t, binary.Write(mac, binary.BigEndian, at.Unix()/30))
	sum := mac.Sum(nil)
	from := sum[len(sum)-1] & 0xf
	return fmt.Sprintf("%06d", (binary.BigEndian.Uint32(sum[from:])&0x7fffffff)%1_000_000)
}

// wrongPassword is answered kindly, and slower and slower: after some tries with a wait.
func (c *console) wrongPassword(t *testing.T, size browser.Size) {
	p := c.browser.Person(t).Tab(t, size)
	for try := range 16 {
		p.Open(c.console + "/login")
		c.signIn(p, "eve-"+size.String()+"@example.com", fmt.Sprintf("guess number %d", try))
		p.AskUntil(30*time.Second, `/is wrong|too many wrong tries/i.test(document.body.innerText)`, "a wrong password is not answered")
		if p.Has("too many wrong tries") {
			if try == 0 {
				t.Error("the first wrong password is not called wrong")
			}
			return
		}
	}
	t.Errorf("sixteen wrong passwords are not throttled: %s", p.Text())
}

// deleteAndUndo asks for the name, and brings everything back.
func (c *console) deleteAndUndo(t *testing.T, size browser.Size) {
	app := "upload-" + size.String()
	p := c.tab(t, size)
	c.at(t, p, "/apps/"+app+"/settings")
	p.Fill("Type "+app+" to confirm", "wrong")
	p.Click("Destroy the app")
	p.Wait("its name must be given once more")
	p.Fill("Type "+app+" to confirm", app)
	p.Click("Destroy the app")
	p.WaitPath("/trash")
	c.at(t, p, "/trash")
	p.ClickIn(app, "Bring it back")
	p.WaitGone("Bring it back")
	c.at(t, p, "/apps/"+app)
	p.WaitLong(patience, " serves")
	c.shows(t, app, "Hello from "+app)
}

// anotherAddress moves the server to a domain that does not lead here yet, and back: the address that one came by
// goes on to work all the time.
func (c *console) anotherAddress(t *testing.T) {
	p := c.tab(t, browser.Desk)
	c.at(t, p, "/server/address")
	p.Choose("A domain of your own")
	p.Fill("Your domain", "apps.example.test")
	p.Click("Check the DNS")
	p.Wait("*.apps.example.test", "Take it now")
	p.Choose("Take it now")
	p.Click("Use this address")
	c.found(t, "console.apps.example.test")
	c.shows(t, "push-1440", "Hello one")
	c.at(t, p, "/server/address")
	p.Choose("This machine only")
	p.Click("Use this address")
	c.found(t, "The console is at console.localhost")
}

// found waits until the server, which starts anew, says where it is found.
func (c *console) found(t *testing.T, text string) {
	t.Helper()
	p := c.owner.Tab(t, browser.Desk)
	var status int64
	eventually(t, time.Minute, func() bool {
		status = p.Open(c.console + "/server/address")
		return status == http.StatusOK && p.Has(text)
	}, func() string { return fmt.Sprintf("answered %d %.300q, want %q", status, p.Text(), text) })
}
