package deploy_test

import (
	"archive/tar"
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/lugsail/lugsail/internal/enginetest"
	"github.com/lugsail/lugsail/internal/secret"
	"github.com/lugsail/lugsail/internal/store"
	"github.com/lugsail/lugsail/platform"
	"github.com/lugsail/lugsail/platform/build"
	"github.com/lugsail/lugsail/platform/deploy"
	"github.com/lugsail/lugsail/platform/release"
	"github.com/lugsail/lugsail/platform/route"
	"github.com/lugsail/lugsail/platform/run"
	"github.com/lugsail/lugsail/platform/source"
)

// rig is a conductor on a real store, with an engine and a builder in memory.
type rig struct {
	t       *testing.T
	dir     string
	store   *store.Store
	engine  *enginetest.Fake
	builder *builder
	proxy   *proxy
	routes  *route.Service
	c       *deploy.Conductor
	fetch   deploy.Fetcher
	data    deploy.Data
	stop    func() // ends the conductor and closes the store
	doubt   time.Duration
	through atomic.Int64                                                     // how often a keeper has been through for the first time
	equip   func(context.Context, platform.Deployment, string) (bool, error) // nil: there are no add-ons
	later   atomic.Int64                                                     // how far the conductor's clock is ahead
	sealed  atomic.Bool                                                      // secrets cannot be read
	seals   []string                                                         // of config vars that do not open, from the next start on

	mu      sync.Mutex
	settled []string // number and state of deployments, as Settle heard of them
}

func newRig(t *testing.T) *rig {
	r := &rig{t: t, dir: t.TempDir(), engine: &enginetest.Fake{}, builder: &builder{}, proxy: &proxy{}}
	r.start()
	t.Cleanup(func() { r.stop() })
	return r
}

// start opens the store and runs a conductor, as the control plane does at its start.
func (r *rig) start() {
	r.t.Helper()
	key, err := secret.LoadOrCreateKey(filepath.Join(r.dir, "key"))
	r.check(err)
	r.store, err = store.Open(r.t.Context(), store.Config{Dir: filepath.Join(r.dir, "data"), Key: damagedKey{key, &r.seals}})
	r.check(err)
	r.routes = &route.Service{Publisher: r.proxy, Store: r.store, Hosts: func(name string) []string { return []string{name + ".localhost"} }}
	r.c = &deploy.Conductor{
		Deployments: r.store, Apps: r.store, Journal: journal{r.store},
		Builds: build.New(r.builder, r.store, 1), Releases: release.New(r.store),
		Replicas: run.New(r.engine, r.engine, r.builder, r.proxy), Routes: r.routes,
		Drainer: r.proxy, Watcher: r.engine, Rest: []deploy.Leaver{r.engine.RemoveApp}, Leave: []deploy.Leaver{r.engine.RemoveApp, r.builder.Forget},
		Redact:    func(w io.Writer, values []string) io.WriteCloser { return secret.NewWriter(w, values) },
		Secrets:   r.secrets,
		Settle:    r.settle,
		Fetch:     r.fetch,
		Data:      r.data,
		Kept:      r.kept,
		Equip:     r.equip,
		Adopt:     func(_ context.Context, appID, image string) (string, error) { return appID + "/" + image, nil },
		Introduce: r.introduce,
		Through:   func() { r.through.Add(1) },
		KeepEvery: 100 * time.Millisecond, TrashDoubt: cmp.Or(r.doubt, time.Nanosecond), Now: r.now,
	}
	r.c.Replicas.Volumes, r.c.Replicas.Commands, r.c.Replicas.Settle = r.store, r.engine, 300*time.Millisecond
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- r.c.Run(ctx) }()
	r.stop = sync.OnceFunc(func() {
		cancel()
		if err := errors.Join(<-done, r.store.Close()); err != nil {
			r.t.Errorf("ending: %v", err)
		}
	})
	r.eventually("the first table", func() bool { return r.proxy.revision() > 0 })
}

func (r *rig) now() time.Time { return time.Now().Add(time.Duration(r.later.Load())) }

func (r *rig) secrets(context.Context, string) ([]string, error) {
	if r.sealed.Load() {
		return nil, platform.Errorf(platform.Internal, "config_unreadable", "A config var cannot be read.")
	}
	return []string{"LGS-CANARY-secret"}, nil
}

func (r *rig) settle(_ context.Context, d platform.Deployment) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.settled = append(r.settled, fmt.Sprintf("%d %s", d.Number, d.State))
	return nil
}

// kept gives the releases in snapshots.
func (r *rig) kept(ctx context.Context, appID string) (releases []int, err error) {
	all, err := r.store.SnapshotsOf(ctx, appID)
	for _, s := range all {
		releases = append(releases, s.Release)
	}
	return releases, err
}

