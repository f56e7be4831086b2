// Package deploy conducts: it is the only place where build, release, run and route meet.
//
// A deployment is a row with steps. A worker per app walks them one after another and
// writes each down before and after; what a step did can be found again (a build by its
// deployment, a release by its number, replicas by their labels), so that after a crash
// the same walk begins anew and does only what is missing. One commit decides what serves:
// the switch. Everything after it (routes, retiring the old replicas) is derived from the
// store and the engine, by the worker at once and by the keeper for ever.
//
// What surprises: a deployment is live, and its pusher is told so, before the old replicas
// are gone; draining them is a background step that the keeper finishes after a crash.
package deploy

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/lugsail/lugsail/platform"
	"github.com/lugsail/lugsail/platform/build"
	"github.com/lugsail/lugsail/platform/release"
	"github.com/lugsail/lugsail/platform/route"
	"github.com/lugsail/lugsail/platform/run"
)

// Deployments keeps deployments and their steps.
type Deployments interface {
	CreateDeployment(ctx context.Context, d *platform.Deployment, steps []platform.StepName) error
	DeploymentByID(ctx context.Context, id string) (platform.Deployment, error)
	DeploymentsOf(ctx context.Context, appID string, limit int) ([]platform.Deployment, error)
	UnfinishedDeployments(ctx context.Context) ([]platform.Deployment, error)
	ClaimDeployment(ctx context.Context, id string) (platform.Deployment, error)
	UpdateDeployment(ctx context.Context, id string, change func(*platform.Deployment) error) (platform.Deployment, error)
	SetStep(ctx context.Context, step platform.Step) error
	CommitSwitch(ctx context.Context, appID string, release int, deploymentID string) error
	AskCancel(ctx context.Context, id string) error
}

// Apps keeps apps and their releases.
type Apps interface {
	Apps(ctx context.Context) ([]platform.App, error)
	AppByID(ctx context.Context, id string) (platform.App, error)
	DeleteApp(ctx context.Context, id string) error
	ReleaseByNumber(ctx context.Context, appID string, number int) (platform.Release, error)
	ReleaseWithoutVars(ctx context.Context, appID string, number int) (platform.Release, error)
	ReleasesOf(ctx context.Context, appID string, limit int) ([]platform.Release, error)
}

// Journal keeps what a person can read later: a log for each deployment, and events.
type Journal interface {
	Writer(deploymentID string) (io.WriteCloser, error)
	AppendEvent(ctx context.Context, e *platform.Event) error
}

// Drainer waits until no request is under way at targets.
type Drainer interface {
	Drain(ctx context.Context, ids []string, timeout time.Duration) (left int, err error)
}

// Watcher tells when replicas begin and end.
type Watcher interface {
	Watch(ctx context.Context, fn func(platform.ReplicaChange)) error
}

// Leaver removes what an app has left behind in one part of the system.
type Leaver func(ctx context.Context, appID string) error

// Conductor walks deployments and keeps the engine as the store says.
type Conductor struct {
	Deployments Deployments
	Apps        Apps
	Journal     Journal
	Builds      *build.Service
	Releases    *release.Service
	Replicas    *run.Service
	Routes      *route.Service
	Drainer     Drainer
	Watcher     Watcher
	Rest        []Leaver                                                                                          // what an app in the trash does without: nothing that cannot be made again
	Leave       []Leaver                                                                                          // in this order when an app is removed for good; what holds data belongs here, and nowhere else
	Redact      func(w io.Writer, values []string) io.WriteCloser                                                 // hides secret values
	Secrets     func(ctx context.Context, appID string) ([]string, error)                                         // that the log of an app must not show; without them nothing is written
	Settle      func(context.Context, platform.Deployment) error                                                  // hears how a deployment with a source ended; nil: nobody does
	Introduce   func(ctx context.Context, appID string, r platform.Release, types []string) (platform.App, error) // gives a release's new process types replicas as memory allows; nil leaves them without
	Data        Data                                                                                              // brings snapshots back; nil: nobody does
	Kept        func(ctx context.Context, appID string) (releases []int, err error)                               // beside those that served last, releases that must be able to return: of snapshots; nil: none
	Equip       func(ctx context.Context, d platform.Deployment, addonID string) (ready bool, err error)          // lets an add-on of a new app be made, and tells whether it is
	Adopt       func(ctx context.Context, appID, image string) (string, error)                                    // gives an app the image of another one under a name of its own
	Fetch       Fetcher                                                                                           // brings sources that lie elsewhere; nil: nobody does
	CommandTime time.Duration                                                                                     // that a release command has; 0 means 30 minutes
	Through     func()                                                                                            // hears when the keeper has been through all apps for the first time; nil: nobody does
	DrainTime   time.Duration                                                                                     // 0 means 30 seconds
	WatchTime   time.Duration                                                                                     // after a switch, a release that dies gives way to the one before; 0 means 60 seconds, less than 0 never
	KeepEvery   time.Duration                                                                                     // 0 means 30 seconds
	TrashDoubt  time.Duration                                                                                     // that an app's time in the trash must have been over before it goes; 0 means 1 hour
	Now         func() time.Time

	mu       sync.Mutex
	workers  map[string]*worker   // by app id
	watched  map[string]watch     // by app id
	looks    map[string]time.Time // by app id: when the keeper will look at it
	replaces sync.Map             // app id → *sync.Mutex: whoever changes what serves of an app holds it
	backoff  backoff
	starved  sync.Map     // when replicas ran out of memory, by id, until their end is told
	overdue  sync.Map     // since when an app's time in the trash is over, by app id
	gone     sync.Map     // ids of replicas that are being ended on purpose
	round    atomic.Int64 // when the keeper was last through, in nanoseconds; 0 before
	tasks    sync.WaitGroup
	base     context.Context // of Run; background work ends with it
}

