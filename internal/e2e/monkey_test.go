package e2e

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// monkeyTime is how long the monkey plays where SOAKTIME does not say otherwise.
const monkeyTime = 3 * time.Minute

// monkey does random things to a server, and knows what has to be there afterwards.
type monkey struct {
	s      *server
	random *rand.Rand
	apps   map[string]*creature // by name
	trash  map[string]*creature // destroyed, and to be had back
	made   int                  // names and contents are numbered
	step   string               // for messages
}

// creature is an app as it has to be.
type creature struct {
	name   string
	id     string
	repo   *repo
	serves content
	mark   string          // the config var MARK, as it was set last
	web    int             // replicas
	past   map[int]content // by release, those that were live
	texts  map[string]bool // that were ever sent
	pushed bool            // its repository has a commit
}

// content is what a release shows; the zero value is no release.
type content struct {
	release int
	text    string
	mark    string
}

// TestManyThings is a server with many people, and then with a monkey.
func TestManyThings(t *testing.T) {
	s := newServer(t)
	s.options = []string{"--watch-seconds", "0"} // what is done to new replicas by hand is not their release's fault
	testInstall(t, s)
	testAccount(t, s)
	if t.Failed() {
		return
	}
	t.Run("crowd", func(t *testing.T) { testCrowd(t, s) })
	t.Run("F41 random monkey", func(t *testing.T) { testMonkey(t, s) })
}

// testMonkey does some 30 kinds of things in random order to a server, faults among them, and looks
// after each whether store, engine and routes say the same, whether one release of each app serves,
// and whether all that was acknowledged is there. The seed is in the log; SEED repeats its order,
// SOAKTIME its length.
func testMonkey(t *testing.T, s *server) {
	seed, limit := uint64(time.Now().UnixNano()), monkeyTime
	if text := os.Getenv("SEED"); text != "" {
		n, err := strconv.ParseUint(text, 10, 64)
		check(t, err)
		seed = n
	}
	if text := os.Getenv("SOAKTIME"); text != "" {
		d, err := time.ParseDuration(text)
		check(t, err)
		limit = d
	}
	t.Logf("SEED=%d", seed)
	m := &monkey{s: s, random: rand.New(rand.NewPCG(seed, 0)), apps: map[string]*creature{}, trash: map[string]*creature{}}
	m.run(t, limit)
}

func (m *monkey) run(t *testing.T, limit time.Duration) {
	t.Helper()
	done := map[string]int{}
	acts := m.acts()
	deck := []string{"create", "push"} // each act comes once, then all again in another order
	steps := 0
	for end := time.Now().Add(limit); time.Now().Before(end) && !t.Failed(); steps++ {
		if len(deck) == 0 {
			deck = slices.Sorted(maps.Keys(acts))
			m.random.Shuffle(len(deck), func(i, j int) { deck[i], deck[j] = deck[j], deck[i] })
		}
		name := deck[0]
		deck = deck[1:]
		m.step = fmt.Sprintf("step %d, %s", steps, name)
		if acts[name](t) {
			done[name]++
		}
		m.look(t)
	}
	t.Logf("%d steps: %v", steps, done)
	if steps > 3*len(acts) && len(done) < len(acts) {
		t.Errorf("of %d acts %d were done: %v", len(acts), len(done), done)
	}
}

// any gives one of the apps that fit, nil when none does.
func (m *monkey) any(fits func(*creature) bool) *creature {
	names := slices.Sorted(maps.Keys(m.apps))
	names = slices.DeleteFunc(names, func(n string) bool { return !fits(m.apps[n]) })
	if len(names) == 0 {
		return nil
	}
	return m.apps[names[m.random.IntN(len(names))]]
}

func (m *monkey) live() *creature {
	return m.any(func(c *creature) bool { return c.serves.release > 0 })
}

// withCommits gives a live app whose folder has commits: others were only uploaded.
func (m *monkey) withCommits() *creature {
	return m.any(func(c *creature) bool { return c.serves.release > 0 && c.pushed })
}

func everyone(*creature) bool { return true }

func (m *monkey) next(word string) string {
	m.made++
	return fmt.Sprintf("%s%d", word, m.made)
}

const manifest = `{"name": "creature", "private": true, "scripts": {"start": "node server.js"}}`

// program is the app that all creatures are: it shows its text, its release and MARK.
func program(text string) string {
	return strings.ReplaceAll(`const text = 'TEXT';
require('http').createServer((request, response) => {
  response.setHeader('Content-Type', 'application/json');
  response.end(JSON.stringify({ text, release: process.env.LUGSAIL_RELEASE, mark: process.env.MARK || '' }));
}).listen(process.env.PORT, '0.0.0.0');
process.on('SIGTERM', () => process.exit(0));
`, "TEXT", text)
}
