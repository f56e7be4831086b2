package dockerfile

import (
	"context"
	"log/slog"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/moby/moby/client"

	"github.com/lugsail/lugsail/platform"
)

const cgroupRoot = "/sys/fs/cgroup"

const (
	lookEvery = 100 * time.Millisecond
	// A build that is refused processes for so many looks in a row does nothing else any more.
	refusedLooks = 50
)

// steps are the control groups in which BuildKit runs a build's steps, and what the kernel did there.
// Engines from 23 on put them where they are told. Those before do not listen: they have one group for
// the steps of all builds, or, where systemd keeps the groups, none but the step's own.
type steps struct {
	tree   tree
	limits platform.BuildLimits
	parent string // of all steps; "" where they have none
	shared bool   // parent is not ours
	each   string // pattern of the steps' groups
	before refusals
	seen   refusals
}

// ourGroups begins the names of groups that are ours.
func (b *Builder) ourGroups() string { return "lugsail-" + b.config.Instance + "-build-" }

func (r *run) newSteps(ctx context.Context) *steps {
	s := &steps{tree: r.builder.tree, limits: r.request.Limits, parent: r.builder.ourGroups() + r.request.BuildID}
	info, err := r.builder.engine.Info(ctx, client.InfoOptions{}) // the first question settles the version of the API, too
	if listens(r.builder.engine.ClientVersion()) {
		s.each = s.parent + "/buildkit/*"
		return s
	}
	if err == nil && info.Info.CgroupDriver == "systemd" {
		s.parent, s.each = "", "system.slice:docker:*"
		return s
	}
	s.parent, s.shared, s.each = "docker/buildkit", true, "docker/buildkit/*"
	return s
}

// listens reports whether an engine, by the version of its API, takes the name of a group.
func listens(version string) bool {
	major, minor, _ := strings.Cut(version, ".")
	m, _ := strconv.Atoi(major)
	n, _ := strconv.Atoi(minor)
	return m > 1 || n >= 42
}

// bound limits what the steps take of the machine, and watches them until end. A machine whose control
// groups are elsewhere builds without.
func (r *run) bound(ctx context.Context) (end func()) {
	s := r.newSteps(ctx)
	r.steps = s
	if s.parent != "" {
		if err := s.tree.limit(s.parent, s.limits); err != nil {
			slog.WarnContext(ctx, "steps of a build have no limits", "build", r.request.BuildID, "error", err)
		}
		s.before = s.tree.refused(s.parent)
	}
	watching, stop := context.WithCancel(ctx)
	var done sync.WaitGroup
	done.Go(func() { s.watch(watching, func() { r.abort(platform.BuildPIDs) }) })
	return func() {
		stop()
		done.Wait()
		s.leave()
	}
}

// watch bounds steps that have no parent, and remembers what was refused to which: a step's group goes with it.
func (s *steps) watch(ctx context.Context, tooMany func()) {
	seen := map[string]bool{}
	busy, last := 0, int64(0)
	ticker := time.NewTicker(lookEvery)
	defer ticker.Stop()
	for {
		forks := s.look(seen)
		if busy++; forks == last {
			busy = 0
		}
		if last = forks; busy >= refusedLooks {
			tooMany()
			return
		}
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

func (s *steps) look(seen map[string]bool) (forks int64) {
	groups := s.tree.groups(s.each)
	for _, group := range groups {
		if !seen[group] && s.parent == "" {
			if err := s.tree.limit(group, s.limits); err != nil && s.tree.there(group) {
				slog.Warn("a step of a build has no limits", "group", group, "error", err)
			}
		}
		seen[group] = true
	}
	for _, group := range groups {
		forks = max(forks, s.note(s.tree.refused(group)))
	}
	if s.parent != "" {
		forks = max(forks, s.note(s.tree.refused(s.parent).since(s.before)))
	}
	return forks
}

func (s *steps) note(r refusals) (forks int64) {
	s.seen = refusals{max(s.seen.kills, r.kills), max(s.seen.forks, r.forks), max(s.seen.full, r.full)}
	return r.forks
}

// leave takes away what is ours.
func (s *steps) leave() {
	s.look(map[string]bool{})
	switch {
	case s.parent == "":
	case s.shared && s.tree.runs(s.each): // somebody else's build goes on: whoever ends last lifts them
	case s.shared:
		if err := s.tree.lift(s.parent); err != nil && s.tree.there(s.parent) {
			slog.Warn("limits of the engine's own builds not lifted", "error", err)
		}
	default:
		for range 40 { // steps that were cut off take a moment to end; New removes what stays
			if s.tree.remove(s.parent); !s.tree.there(s.parent) {
				return
			}
			time.Sleep(50 * time.Millisecond)
		}
	}
}

// exceeded is the limit that made a step fail which ended with a code.
func (s *steps) exceeded(code string) error {
	switch {
	case s.seen.kills > 0, code == "137" && s.seen.full > 0:
		return platform.BuildMemory
	case s.seen.forks > 0:
		return platform.BuildPIDs
	}
	return nil
}