// introduce gives each new process type one replica.
func (r *rig) introduce(ctx context.Context, appID string, _ platform.Release, types []string) (platform.App, error) {
	return r.store.UpdateApp(ctx, appID, func(a *platform.App) error {
		if a.Scale == nil {
			a.Scale = platform.Scale{}
		}
		for _, t := range types {
			a.Scale[t] = 1
		}
		return nil
	})
}

// restart ends the conductor where it is and starts another one, as after an upgrade.
func (r *rig) restart() {
	r.stop()
	r.start()
}

func (r *rig) check(err error) {
	r.t.Helper()
	if err != nil {
		r.t.Fatal(err)
	}
}

func (r *rig) app(name string) platform.App {
	r.t.Helper()
	app := platform.App{ID: platform.NewID(), Name: name, State: platform.AppActive, Plan: "nano", Scale: platform.Scale{}, CreatedAt: time.Now()}
	r.check(r.store.CreateApp(r.t.Context(), &app))
	return app
}

// push records a deployment of a source whose image will have that name.
func (r *rig) push(app platform.App, image string) platform.Deployment {
	r.t.Helper()
	var tree bytes.Buffer
	w := tar.NewWriter(&tree)
	r.check(w.WriteHeader(&tar.Header{Name: "image", Mode: 0o644, Size: int64(len(image))}))
	_, err := io.WriteString(w, image)
	r.check(errors.Join(err, w.Close()))
	src, err := source.Unpack(r.t.Context(), &tree, filepath.Join(r.dir, platform.NewID()), source.Limits{})
	r.check(err)
	d, err := r.c.Start(r.t.Context(), platform.Deployment{AppID: app.ID, Kind: platform.DeployPush, Cause: "push", Source: src, Actor: "ada", Via: "git"})
	r.check(err)
	return d
}

func (r *rig) begin(d platform.Deployment) platform.Deployment {
	r.t.Helper()
	d.Actor, d.Via = "ada", "api"
	d, err := r.c.Start(r.t.Context(), d)
	r.check(err)
	return d
}

// scale sets the replicas of the web process and waits until that is live.
func (r *rig) scale(app platform.App, n int) {
	r.t.Helper()
	_, err := r.store.UpdateApp(r.t.Context(), app.ID, func(a *platform.App) error {
		a.Scale = platform.Scale{"web": n}
		return nil
	})
	r.check(err)
	r.ended(r.begin(platform.Deployment{AppID: app.ID, Kind: platform.DeployScale}), platform.DeploymentLive)
}

// ended waits for the end of a deployment.
func (r *rig) ended(d platform.Deployment, want platform.DeploymentState) platform.Deployment {
	r.t.Helper()
	var err error
	r.eventually(fmt.Sprintf("deployment %d to be %s", d.Number, want), func() bool {
		d, err = r.store.DeploymentByID(r.t.Context(), d.ID)
		r.check(err)
		return d.State.Ended()
	})
	if d.State != want {
		r.t.Fatalf("deployment %d is %s (%s), want %s\n%s", d.Number, d.State, d.FailureText, want, r.log(d))
	}
	return d
}

func (r *rig) log(d platform.Deployment) string {
	var lines []string
	err := r.store.Logs().Read(context.Background(), d.ID, 0, func(_ int64, line string) error {
		lines = append(lines, line)
		return nil
	})
	r.check(err)
	return strings.Join(lines, "\n")
}

func (r *rig) eventually(what string, holds func() bool) {
	r.t.Helper()
	for end := time.Now().Add(15 * time.Second); !holds(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			r.t.Fatalf("waited in vain for %s", what)
		}
	}
}

// running gives the releases of the replicas that run, sorted.
func (r *rig) running(app platform.App) []int {
	r.t.Helper()
	replicas, err := r.engine.Replicas(context.Background(), app.ID)
	r.check(err)
	var releases []int
	for _, replica := range replicas {
		if replica.State == platform.ReplicaRunning {
			releases = append(releases, replica.Release)
		}
	}
	slices.Sort(releases)
	return releases
}

// converged waits until exactly these releases run and the proxy has the newest of them with that many targets.
func (r *rig) converged(app platform.App, want ...int) {
	r.t.Helper()
	r.eventually(fmt.Sprintf("replicas of releases %v (run: %v, routed: %v)", want, r.running(app), r.proxy.route(app.ID)), func() bool {
		routed := r.proxy.route(app.ID)
		return slices.Equal(r.running(app), want) && len(routed.Targets) == len(want) && (len(want) == 0 || routed.Release == want[len(want)-1])
	})
}

type journal struct{ *store.Store }

func (j journal) Writer(id string) (io.WriteCloser, error) { return j.Logs().Writer(id) }

