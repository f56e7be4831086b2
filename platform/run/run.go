// Package run owns the wanted and the actual replicas of an app: it starts what is
// missing, waits until it is healthy, and stops what is not wanted any more.
//
// A replica is healthy when the proxy reaches it. The port is not believed but
// found: PORT is a wish, and many first apps ignore it, so the sockets that a
// replica really listens on are looked at, and an app that listens where nobody
// can reach it is told so by address and number.
package run

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"slices"
	"time"

	"github.com/lugsail/lugsail/platform"
	"github.com/lugsail/lugsail/platform/plan"
)

// DefaultPort is what PORT says, unless the image names one port of its own.
const DefaultPort = 8080

// WantedPort is what PORT says in a replica.
func WantedPort(r platform.Replica) int { return cmp.Or(r.Wanted, DefaultPort) }

// Engine starts and stops replicas.
type Engine interface {
	Start(ctx context.Context, spec platform.ReplicaSpec) (platform.Replica, error)
	Keep(ctx context.Context, id string) error
	End(ctx context.Context, id string, grace time.Duration) (killed bool, err error)
	Replica(ctx context.Context, id string) (platform.Replica, error)
	Replicas(ctx context.Context, appID string) ([]platform.Replica, error)
}

// Inspector looks into a replica.
type Inspector interface {
	Listeners(ctx context.Context, id string) ([]platform.Listener, error)
	Logs(ctx context.Context, id string, tail int, follow bool, fn func(platform.LogLine) error) error
}

// Images brings back an image that the engine has lost.
type Images interface {
	Ensure(ctx context.Context, image string) error
}

// Volumes tells which volumes an app has.
type Volumes interface {
	VolumesOf(ctx context.Context, appID string) ([]platform.Volume, error)
}

// Bindings tells what apps get from add-ons.
type Bindings interface {
	// Bound gives the config vars of an app that its add-ons bring.
	Bound(ctx context.Context, appID string) (map[string]string, error)
	// LinksOf gives the add-ons of an app; of an add-on, itself.
	LinksOf(ctx context.Context, appID string) ([]platform.Link, error)
}

// Linker makes add-ons reachable for apps.
type Linker interface {
	Link(ctx context.Context, link platform.Link) error
}

// Mountable refuses volumes that no replica of an image could start with.
type Mountable interface {
	CheckMounts(ctx context.Context, image string, mounts []platform.Mount) error
}

// Prober asks a target from the proxy's side.
type Prober interface {
	Probe(ctx context.Context, p platform.Probe) (platform.ProbeResult, error)
}

// Service runs replicas.
type Service struct {
	Engine    Engine
	Inspector Inspector
	Images    Images
	Prober    Prober
	Host      func(app string) string // what probes say they ask for; nil means the address
	URL       func(app string) string // where an app without domains of its own is reached; nil tells it nothing
	Volumes   Volumes                 // nil where there are none
	Mountable Mountable               // nil: nobody looks before the start
	Bindings  Bindings                // nil where there are no add-ons
	Linker    Linker                  // set where Bindings is
	Commands  Commands                // what runs commands once; nil where there are none
	Settle    time.Duration           // a replica without a port that lives that long has started; 0 means 3 seconds
	Now       func() time.Time
}

// New makes a Service.
func New(engine Engine, inspector Inspector, images Images, prober Prober) *Service {
	return &Service{Engine: engine, Inspector: inspector, Images: images, Prober: prober, Now: time.Now}
}

// Slot is the place of one wanted replica.
type Slot struct {
	Process string
	Index   int // 1, 2 …
}

// Name is what people call it: "web.1".
func (s Slot) Name() string { return fmt.Sprintf("%s.%d", s.Process, s.Index) }

// Wanted gives the slots of a release at a scale, web first.
func Wanted(r platform.Release, scale platform.Scale) []Slot {
	var slots []Slot
	for _, p := range webFirst(r.Processes) {
		for i := 1; i <= scale.Of(p.Type); i++ {
			slots = append(slots, Slot{p.Type, i})
		}
	}
	return slots
}

