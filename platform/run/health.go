package run

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/lugsail/lugsail/platform"
)

const (
	lookEvery     = 25 * time.Millisecond // at first; a slow start is looked at less and less often
	lookAtLeast   = time.Second / 2
	probeTimeout  = 5 * time.Second
	otherPortWait = 1500 * time.Millisecond // an app may open PORT last
	loopbackWait  = 5 * time.Second         // an app that binds 127.0.0.1 does not change its mind
	tellEvery     = 10 * time.Second        // what is awaited
	workerSettles = 3 * time.Second         // a worker that lives that long has started
	checkTime     = 15 * time.Second        // that a check command has
)

// WaitHealthy waits until a replica serves, and gives it back with its port and address.
// The error is a *platform.Error that says what the replica did instead.
func (s *Service) WaitHealthy(ctx context.Context, r platform.Replica, release platform.Release, log io.Writer) (platform.Replica, error) {
	process, _ := release.Process(r.Process)
	w := &wait{service: s, replica: r, health: release.Health, check: process.Check, log: log, name: Slot{r.Process, r.Index}.Name(), began: s.Now()}
	w.toldAt = w.began
	ctx, cancel := context.WithTimeoutCause(ctx, w.health.Timeout(), errTooLate)
	defer cancel()
	tick := time.NewTimer(0)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return r, w.ended(ctx)
		case <-tick.C:
		}
		done, err := w.look(ctx)
		if err != nil && ctx.Err() == nil {
			return r, err
		}
		if done {
			return w.replica, nil
		}
		w.tellWait()
		tick.Reset(pace(s.Now().Sub(w.began)))
	}
}

func (s *Service) settle() time.Duration {
	if s.Settle > 0 {
		return s.Settle
	}
	return workerSettles
}

// pace is the time between two looks: a fiftieth of how long it has taken so far.
func pace(taken time.Duration) time.Duration {
	return min(max(lookEvery, taken/50), lookAtLeast)
}

var errTooLate = fmt.Errorf("the time to become healthy is over")

// port is what PORT says in the replica.
func (w *wait) port() int { return WantedPort(w.replica) }

// wait is one replica's way to health.
type wait struct {
	service   *Service
	replica   platform.Replica
	health    platform.Health
	check     []string // a command in the replica that decides; nil for none
	log       io.Writer
	name      string
	began     time.Time
	toldAt    time.Time // when it was last written down what is awaited
	otherAt   time.Time // when a port other than the wanted was first seen open
	loopAt    time.Time // when only loopback was first seen
	lookedAt  time.Time // when the state was last asked for
	seen      []platform.Listener
	lastProbe string
	told      bool
}

// look takes one look; done means healthy, an error that the replica cannot become so.
func (w *wait) look(ctx context.Context) (done bool, err error) {
	if err := w.alive(ctx); err != nil {
		return false, err
	}
	if len(w.check) > 0 {
		return w.checked(ctx), nil
	}
	if w.replica.Process != platform.WebProcess {
		return w.service.Now().Sub(w.began) >= w.service.settle(), nil
	}
	listeners, err := w.service.Inspector.Listeners(ctx, w.replica.ID)
	if err != nil {
		return false, nil //nolint:nilerr // it may just have ended: the next look at its state tells
	}
	w.seen = listeners
	port := ServingPort(listeners, w.port())
	if port == 0 {
		return false, w.loopback(listeners)
	}
	if port != w.port() && !w.settled(&w.otherAt, otherPortWait) {
		return false, nil
	}
	return w.probe(ctx, port), nil
}

// checked runs the command that tells whether the replica is ready.
func (w *wait) checked(ctx context.Context) bool {
	ctx, cancel := context.WithTimeout(ctx, checkTime)
	defer cancel()
	term, err := w.service.Commands.Exec(ctx, w.replica.ID, platform.ExecSpec{Command: w.check})
	if err != nil {
		return false // it may just be starting; the next look at its state tells
	}
	defer func() { _, _ = term.Close(context.WithoutCancel(ctx), time.Second) }() // a command that hangs ends with its replica
	if err := errors.Join(term.CloseInput(), term.Output(func(string, []byte) error { return nil })); err != nil {
		return false
	}
	end, err := term.End(ctx)
	return err == nil && end.ExitCode == 0
}

// alive asks for the replica's state, at most every 200 ms.
func (w *wait) alive(ctx context.Context) error {
	now := w.service.Now()
	if now.Sub(w.lookedAt) < 200*time.Millisecond {
		return nil
	}
	w.lookedAt = now
	r, err := w.service.Engine.Replica(ctx, w.replica.ID)
	if platform.IsKind(err, platform.NotFound) {
		return platform.Errorf(platform.Conflict, "replica_gone", "%s was removed before it was healthy.", w.name).
			WithHint("Somebody or something outside of Lugsail removed its container. Deploy again.")
	}
	if err != nil {
		return nil //nolint:nilerr // the engine may be restarting; the time limit decides
	}
	if r.State == platform.ReplicaExited || r.Restarts > 0 {
		return stopped(w.name, r)
	}
	if r.Address != "" {
		w.replica = r
	}
	return nil
}