// worker is the goroutine of one app that has something to do.
type worker struct {
	again  bool               // look once more before leaving
	cancel context.CancelFunc // of the deployment under way; nil between two
	id     string             // of the deployment under way
}

// Start records a deployment, tells its worker, and answers at once.
func (c *Conductor) Start(ctx context.Context, d platform.Deployment) (platform.Deployment, error) {
	d, steps := c.Prepare(d)
	if err := c.Deployments.CreateDeployment(ctx, &d, steps); err != nil {
		return platform.Deployment{}, fmt.Errorf("recording the deployment: %w", err)
	}
	if d.Kind == platform.DeployPush {
		c.dropReplaced(ctx, d.AppID)
	}
	c.wake(d.AppID)
	return d, nil
}

// Prepare makes a deployment as it is to be recorded, for who records it together with its app, and then calls Begin.
func (c *Conductor) Prepare(d platform.Deployment) (platform.Deployment, []platform.StepName) {
	d.ID, d.State, d.CreatedAt = platform.NewID(), platform.DeploymentWaiting, c.now()
	return d, stepsOf(d)
}

// Begin tells the worker of an app that a deployment was recorded.
func (c *Conductor) Begin(appID string) { c.wake(appID) }

// dropReplaced removes the sources of pushes that gave way to a newer one.
func (c *Conductor) dropReplaced(ctx context.Context, appID string) {
	recent, err := c.Deployments.DeploymentsOf(ctx, appID, 10)
	if err != nil {
		slog.WarnContext(ctx, "replaced pushes not read", "app", appID, "error", err)
		return // the next start of the server sweeps them
	}
	for _, d := range recent {
		if d.State == platform.DeploymentReplaced {
			c.dropSource(ctx, d)
		}
	}
}

func stepsOf(d platform.Deployment) []platform.StepName {
	tail := []platform.StepName{platform.StepStart, platform.StepHealth, platform.StepSwitch, platform.StepRetire}
	switch d.Kind {
	case platform.DeployPush:
		tail = append([]platform.StepName{platform.StepBuild, platform.StepRelease}, tail...)
		if d.Source.Remote != "" {
			return append([]platform.StepName{platform.StepFetch}, tail...)
		}
		return tail
	case platform.DeployRollback, platform.DeployConfig:
		return append([]platform.StepName{platform.StepRelease}, tail...)
	case platform.DeployRestart:
		return []platform.StepName{platform.StepStart, platform.StepSwitch, platform.StepRetire}
	case platform.DeployRewind:
		if d.FromRelease == 0 { // of an add-on
			return []platform.StepName{platform.StepSave, platform.StepData, platform.StepSwitch, platform.StepRetire}
		}
		return append([]platform.StepName{platform.StepSave, platform.StepData, platform.StepRelease}, tail...)
	case platform.DeployCopy:
		tail = append([]platform.StepName{platform.StepData, platform.StepRelease}, tail...)
		if len(d.Addons) > 0 {
			tail = append([]platform.StepName{platform.StepAddons}, tail...)
		}
		return append([]platform.StepName{platform.StepSave}, tail...)
	case platform.DeployDestroy, platform.DeployTrash:
		return []platform.StepName{platform.StepRetire}
	}
	return tail
}