func webFirst(processes []platform.Process) []platform.Process {
	var web, rest []platform.Process
	for _, p := range processes {
		if p.Type == platform.WebProcess {
			web = append(web, p)
		} else {
			rest = append(rest, p)
		}
	}
	return append(web, rest...)
}

// Difference compares what is wanted of a release with what is there.
type Difference struct {
	Have    []platform.Replica // fill a wanted slot and run
	Missing []Slot
	Extra   []platform.Replica // other releases, surplus, doubles, and what has ended
}

// host is the name that probes of an app ask for.
func (s *Service) host(app string) string {
	if s.Host == nil {
		return ""
	}
	return s.Host(app)
}

// Compare finds the difference; it changes nothing.
func Compare(r platform.Release, wanted []Slot, actual []platform.Replica) Difference {
	var d Difference
	filled := map[Slot]bool{}
	want := map[Slot]bool{}
	for _, s := range wanted {
		want[s] = true
	}
	for _, a := range actual {
		slot := Slot{a.Process, a.Index}
		alive := a.State == platform.ReplicaRunning && a.Address != "" || a.State == platform.ReplicaRestarting // without an address its network was removed by hand
		if a.Release == r.Number && want[slot] && alive && !filled[slot] {
			filled[slot] = true
			d.Have = append(d.Have, a)
			continue
		}
		d.Extra = append(d.Extra, a)
	}
	for _, s := range wanted {
		if !filled[s] {
			d.Missing = append(d.Missing, s)
		}
	}
	return d
}

// Start starts one replica of a release, bringing the image back when the engine has lost it.
func (s *Service) Start(ctx context.Context, app platform.App, r platform.Release, deploymentID string, slot Slot) (platform.Replica, error) {
	spec, err := s.specOf(app, r, deploymentID, slot)
	if err != nil {
		return platform.Replica{}, err
	}
	if spec.Mounts, err = s.mounts(ctx, app.ID); err != nil {
		return platform.Replica{}, err
	}
	if err := s.bind(ctx, app, spec.Env); err != nil {
		return platform.Replica{}, err
	}
	replica, err := s.Engine.Start(ctx, spec)
	if e := platform.AsError(err); err != nil && e.Code == "image_missing" {
		if err := s.Images.Ensure(ctx, r.Image); err != nil {
			return platform.Replica{}, fmt.Errorf("bringing back the image of v%d: %w", r.Number, err)
		}
		replica, err = s.Engine.Start(ctx, spec)
	}
	if err != nil {
		return platform.Replica{}, fmt.Errorf("starting %s: %w", slot.Name(), err)
	}
	if app.Addon {
		err = s.link(ctx, app.ID)
	}
	return replica, err
}

// bind gives a process what the app's add-ons bring, and makes them reachable for it. What a person set as a
// config var goes before.
func (s *Service) bind(ctx context.Context, app platform.App, env map[string]string) error {
	if s.Bindings == nil || app.Addon {
		return nil
	}
	bound, err := s.Bindings.Bound(ctx, app.ID)
	if err != nil {
		return fmt.Errorf("reading what add-ons bring: %w", err)
	}
	for name, value := range bound {
		if _, set := env[name]; !set {
			env[name] = value
		}
	}
	return s.link(ctx, app.ID)
}

func (s *Service) link(ctx context.Context, appID string) error {
	if s.Bindings == nil {
		return nil
	}
	links, err := s.Bindings.LinksOf(ctx, appID)
	if err != nil {
		return fmt.Errorf("reading the app's add-ons: %w", err)
	}
	for _, l := range links {
		if err := s.Linker.Link(ctx, l); err != nil {
			return fmt.Errorf("reaching the add-on %s: %w", l.Name, err)
		}
	}
	return nil
}

// mounts gives what processes of an app get.
func (s *Service) mounts(ctx context.Context, appID string) ([]platform.Mount, error) {
	if s.Volumes == nil {
		return nil, nil
	}
	volumes, err := s.Volumes.VolumesOf(ctx, appID)
	if err != nil {
		return nil, fmt.Errorf("reading the app's volumes: %w", err)
	}
	return platform.Mounts(volumes), nil
}

