package e2e

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// found is what the server says of an app.
type found struct {
	ID      string
	Name    string
	Scale   map[string]int
	Release *struct{ Number int }
}

func (m *monkey) of(t *testing.T, c *creature) found {
	t.Helper()
	var answer struct{ App found }
	m.s.json(t, &answer, "info", c.name)
	return answer.App
}

func (f found) release() int {
	if f.Release == nil {
		return 0
	}
	return f.Release.Number
}

func (m *monkey) markOf(t *testing.T, c *creature) string {
	t.Helper()
	var answer struct{ Config map[string]string }
	m.s.json(t, &answer, "config", "--app", c.name, "--show")
	return answer.Config["MARK"]
}

type deploymentRow struct {
	Number int
	State  string
}

func (m *monkey) deployments(t *testing.T, c *creature) []deploymentRow {
	t.Helper()
	var list struct{ Deployments []deploymentRow }
	m.s.json(t, &list, "deployments", "--app", c.name)
	return list.Deployments
}

func (m *monkey) newest(t *testing.T, c *creature) int {
	t.Helper()
	if list := m.deployments(t, c); len(list) > 0 {
		return list[0].Number
	}
	return 0
}

func (m *monkey) running(t *testing.T, c *creature) bool {
	t.Helper()
	return slices.ContainsFunc(m.deployments(t, c), func(d deploymentRow) bool { return d.State == "running" || d.State == "waiting" })
}

// expect waits until the app has settled, and notes what it serves: next where that was
// acknowledged; next or what was there before where nobody could be told.
func (m *monkey) expect(t *testing.T, c *creature, next content, acknowledged bool) {
	t.Helper()
	m.s.settled(t, c.name)
	now := m.of(t, c).release()
	switch {
	case now > c.serves.release:
		next.release = now
		c.serves = next
		c.past[now] = next
	case now < c.serves.release:
		t.Errorf("%s: v%d of %s serves, v%d did before", m.step, now, c.name, c.serves.release)
	case acknowledged:
		t.Errorf("%s: acknowledged, and v%d of %s serves as before", m.step, now, c.name)
	}
}

// resolve is for what may make a release or not.
func (m *monkey) resolve(t *testing.T, c *creature, next content) {
	t.Helper()
	m.expect(t, c, next, false)
}

// look compares all that can be seen with what has to be there; all is in place within 45 seconds.
func (m *monkey) look(t *testing.T) {
	t.Helper()
	for _, c := range m.apps {
		m.s.settled(t, c.name)
	}
	var wrong []string
	end := time.Now().Add(45 * time.Second)
	for wrong = m.wrong(t); len(wrong) > 0 && time.Now().Before(end); wrong = m.wrong(t) {
		time.Sleep(200 * time.Millisecond) // between two looks
	}
	for _, w := range wrong {
		t.Errorf("after %s: %s", m.step, w)
	}
}

// wrong lists what is not as it has to be.
func (m *monkey) wrong(t *testing.T) []string {
	t.Helper()
	var list struct{ Apps []found }
	m.s.json(t, &list, "apps")
	var wrong, names []string
	ids := map[string]*creature{}
	for _, f := range list.Apps {
		names = append(names, f.Name)
		if c := m.apps[f.Name]; c != nil {
			ids[f.ID] = c
			wrong = append(wrong, m.wrongApp(t, c, f)...)
		}
	}
	slices.Sort(names)
	if want := slices.Sorted(maps.Keys(m.apps)); !slices.Equal(names, want) {
		wrong = append(wrong, fmt.Sprintf("the store has %v, want %v", names, want))
	}
	return append(append(wrong, m.wrongReplicas(t, ids)...), m.wrongLeftovers(t, ids)...)
}

func (m *monkey) wrongApp(t *testing.T, c *creature, f found) []string {
	t.Helper()
	var wrong []string
	if f.release() != c.serves.release {
		wrong = append(wrong, fmt.Sprintf("%s is at v%d, want v%d", c.name, f.release(), c.serves.release))
	}
	if f.Scale["web"] != c.web {
		wrong = append(wrong, fmt.Sprintf("%s has web=%d, want %d", c.name, f.Scale["web"], c.web))
	}
	if mark := m.markOf(t, c); mark != c.mark {
		wrong = append(wrong, fmt.Sprintf("%s has MARK=%q, want %q", c.name, mark, c.mark))
	}
	if c.serves.release == 0 {
		return wrong
	}
	for range c.web + 1 { // each replica may answer
		if got, err := m.page(c); err != nil || got != c.serves {
			return append(wrong, fmt.Sprintf("%s answers %+v, %v, want %+v", c.name, got, err, c.serves))
		}
	}
	return wrong
}

func (m *monkey) page(c *creature) (content, error) {
	response, err := m.s.client.Get(m.s.url(c.name) + "/")
	if err != nil {
		return content{}, err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode != http.StatusOK {
		return content{}, fmt.Errorf("status %d, %.200s, %w", response.StatusCode, body, err)
	}
	var said struct{ Text, Release, Mark string }
	if err := json.Unmarshal(body, &said); err != nil {
		return content{}, err
	}
	release, err := strconv.Atoi(strings.TrimPrefix(said.Release, "v"))
	return content{release, said.Text, said.Mark}, err
}

// wrongReplicas compares the engine's containers with the apps: as many of the release that serves
// as are wanted, and nothing else.
func (m *monkey) wrongReplicas(t *testing.T, ids map[string]*creature) []string {
	t.Helper()
	out := m.s.ours(t, "ps", "-a", "--format", `{{.Label "lugsail.app"}} {{.Label "lugsail.release"}} {{.State}}`)
	have := map[string]int{}
	for line := range strings.Lines(out) {
		have[strings.TrimSpace(line)]++
	}
	want := map[string]int{}
	for id, c := range ids {
		if c.serves.release > 0 {
			want[fmt.Sprintf("%s %d running", id, c.serves.release)] = c.web
		}
	}
	if maps.Equal(have, want) {
		return nil
	}
	return []string{fmt.Sprintf("the engine has %v, want %v", have, want)}
}

// wrongLeftovers finds networks, repositories and trees of apps that are gone.
func (m *monkey) wrongLeftovers(t *testing.T, ids map[string]*creature) []string {
	t.Helper()
	var wrong []string
	for id := range strings.FieldsSeq(m.s.ours(t, "network", "ls", "--format", `{{.Label "lugsail.app"}}`)) {
		if ids[id] == nil && !m.inTrash(id) {
			wrong = append(wrong, "a network of "+id+" is left")
		}
	}
	repos, err := filepath.Glob(filepath.Join(m.s.dir, "data", "repositories", "*.git"))
	check(t, err)
	for _, path := range repos {
		if id := strings.TrimSuffix(filepath.Base(path), ".git"); ids[id] == nil && !m.inTrash(id) {
			wrong = append(wrong, "a repository of "+id+" is left")
		}
	}
	return wrong
}

func (m *monkey) inTrash(id string) bool {
	for _, c := range m.trash {
		if c.id == id {
			return true
		}
	}
	return false
}

// gone waits until a name of no app leads nowhere.
func (m *monkey) gone(t *testing.T, name string) {
	t.Helper()
	eventually(t, 20*time.Second, func() bool {
		status, _ := m.s.get2(name)
		return status == 0 || status == http.StatusNotFound
	}, func() string { return fmt.Sprintf("%s: %s still answers", m.step, name) })
}
