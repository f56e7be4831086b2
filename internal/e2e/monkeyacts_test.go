package e2e

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// acts are what the monkey can do. Each tells whether there was something to do it to.
func (m *monkey) acts() map[string]func(*testing.T) bool {
	return map[string]func(*testing.T) bool{
		"create": m.create, "push": m.push, "push what does not build": m.pushBroken, "push another branch": m.pushBranch,
		"push the same again": m.pushAgain, "push twice at once": m.pushTwice, "push and kill": m.pushAndKill, "push and cancel": m.pushAndCancel,
		"roll back": m.rollback, "set a config var": m.setConfig, "set a config var and kill": m.setConfigAndKill, "scale": m.scale, "plan": m.plan,
		"upload": m.upload, "run a command": m.oneOff, "rename": m.rename,
		"destroy": m.destroy, "destroy and kill": m.destroyAndKill, "restore": m.restore, "restore and kill": m.restoreAndKill, "remove for good": m.purge,
		"kill the control plane": m.killPart("serve"), "kill the proxy": m.killPart("proxy"), "hold the control plane": m.hold,
		"kill the engine": m.killEngine, "restart the engine": m.restartEngine,
		"kill a replica": m.hurt("kill"), "remove a replica": m.hurt("rm", "-f"), "stop a replica": m.hurt("stop", "-t", "0"),
	}
}

func (m *monkey) cli(t *testing.T, args ...string) result {
	t.Helper()
	return m.s.run(t, m.s.home(), m.s.binary(), args...)
}

// fine is for what nothing stands in the way of.
func (m *monkey) fine(t *testing.T, got result) result {
	t.Helper()
	if got.code != 0 {
		t.Errorf("%s: exit code %d\n%s", m.step, got.code, got.out)
	}
	return got
}

func (m *monkey) create(t *testing.T) bool {
	if len(m.apps) >= 6 {
		return false
	}
	name := m.next("app")
	c := &creature{name: name, web: 1, past: map[int]content{}, texts: map[string]bool{}, repo: m.s.repo(t, name, "")}
	c.repo.write(t, "package.json", manifest)
	c.id = m.of(t, c).ID
	m.apps[name] = c
	return true
}

// change commits another text and gives it.
func (m *monkey) change(t *testing.T, c *creature) string {
	text := m.next("text")
	c.texts[text], c.pushed = true, true
	c.repo.write(t, "server.js", program(text))
	c.repo.commit(t, text)
	return text
}

func (m *monkey) push(t *testing.T) bool {
	c := m.any(everyone)
	if c == nil {
		return false
	}
	text := m.change(t, c)
	m.fine(t, c.repo.push(t))
	m.expect(t, c, content{text: text, mark: c.mark}, true)
	return true
}

func (m *monkey) pushBroken(t *testing.T) bool {
	c := m.withCommits()
	if c == nil {
		return false
	}
	c.repo.write(t, "package.json", `{"name": "creature", "scripts": {"start": `)
	c.repo.commit(t, "broken")
	if got := c.repo.push(t); got.code == 0 {
		t.Errorf("%s: taken\n%s", m.step, got.out)
	}
	c.repo.git(t, "reset", "-q", "--hard", "HEAD~1")
	return true
}

func (m *monkey) pushBranch(t *testing.T) bool {
	c := m.withCommits()
	if c == nil {
		return false
	}
	m.fine(t, m.s.run(t, c.repo.dir, "git", "push", "lugsail", "main:refs/heads/"+m.next("branch")))
	return true
}

func (m *monkey) pushAgain(t *testing.T) bool {
	c := m.withCommits()
	if c == nil {
		return false
	}
	got := m.s.run(t, c.repo.dir, "git", "push", "--force", "lugsail", "main") // after a rollback the branch may be behind or the same
	m.fine(t, got)
	m.resolve(t, c, content{text: m.textOf(t, c), mark: c.mark})
	return true
}

// textOf reads the text in the work tree.
func (m *monkey) textOf(t *testing.T, c *creature) string {
	text, _, ok := strings.Cut(c.repo.git(t, "show", "HEAD:server.js"), "';")
	if !ok {
		t.Fatalf("%s: no text in the work tree of %s", m.step, c.name)
	}
	return strings.TrimPrefix(text, "const text = '")
}

// pushTwice pushes two commits one after the other without waiting: the newest wins.
func (m *monkey) pushTwice(t *testing.T) bool {
	c := m.live()
	if c == nil {
		return false
	}
	m.change(t, c)
	first := make(chan result, 1)
	go func() { first <- c.repo.push(t) }()
	m.underWay(t, c)
	text := m.change(t, c)
	second := c.repo.push(t)
	<-first // live, or replaced by the second
	m.fine(t, second)
	m.expect(t, c, content{text: text, mark: c.mark}, true)
	return true
}

// underWay waits until a deployment of the app has begun.
func (m *monkey) underWay(t *testing.T, c *creature) {
	t.Helper()
	before := m.newest(t, c)
	eventually(t, 30*time.Second, func() bool { return m.newest(t, c) != before || m.running(t, c) }, func() string { return m.step + ": no deployment begins" })
}