// Keeps reports whether what the app's processes write at a path is in one of its volumes.
func (s *Service) Keeps(ctx context.Context, appID, path string) (bool, error) {
	mounts, err := s.mounts(ctx, appID)
	return slices.ContainsFunc(mounts, func(m platform.Mount) bool { return platform.Below(path, m.Path) }), err
}

// CheckVolumes refuses an app's volumes when no replica of the image could start with them.
func (s *Service) CheckVolumes(ctx context.Context, appID, image string) error {
	mounts, err := s.mounts(ctx, appID)
	if err != nil || s.Mountable == nil {
		return err
	}
	return s.Mountable.CheckMounts(ctx, image, mounts)
}

// Exclusive finds a volume of the app that one replica at a time may have.
func (s *Service) Exclusive(ctx context.Context, appID string) (volume string, found bool, err error) {
	mounts, err := s.mounts(ctx, appID)
	for _, m := range mounts {
		if !m.Shared {
			return m.Name, true, err
		}
	}
	return "", false, err
}

func (s *Service) specOf(app platform.App, r platform.Release, deploymentID string, slot Slot) (platform.ReplicaSpec, error) {
	p, ok := r.Process(slot.Process)
	if !ok {
		return platform.ReplicaSpec{}, platform.Errorf(platform.Invalid, "process_unknown", "v%d has no process type %q.", r.Number, slot.Process)
	}
	limits, err := plan.ByName(r.Plan)
	if err != nil {
		return platform.ReplicaSpec{}, err
	}
	env := s.environment(app, r, slot.Name())
	port := cmp.Or(p.Port, DefaultPort)
	env["PORT"], env["LUGSAIL_MEMORY"] = fmt.Sprint(port), fmt.Sprint(limits.Memory)
	return platform.ReplicaSpec{
		AppID: app.ID, App: app.Name, Release: r.Number, Deployment: deploymentID, Process: slot.Process, Index: slot.Index,
		Image: r.Image, Entrypoint: p.Entrypoint, Args: p.Args, Env: env, Port: port, Plan: limits,
	}, nil
}

// environment is what each process of a release finds around it.
func (s *Service) environment(app platform.App, r platform.Release, process string) map[string]string {
	env := maps.Clone(r.ConfigVars)
	if env == nil {
		env = map[string]string{}
	}
	env["LUGSAIL_APP"] = app.Name
	if s.URL != nil {
		env["LUGSAIL_URL"] = s.URL(app.Name)
	}
	env["LUGSAIL_RELEASE"] = fmt.Sprintf("v%d", r.Number)
	env["LUGSAIL_PROCESS"] = process
	env["LUGSAIL_COMMIT"] = r.Commit
	return env
}

// Keep makes the engine start the replicas again by itself from now on.
func (s *Service) Keep(ctx context.Context, replicas []platform.Replica) {
	for _, r := range replicas {
		if r.Kept {
			continue
		}
		if err := s.Engine.Keep(ctx, r.ID); err != nil {
			// the keeper would start a new one; that is slower, not wrong
			slog.WarnContext(ctx, "replica not kept by the engine", "replica", r.ID, "error", err)
		}
	}
}

// Stop ends replicas with grace, all at once, and waits for them. told hears of those that had to be killed.
func (s *Service) Stop(ctx context.Context, replicas []platform.Replica, grace time.Duration, told func(platform.Replica)) error {
	errs := make(chan error, len(replicas))
	for _, r := range replicas {
		go func() {
			killed, err := s.Engine.End(ctx, r.ID, grace)
			if killed {
				told(r)
			}
			errs <- err
		}()
	}
	var first error
	for range replicas {
		if err := <-errs; err != nil && first == nil {
			first = err
		}
	}
	return first
}

// LastWords writes the end of a replica's output to log.
func (s *Service) LastWords(ctx context.Context, r platform.Replica, lines int, log io.Writer) {
	name := Slot{r.Process, r.Index}.Name()
	err := s.Inspector.Logs(ctx, r.ID, lines, false, func(line platform.LogLine) error {
		_, err := fmt.Fprintf(log, "  %s | %s\n", name, line.Text)
		return err
	})
	if err != nil {
		slog.InfoContext(ctx, "last output of a replica not read", "replica", r.ID, "error", err)
	}
}