// builder gives the image that the source names. "broken" fails; "slow" waits until it is let go.
type builder struct {
	mu      sync.Mutex
	builds  int
	kept    []string
	forgot  []string
	letGo   chan struct{}
	ensured []string
	stuck   error // what Forget says
}

func (b *builder) Build(ctx context.Context, req platform.BuildRequest, log io.Writer) (platform.BuildResult, error) {
	image, err := os.ReadFile(filepath.Join(req.Dir, "image"))
	if err != nil {
		return platform.BuildResult{}, err
	}
	b.mu.Lock()
	b.builds++
	letGo := b.letGo
	b.mu.Unlock()
	fmt.Fprintln(log, "building", string(image), "with LGS-CANARY-secret")
	if strings.HasPrefix(string(image), "panic") {
		panic("a library has a bad day")
	}
	if strings.HasPrefix(string(image), "broken") {
		return platform.BuildResult{}, platform.Errorf(platform.Invalid, "build_failed", "npm ci ended with exit code 1.").WithHint("Read the log.")
	}
	if strings.HasPrefix(string(image), "slow") && letGo != nil {
		select {
		case <-ctx.Done():
			return platform.BuildResult{}, ctx.Err()
		case <-letGo:
		}
	}
	result := platform.BuildResult{Image: string(image), Builder: "buildpacks", Detected: "a test", Processes: processesOf(string(image))}
	if strings.HasPrefix(string(image), "keeps") {
		result.Keeps = []string{"/data/in", "/var/www/html", "/x;id"}
	}
	return result, nil
}

// processesOf reads the process types out of an image's name: "v2+worker+release=exit=1", "v2-web+worker".
func processesOf(image string) []platform.Process {
	name, more, _ := strings.Cut(image, "+")
	var found []platform.Process
	if !strings.HasSuffix(name, "-web") {
		found = append(found, platform.Process{Type: "web", Command: "serve", Args: []string{"web"}})
	}
	for part := range strings.SplitSeq(more, "+") {
		if t, steps, _ := strings.Cut(part, "="); t != "" {
			found = append(found, platform.Process{Type: t, Command: steps, Args: strings.Split(steps, ",")})
		}
	}
	return found
}

func (b *builder) Retain(_ context.Context, _ string, images []string) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.kept = images
	return nil
}

func (b *builder) Forget(_ context.Context, appID string) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.forgot = append(b.forgot, appID)
	return b.stuck
}

func (b *builder) setStuck(err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.stuck = err
}

func (b *builder) keeps() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.kept)
}

func (b *builder) Ensure(_ context.Context, image string) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.ensured = append(b.ensured, image)
	return nil
}

func (b *builder) count() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.builds
}

// proxy keeps the newest table and how many ran when it came.
type proxy struct {
	mu     sync.Mutex
	table  platform.RouteTable
	down   bool
	drain  []string
	busy   chan struct{} // not nil: requests are under way until it is closed
	missed int           // tables that came while it was down
}

func (p *proxy) Publish(_ context.Context, t platform.RouteTable) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.down {
		p.missed++
		return errors.New("the proxy is away")
	}
	if t.Revision <= p.table.Revision {
		return fmt.Errorf("revision %d after %d", t.Revision, p.table.Revision)
	}
	p.table = t
	return nil
}

func (p *proxy) Status(context.Context) (platform.ProxyStatus, error) {
	return platform.ProxyStatus{Revision: p.revision()}, nil
}

// lose lets it forget its table.
func (p *proxy) lose() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.table = platform.RouteTable{}
}

func (p *proxy) Probe(context.Context, platform.Probe) (platform.ProbeResult, error) {
	return platform.ProbeResult{OK: true}, nil
}

func (p *proxy) Drain(ctx context.Context, ids []string, _ time.Duration) (int, error) {
	busy, err := p.beginDrain(ids)
	if busy == nil || err != nil {
		return 0, err
	}
	select {
	case <-busy:
		return 0, nil
	case <-ctx.Done():
		return len(ids), ctx.Err()
	}
}

func (p *proxy) beginDrain(ids []string) (busy chan struct{}, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, r := range p.table.Routes {
		for _, target := range r.Targets {
			if slices.Contains(ids, target.ID) {
				return nil, fmt.Errorf("%s is drained while it is routed", target.ID)
			}
		}
	}
	p.drain = append(p.drain, ids...)
	return p.busy, nil
}

func (p *proxy) draining() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.drain)
}

func (p *proxy) setBusy(busy chan struct{}) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.busy = busy
}

func (p *proxy) revision() int64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.table.Revision
}

func (p *proxy) route(appID string) platform.Route {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, r := range p.table.Routes {
		if r.AppID == appID {
			return r
		}
	}
	return platform.Route{}
}

func (p *proxy) misses() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.missed
}

func (p *proxy) setDown(down bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.down = down
}