func stopped(name string, r platform.Replica) error {
	if r.OutOfMemory {
		return platform.Errorf(platform.Conflict, "replica_out_of_memory", "%s ran out of memory before it answered.", name).
			WithHint("Choose a larger plan: lugsail scale --plan small. Or make the app need less memory at its start.")
	}
	stopped := platform.Errorf(platform.Conflict, "replica_stopped", "%s stopped with exit code %d before it was healthy.", name, r.ExitCode)
	if r.ExitCode == 0 && r.Process == platform.WebProcess {
		return stopped.WithHint("It ended by itself, without an error. The web process must go on and answer on $PORT; what serves no visitors belongs in the Procfile as worker, what runs once is started with: lugsail run")
	}
	if r.Process != platform.WebProcess {
		return stopped.WithHint("Its last lines in the deployment's log say why. A %s must keep running; what ends by itself is started with: lugsail run", r.Process)
	}
	return stopped.WithHint("Its last lines in the deployment's log say why. An app must keep running and answer on $PORT.")
}

func (w *wait) loopback(listeners []platform.Listener) error {
	only := onlyLoopback(listeners, w.port())
	if len(only) == 0 {
		w.loopAt = time.Time{}
		return nil
	}
	if !w.settled(&w.loopAt, loopbackWait) {
		return nil
	}
	return platform.Errorf(platform.Conflict, "listens_on_loopback",
		"%s listens on %s only, where nothing outside of its container can reach it.", w.name, strings.Join(only, " and ")).
		WithHint("Make it listen on 0.0.0.0 and the port in $PORT (%d).", w.port())
}

// settled remembers in since when something was first seen and reports whether that is long ago.
func (w *wait) settled(since *time.Time, long time.Duration) bool {
	now := w.service.Now()
	if since.IsZero() {
		*since = now
	}
	return now.Sub(*since) >= long
}

func (w *wait) probe(ctx context.Context, port int) bool {
	if w.replica.Address == "" {
		return false
	}
	result, err := w.service.Prober.Probe(ctx, platform.Probe{
		Address: joinPort(w.replica.Address, port), Path: w.health.Path, Host: w.service.host(w.replica.App), Timeout: probeTimeout,
	})
	if err != nil {
		w.lastProbe = "the proxy does not answer"
		return false
	}
	w.lastProbe = result.Reason
	if !result.OK {
		return false
	}
	w.replica.Port = port
	w.tellPort(port)
	return true
}

func (w *wait) tellPort(port int) {
	if port == w.port() || w.told {
		return
	}
	w.told = true
	_, _ = fmt.Fprintf(w.log, "  %s listens on port %d, not on $PORT (%d); requests go to %d\n",
		w.name, port, w.port(), port) // a log that cannot be written must not stop a deployment
}

// tellWait writes down now and then what is awaited, for those who look on.
func (w *wait) tellWait() {
	now := w.service.Now()
	if now.Sub(w.toldAt) < tellEvery {
		return
	}
	w.toldAt = now
	what := fmt.Sprintf("to listen on port %d", w.port())
	switch {
	case len(w.check) > 0:
		what = "to be ready"
	case w.replica.Process != platform.WebProcess:
		what = "to stay up"
	case w.lastProbe != "":
		what = "to be healthy: " + w.lastProbe
	}
	_, _ = fmt.Fprintf(w.log, "  Waiting for %s %s (%d of %s)\n",
		w.name, what, int(now.Sub(w.began).Seconds()), seconds(w.health)) // a log that cannot be written must not stop a deployment
}

// ended explains why the wait is over.
func (w *wait) ended(ctx context.Context) error {
	if !errors.Is(context.Cause(ctx), errTooLate) {
		return ctx.Err()
	}
	if len(w.check) > 0 {
		return platform.Errorf(platform.Conflict, "never_ready", "%s was not ready within %s.", w.name, seconds(w.health)).
			WithHint("Its last lines in the deployment's log say what it did.")
	}
	if only := onlyLoopback(w.seen, w.port()); len(only) > 0 {
		w.loopAt = w.began.Add(-loopbackWait)
		return w.loopback(w.seen)
	}
	if w.lastProbe != "" {
		return platform.Errorf(platform.Conflict, "health_check_failed", "%s was not healthy within %s: %s.", w.name, seconds(w.health), w.lastProbe).
			WithHint("%s", w.probeHint())
	}
	return platform.Errorf(platform.Conflict, "never_listened", "%s did not open a port within %s.", w.name, seconds(w.health)).
		WithHint("A web app must listen on the port in $PORT (%d). If this app has no web part, name its process worker in the Procfile.", w.port())
}

func (w *wait) probeHint() string {
	if w.health.Path != "" {
		return "GET " + w.health.Path + " must answer with a status from 200 to 399. Fix the app, or set another health path."
	}
	return "The app opened a port, but did not take a connection on it."
}

func seconds(h platform.Health) string {
	if n := int(h.Timeout().Seconds()); n != 1 {
		return fmt.Sprintf("%d seconds", n)
	}
	return "1 second"
}

func itoa(n int) string { return strconv.Itoa(n) }
