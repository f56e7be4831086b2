package firewall

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"slices"
	"sync"
	"time"
)

// Status is how the rules are.
type Status struct {
	Checked time.Time // zero before the first look
	Program string    // that keeps them: "iptables", "iptables-legacy"
	Rules   int       // of IPv4
	Err     error     // why they are not in place
	Lacks   string    // what the kernel cannot do, in words; "" when it can do all
}

// Firewall keeps the rules in place.
type Firewall struct {
	Config Config
	// Restored is told each time that rules were put back which something else had removed.
	Restored func(ctx context.Context)
	Now      func() time.Time

	files  []string // that name resolvers
	daemon string
	early  bool // Docker is to come
	nudge  chan struct{}
	mu     sync.Mutex // one look at a time
	known  map[string]kept
	steps  Steps

	statusMu sync.Mutex
	status   Status
}

// kept is what was put in, and how the kernel listed it.
type kept struct {
	program   string
	resolvers []netip.Addr
	steps     Steps
	state     []string
	plain     bool
}

// New makes a Firewall that does nothing before Run.
func New(c Config, restored func(context.Context)) *Firewall {
	return &Firewall{
		Config: c, Restored: restored, Now: time.Now, files: resolverFiles, daemon: daemonFile,
		nudge: make(chan struct{}, 1), known: map[string]kept{},
	}
}

const (
	lookEvery  = time.Minute
	againAfter = 10 * time.Second // when they could not be put in
	lookLimit  = 30 * time.Second
)

// Run keeps the rules until ctx ends. It is never an error that they cannot be kept: apps go on,
// and Status says why.
func (f *Firewall) Run(ctx context.Context) error {
	for {
		wait := lookEvery
		if err := f.Look(ctx); err != nil {
			wait = againAfter
		}
		select {
		case <-ctx.Done():
			return nil
		case <-f.nudge:
		case <-time.After(wait):
		}
	}
}

// Nudge asks for a look soon: Docker has started over.
func (f *Firewall) Nudge() {
	select {
	case f.nudge <- struct{}{}:
	default: // one is asked for already
	}
}

// Status tells how the rules were at the last look.
func (f *Firewall) Status() Status {
	f.statusMu.Lock()
	defer f.statusMu.Unlock()
	return f.status
}

// Look compares the rules with what they should be, and puts them back.
func (f *Firewall) Look(ctx context.Context) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.look(ctx)
}

// Hold closes to steps of builds what is closed to builds, until Free. It is said again whenever
// other containers of the owner's are on the bridge.
func (f *Firewall) Hold(ctx context.Context, bridge string, apart []netip.Addr) error {
	return f.set(ctx, Steps{Bridge: bridge, Apart: apart})
}

// Free takes Hold back.
func (f *Firewall) Free(ctx context.Context) error { return f.set(ctx, Steps{}) }

func (f *Firewall) set(ctx context.Context, s Steps) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.steps = s
	return f.look(ctx)
}

func (f *Firewall) look(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, lookLimit)
	defer cancel()
	names := resolvers(f.files, f.daemon)
	restored := false
	status := Status{Checked: f.Now()}
	for _, family := range present() {
		k, again, err := f.ensure(ctx, family, names)
		if err != nil {
			status.Err = errors.Join(status.Err, fmt.Errorf("%s: %w", family.program, err))
			continue
		}
		restored = restored || again
		if k.plain {
			status.Lacks = "The kernel has no match physdev: replicas of one app may not reach each other."
		}
		if !family.six {
			status.Program, status.Rules = k.program, len(k.state)-1
		}
	}
	f.tell(ctx, status, restored)
	return status.Err
}

// First puts the rules in where Docker does not run yet: DOCKER-USER is made for it.
func (f *Firewall) First(ctx context.Context) error {
	f.early = true
	defer func() { f.early = false }()
	return f.Look(ctx)
}

// tell notes how it went; what is the same as before is not said again.
func (f *Firewall) tell(ctx context.Context, now Status, restored bool) {
	f.statusMu.Lock()
	before := f.status
	f.status = now
	f.statusMu.Unlock()
	if now.Err != nil && (before.Err == nil || before.Err.Error() != now.Err.Error()) && ctx.Err() == nil {
		slog.ErrorContext(ctx, "network rules not in place: apps can reach this machine's services", "error", now.Err)
	}
	if restored {
		slog.WarnContext(ctx, "network rules were removed by something else, and put back")
		if f.Restored != nil {
			f.Restored(ctx)
		}
	}
}

// ensure puts the rules of a family in when they are not there as they were.
func (f *Firewall) ensure(ctx context.Context, fam family, names []netip.Addr) (k kept, again bool, err error) {
	t, l, err := find(ctx, fam)
	if err != nil {
		return k, false, err
	}
	c := f.Config
	c.steps = f.steps
	if f.early && !l.dockers() {
		if err := t.makeRoom(ctx); err != nil {
			return k, false, err
		}
		if l, err = t.list(ctx); err != nil {
			return k, false, err
		}
	}
	before, known := f.known[fam.program]
	known = known && before.program == t.program
	whole := slices.Equal(before.state, l.state(c))
	there := l.hooked(c.input(), "INPUT") && l.hooked(c.forward(), l.hook())
	if known && whole && there && !before.plain && slices.Equal(before.resolvers, names) && before.steps.equal(f.steps) {
		return before, false, nil
	}
	lost := len(l.jumps(c.input())) == 0 || len(l.jumps(c.forward())) == 0 // else one was moved, as Docker has come
	if err := t.put(ctx, c, names, l); err != nil {
		c.plain = true
		if t.put(ctx, c, names, l) != nil {
			return k, false, err
		}
	}
	if l, err = t.list(ctx); err != nil {
		return k, false, err
	}
	if want := len(c.inputRules(fam, names)) + len(c.forwardRules(fam, names)); len(l.state(c))-1 != want {
		return k, false, fmt.Errorf("%d of %d rules are there after they were put in", len(l.state(c))-1, want)
	}
	k = kept{t.program, names, f.steps, l.state(c), c.plain}
	f.known[fam.program] = k
	return k, known && (!whole || lost), nil
}