// Cancel stops a deployment that is not live yet. What served before goes on serving.
func (c *Conductor) Cancel(ctx context.Context, d platform.Deployment) (platform.Deployment, error) {
	if d.Kind == platform.DeployRewind && d.State == platform.DeploymentRunning {
		return d, platform.Errorf(platform.Conflict, "deployment_ended", "Deployment %d cannot be cancelled any more: data are on their way back.", d.Number).
			WithHint("When it is over, the snapshot that it made first brings back what was there before: lugsail snapshots")
	}
	if d.State.Ended() || d.Kind.TakesAway() {
		return d, platform.Errorf(platform.Conflict, "deployment_ended", "Deployment %d cannot be cancelled: it is %s.", d.Number, d.State).
			WithHint("To go back to what served before: lugsail rollback.")
	}
	if err := c.Deployments.AskCancel(ctx, d.ID); err != nil {
		return d, fmt.Errorf("asking to cancel: %w", err)
	}
	if c.end(ctx, d, platform.DeploymentWaiting, platform.DeploymentCancelled, cancelled(d)) == nil {
		return c.Deployments.DeploymentByID(ctx, d.ID) // it had not begun
	}
	c.mu.Lock()
	if w := c.workers[d.AppID]; w != nil && w.id == d.ID && w.cancel != nil {
		w.cancel()
	}
	c.mu.Unlock()
	c.wake(d.AppID)
	return c.Deployments.DeploymentByID(ctx, d.ID)
}

// CancelAll asks all unfinished deployments of an app to stop: it is being destroyed.
func (c *Conductor) CancelAll(ctx context.Context, appID string) error {
	unfinished, err := c.Deployments.UnfinishedDeployments(ctx)
	if err != nil {
		return fmt.Errorf("reading deployments: %w", err)
	}
	for _, d := range unfinished {
		if d.AppID != appID || d.Kind.TakesAway() {
			continue
		}
		if _, err := c.Cancel(ctx, d); err != nil && !platform.IsKind(err, platform.Conflict) {
			return err
		}
	}
	return nil
}

// wake makes sure that a worker looks at the app's waiting deployments.
func (c *Conductor) wake(appID string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.base == nil || c.base.Err() != nil {
		return // not running: the row waits for the next start
	}
	if w := c.workers[appID]; w != nil {
		w.again = true
		return
	}
	if c.workers == nil {
		c.workers = map[string]*worker{}
	}
	w := &worker{}
	c.workers[appID] = w
	c.tasks.Go(func() { c.work(appID, w) })
}

// work walks an app's deployments, the oldest first, until none is left.
func (c *Conductor) work(appID string, w *worker) {
	for {
		d, ok := c.next(appID)
		if ok {
			if !c.walkOne(d, w) {
				c.pause(time.Second) // the store does not take what we write: not in a hot loop
			}
			continue
		}
		c.mu.Lock()
		if !w.again || c.base.Err() != nil {
			delete(c.workers, appID)
			c.mu.Unlock()
			return
		}
		w.again = false
		c.mu.Unlock()
	}
}

func (c *Conductor) next(appID string) (platform.Deployment, bool) {
	if c.base.Err() != nil {
		return platform.Deployment{}, false
	}
	unfinished, err := c.Deployments.UnfinishedDeployments(c.base)
	if err != nil {
		slog.ErrorContext(c.base, "waiting deployments not read", "app", appID, "error", err)
		return platform.Deployment{}, false
	}
	for _, d := range unfinished {
		if d.AppID == appID {
			return d, true
		}
	}
	return platform.Deployment{}, false
}

// pause waits, but not beyond the end of Run.
func (c *Conductor) pause(d time.Duration) {
	select {
	case <-c.base.Done():
	case <-time.After(d):
	}
}

func (c *Conductor) walkOne(d platform.Deployment, w *worker) (recorded bool) {
	ctx, cancel := context.WithCancel(c.base)
	defer cancel()
	c.mu.Lock()
	w.id, w.cancel = d.ID, cancel
	c.mu.Unlock()
	recorded = c.conduct(ctx, d)
	c.mu.Lock()
	w.id, w.cancel = "", nil
	c.mu.Unlock()
	return recorded
}

// hold takes the right to change what serves of an app.
func (c *Conductor) hold(appID string) (release func()) {
	m := c.mutex(appID)
	m.Lock()
	return m.Unlock
}

// tryHold takes that right when nobody has it.
func (c *Conductor) tryHold(appID string) (release func(), ok bool) {
	m := c.mutex(appID)
	if !m.TryLock() {
		return nil, false
	}
	return m.Unlock, true
}

func (c *Conductor) mutex(appID string) *sync.Mutex {
	m, _ := c.replaces.LoadOrStore(appID, &sync.Mutex{})
	return m.(*sync.Mutex)
}

func (c *Conductor) now() time.Time { return c.Now().UTC() }

func (c *Conductor) event(ctx context.Context, app platform.App, d platform.Deployment, action, text string) {
	err := c.Journal.AppendEvent(ctx, &platform.Event{
		At: c.now(), Actor: d.Actor, Via: d.Via, Action: action, AppID: app.ID, App: app.Name, Text: text,
	})
	if err != nil {
		slog.ErrorContext(ctx, "event not recorded", "action", action, "app", app.ID, "error", err)
	}
}

func orDefault(d, fallback time.Duration) time.Duration {
	if d == 0 {
		return fallback
	}
	return d
}
