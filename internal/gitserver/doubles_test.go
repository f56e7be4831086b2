package gitserver

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/lugsail/lugsail/platform"
)

// gate knows the tokens "right" and "other", and the apps whose names it is given.
type gate struct {
	mu   sync.Mutex
	apps map[string]platform.App
	read bool // the token may only read
	from string

	revoked   bool
	throttled bool // wrong tokens are not even looked at

	keys   map[string]string // by fingerprint: whose they are
	failed map[string]int    // connections without a right key, by source
	most   int               // of those, before a source has to wait; 0: no limit
}

func newGate() *gate {
	g := &gate{apps: map[string]platform.App{}, keys: map[string]string{}, failed: map[string]int{}}
	for _, name := range []string{"shop", "blog"} {
		g.apps[name] = platform.App{ID: "l" + name, Name: name, State: platform.AppActive}
	}
	return g
}

func (g *gate) Authenticate(_ context.Context, password, source string) (platform.Actor, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.from = source
	if g.revoked && g.throttled {
		return platform.Actor{}, platform.Errorf(platform.TooMany, "too_many_tries", "There were too many wrong tries.")
	}
	if password != "right" && password != "other" || g.revoked {
		return platform.Actor{}, platform.Errorf(platform.Unauthenticated, "token_wrong", "This token is not known.")
	}
	return platform.Actor{Name: "ada@example.com", Via: "git", SessionID: password}, nil
}

func (g *gate) KnowsKey(_ context.Context, fingerprint string) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.keys[fingerprint] == "" || g.revoked {
		return platform.Errorf(platform.Unauthenticated, "key_unknown", "This SSH key is not known here.").WithHint("Add it: lugsail keys add")
	}
	return nil
}

func (g *gate) AuthenticateKey(ctx context.Context, fingerprint, source string) (platform.Actor, error) {
	if err := g.KnowsKey(ctx, fingerprint); err != nil {
		return platform.Actor{}, err
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.from = source
	return platform.Actor{Name: g.keys[fingerprint], AccountID: g.keys[fingerprint], Via: "git", SessionID: fingerprint}, nil
}

func (g *gate) KeyFailed(source string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.failed[source]++
}

func (g *gate) failures(source string) int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.failed[source]
}

func (g *gate) KeyWait(source string) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.most > 0 && g.failed[source] >= g.most {
		return platform.Errorf(platform.TooMany, "too_many_tries", "There were too many wrong tries.").WithHint("Wait 5 seconds and try again.")
	}
	return nil
}

func (g *gate) App(_ context.Context, _ platform.Actor, name string, write bool) (platform.App, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	app, ok := g.apps[name]
	if !ok {
		return app, platform.Errorf(platform.NotFound, "app_unknown", "There is no app %s.", name).WithHint("Create it: lugsail create %s", name)
	}
	if write && g.read {
		return app, platform.Errorf(platform.Forbidden, "read_only", "This token may only read.")
	}
	return app, nil
}

func (g *gate) revoke(revoked bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.revoked = revoked
}

func (g *gate) change(name string, f func(*platform.App)) {
	g.mu.Lock()
	defer g.mu.Unlock()
	app := g.apps[name]
	f(&app)
	g.apps[name] = app
}

// deployer is a conductor whose deployments do what the test says.
type deployer struct {
	mu     sync.Mutex
	jobs   []*job
	refuse error
}

type job struct {
	mu    sync.Mutex
	d     platform.Deployment
	src   platform.Source
	lines []string
	news  chan struct{} // closed and replaced at every change
}

func newDeployer() *deployer { return &deployer{} }

func (f *deployer) Deploy(_ context.Context, actor platform.Actor, appID string, src platform.Source) (platform.Deployment, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.refuse != nil {
		return platform.Deployment{}, f.refuse
	}
	n := len(f.jobs) + 1
	j := &job{src: src, news: make(chan struct{}), d: platform.Deployment{
		ID: fmt.Sprintf("d%d", n), AppID: appID, Number: n, Actor: actor.Name, State: platform.DeploymentRunning,
	}}
	f.jobs = append(f.jobs, j)
	return j.d, nil
}

func (f *deployer) Follow(ctx context.Context, id string, line func(string) error) (platform.Deployment, error) {
	n, err := strconv.Atoi(strings.TrimPrefix(id, "d"))
	if err != nil {
		return platform.Deployment{}, err
	}
	f.mu.Lock()
	j := f.jobs[n-1]
	f.mu.Unlock()
	for told := 0; ; {
		j.mu.Lock()
		lines, d, news := slices.Clone(j.lines[told:]), j.d, j.news
		j.mu.Unlock()
		for _, text := range lines {
			if err := line(text); err != nil {
				return d, err
			}
		}
		if told += len(lines); d.State.Ended() {
			return d, nil
		}
		select {
		case <-news:
		case <-ctx.Done():
			return d, ctx.Err()
		}
	}
}

func (f *deployer) Outcome(_ context.Context, actor platform.Actor, d platform.Deployment) []string {
	if d.State == platform.DeploymentLive {
		return []string{fmt.Sprintf("Live: https://shop.example.com (v%d)%s", d.Number, actor.Console)}
	}
	return []string{"The deployment did not go live: " + string(d.State) + ".", "Look at the log above."}
}

func (f *deployer) count() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.jobs)
}

// job waits for the deployment with that index.
func (f *deployer) job(t testing.TB, i int) *job {
	t.Helper()
	wait(t, fmt.Sprintf("deployment %d", i+1), func() bool { return f.count() > i })
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.jobs[i]
}

func (f *deployer) endAll() {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, j := range f.jobs {
		j.end(platform.DeploymentFailed)
	}
}

func (j *job) change(f func()) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.d.State.Ended() {
		return
	}
	f()
	close(j.news)
	j.news = make(chan struct{})
}

func (j *job) log(line string)                    { j.change(func() { j.lines = append(j.lines, line) }) }
func (j *job) end(state platform.DeploymentState) { j.change(func() { j.d.State = state }) }