func (m *monkey) pushAndKill(t *testing.T) bool {
	c := m.live()
	if c == nil {
		return false
	}
	text := m.change(t, c)
	pushed := make(chan result, 1)
	go func() { pushed <- c.repo.push(t) }()
	time.Sleep(time.Duration(m.random.IntN(2500)) * time.Millisecond) // a random moment is the point
	m.s.kill(t, "serve")
	m.s.answers(t)
	got := <-pushed
	m.expect(t, c, content{text: text, mark: c.mark}, got.code == 0)
	return true
}

func (m *monkey) pushAndCancel(t *testing.T) bool {
	c := m.live()
	if c == nil {
		return false
	}
	text := m.change(t, c)
	pushed := make(chan result, 1)
	go func() { pushed <- c.repo.push(t) }()
	m.underWay(t, c)
	m.cli(t, "cancel", "--app", c.name) // it may be live already
	got := <-pushed
	m.expect(t, c, content{text: text, mark: c.mark}, got.code == 0)
	return true
}

func (m *monkey) rollback(t *testing.T) bool {
	c := m.any(func(c *creature) bool { return len(c.past) > 1 })
	if c == nil {
		return false
	}
	got := m.cli(t, "rollback", "--app", c.name)
	if got.code != 0 && strings.Contains(got.out, "no earlier release") {
		return false
	}
	m.fine(t, got)
	var list struct {
		Deployments []struct {
			FromRelease int `json:"from_release"`
		}
	}
	m.s.json(t, &list, "deployments", "--app", c.name)
	from, known := c.past[list.Deployments[0].FromRelease]
	if !known { // one of two pushes, live for a moment only
		now, err := m.page(c)
		if err != nil || !c.texts[now.text] {
			t.Errorf("%s: back to v%d, which answers %+v, %v", m.step, list.Deployments[0].FromRelease, now, err)
		}
		from = now
	}
	m.expect(t, c, content{text: from.text, mark: from.mark}, true)
	return true
}

func (m *monkey) setConfig(t *testing.T) bool { return m.configWith(t, func() {}, true) }

func (m *monkey) setConfigAndKill(t *testing.T) bool {
	return m.configWith(t, m.killSoon(t), false)
}

func (m *monkey) configWith(t *testing.T, meanwhile func(), certain bool) bool {
	c := m.live()
	if c == nil {
		return false
	}
	mark := m.next("mark")
	set := make(chan result, 1)
	go func() { set <- m.cli(t, "config", "set", "--app", c.name, "MARK="+mark) }()
	meanwhile()
	got := <-set
	if certain {
		m.fine(t, got)
	}
	m.s.settled(t, c.name)
	switch now := m.markOf(t, c); {
	case now == mark:
		c.mark = mark
	case now != c.mark || got.code == 0:
		t.Errorf("%s: MARK is %q, was %q, set to %q (exit code %d)", m.step, now, c.mark, mark, got.code)
	}
	m.expect(t, c, content{text: c.serves.text, mark: mark}, got.code == 0)
	return true
}

func (m *monkey) scale(t *testing.T) bool {
	c := m.live()
	if c == nil {
		return false
	}
	n := 1 + m.random.IntN(3)
	m.fine(t, m.cli(t, "scale", "--app", c.name, fmt.Sprintf("web=%d", n)))
	c.web = n
	return true
}

func (m *monkey) plan(t *testing.T) bool {
	c := m.live()
	if c == nil {
		return false
	}
	size := []string{"pico", "nano", "micro"}[m.random.IntN(3)]
	m.fine(t, m.cli(t, "scale", "--app", c.name, "--plan", size))
	m.resolve(t, c, content{text: c.serves.text, mark: c.mark}) // a plan that it had already changes nothing
	return true
}

func (m *monkey) rename(t *testing.T) bool {
	c := m.any(everyone)
	if c == nil {
		return false
	}
	was, name := c.name, m.next("app")
	m.fine(t, m.s.run(t, c.repo.dir, m.s.binary(), "rename", name, "--yes", "--app", was))
	delete(m.apps, was)
	c.name, c.repo.app = name, name
	m.apps[name] = c
	m.gone(t, was)
	return true
}

// upload sends a folder past git.
func (m *monkey) upload(t *testing.T) bool {
	c := m.any(everyone)
	if c == nil {
		return false
	}
	text := m.next("text")
	c.texts[text] = true
	folder := filepath.Join(m.s.dir, "upload", text)
	check(t, os.MkdirAll(folder, 0o755))
	check(t, os.WriteFile(filepath.Join(folder, "package.json"), []byte(manifest), 0o644))
	check(t, os.WriteFile(filepath.Join(folder, "server.js"), []byte(program(text)), 0o644))
	m.fine(t, m.cli(t, "deploy", folder, "--app", c.name))
	m.expect(t, c, content{text: text, mark: c.mark}, true)
	return true
}

// oneOff runs a command with the app's config vars, and expects its exit code.
func (m *monkey) oneOff(t *testing.T) bool {
	c := m.live()
	if c == nil {
		return false
	}
	got := m.cli(t, "run", "--app", c.name, "--no-tty", "--", "node", "-e", "console.log('MARK=' + (process.env.MARK || '')); process.exit(7)")
	if got.code != 7 || !strings.Contains(got.out, "MARK="+c.serves.mark) {
		t.Errorf("%s: exit code %d\n%s", m.step, got.code, got.out)
	}
	return true
}

func (m *monkey) destroy(t *testing.T) bool { return m.destroyWith(t, func() {}, true) }

func (m *monkey) destroyAndKill(t *testing.T) bool { return m.destroyWith(t, m.killSoon(t), false) }

// killSoon is a crash of the control plane at a random moment of something short.
func (m *monkey) killSoon(t *testing.T) func() {
	pause := time.Duration(m.random.IntN(800)) * time.Millisecond
	return func() {
		time.Sleep(pause) // the moment is the point
		m.s.kill(t, "serve")
		m.s.answers(t)
	}
}

func (m *monkey) destroyWith(t *testing.T, meanwhile func(), certain bool) bool {
	c := m.any(everyone)
	if c == nil || len(m.apps) < 3 {
		return false
	}
	destroyed := make(chan result, 1)
	go func() { destroyed <- m.cli(t, "destroy", "--app", c.name, "--confirm", c.name) }()
	meanwhile()
	got := <-destroyed
	if certain {
		m.fine(t, got)
	}
	if got.code != 0 && !m.trashed(t, c) {
		m.fine(t, m.cli(t, "destroy", "--app", c.name, "--confirm", c.name)) // it was not asked for yet
	}
	delete(m.apps, c.name)
	m.trash[c.name] = c
	m.gone(t, c.name)
	return true
}

func (m *monkey) trashed(t *testing.T, c *creature) bool {
	t.Helper()
	var list struct{ Apps []struct{ Name string } }
	m.s.json(t, &list, "trash")
	return slices.ContainsFunc(list.Apps, func(f struct{ Name string }) bool { return f.Name == c.name })
}

func (m *monkey) restore(t *testing.T) bool { return m.restoreWith(t, func() {}, true) }

func (m *monkey) restoreAndKill(t *testing.T) bool { return m.restoreWith(t, m.killSoon(t), false) }

func (m *monkey) restoreWith(t *testing.T, meanwhile func(), certain bool) bool {
	c := m.oneOfTrash()
	if c == nil {
		return false
	}
	restored := make(chan result, 1)
	go func() { restored <- m.cli(t, "restore", c.name) }()
	meanwhile()
	got := <-restored
	if certain {
		m.fine(t, got)
	}
	if got.code != 0 && m.trashed(t, c) {
		m.fine(t, m.cli(t, "restore", c.name)) // it was not asked for yet
	}
	delete(m.trash, c.name)
	m.apps[c.name] = c
	if c.serves.release > 0 {
		m.resolve(t, c, content{text: c.serves.text, mark: c.mark})
	}
	return true
}

func (m *monkey) oneOfTrash() *creature {
	names := slices.Sorted(maps.Keys(m.trash))
	if len(names) == 0 {
		return nil
	}
	return m.trash[names[m.random.IntN(len(names))]]
}

// purge removes an app of the trash for good.
func (m *monkey) purge(t *testing.T) bool {
	c := m.oneOfTrash()
	if c == nil {
		return false
	}
	m.fine(t, m.cli(t, "destroy", "--app", c.name, "--confirm", c.name, "--now"))
	delete(m.trash, c.name)
	return true
}

func (m *monkey) killPart(part string) func(*testing.T) bool {
	return func(t *testing.T) bool {
		m.s.kill(t, part)
		m.s.answers(t)
		return true
	}
}

// hold stops the control plane for a moment, as a machine that swaps does.
func (m *monkey) hold(t *testing.T) bool {
	pid := m.s.pid(t, "serve")
	check(t, syscall.Kill(pid, syscall.SIGSTOP))
	time.Sleep(3 * time.Second) // the fault itself
	check(t, syscall.Kill(pid, syscall.SIGCONT))
	m.s.answers(t)
	return true
}

func (m *monkey) killEngine(t *testing.T) bool {
	m.s.killEngine(t)()
	return true
}

func (m *monkey) restartEngine(t *testing.T) bool {
	m.s.endEngine(t, syscall.SIGTERM)()
	return true
}

// hurt does something by hand to a replica, as an owner who looks into Docker may.
func (m *monkey) hurt(how ...string) func(*testing.T) bool {
	return func(t *testing.T) bool {
		replicas := strings.Fields(m.s.ours(t, "ps", "-q", "--filter", "label=lugsail.release"))
		if len(replicas) == 0 {
			return false
		}
		victim := replicas[m.random.IntN(len(replicas))]
		m.s.run(t, m.s.home(), "docker", append(append([]string{"-H", "unix://" + m.s.engine}, how...), victim)...) // it may have ended by itself
		return true
	}
}
