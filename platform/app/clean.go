package app

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/lugsail/lugsail/platform"
)

// LeftoverKind is why something can go.
type LeftoverKind string

// The kinds.
const (
	LeftoverCache  LeftoverKind = "cache"  // kept by builds, to be faster the next time
	LeftoverImages LeftoverKind = "images" // of releases that nobody can go back to any more
	LeftoverOrphan LeftoverKind = "orphan" // of an app that is not there any more

	LeftoverBlueprint LeftoverKind = "blueprint" // image of a blueprint that no app uses; AppID is the blueprint's name
)

// Leftover is something that Lugsail made, nobody uses, and can be removed without harm.
type Leftover struct {
	ID    string // the same as long as it is there
	Kind  LeftoverKind
	AppID string
	App   string // its name; "" for an orphan
	Bytes int64
	Text  string // what it is, and what its removal means; for people
}

// leastLeftover is below what anybody cleans up for.
const leastLeftover = 1 << 20 // bytes

// Cleaner finds and removes what Lugsail made. It knows nothing of anybody else's.
type Cleaner interface {
	// Leftovers measures what builds kept, and images beyond those to keep, which are given by the app's id.
	Leftovers(ctx context.Context, keep map[string][]string) ([]Leftover, error)
	// Remove removes one; done is false when it is in use just now.
	Remove(ctx context.Context, l Leftover) (done bool, err error)
}

// Cleaned is what a clean-up has done.
type Cleaned struct {
	Removed []Leftover
	Busy    []Leftover // in use just now
	Bytes   int64      // of those that were removed
}

// Leftovers tells what a clean-up would remove, the largest first; less than 1 MiB is left where it is. For the
// owner only.
func (s *Service) Leftovers(ctx context.Context, actor platform.Actor) ([]Leftover, error) {
	if !platform.Can(actor, platform.ActionServer, actor.AppID) {
		return nil, forbidden()
	}
	if s.Cleaner == nil {
		return nil, platform.Errorf(platform.Unavailable, "disk_missing", "This server's disk cannot be measured.").
			WithHint("As root on the server: df -h")
	}
	apps, err := s.Store.Apps(ctx)
	if err != nil {
		return nil, err
	}
	names, keep := map[string]string{}, map[string][]string{}
	for _, a := range apps {
		names[a.ID] = a.Name
		if a.State != platform.AppActive {
			continue // what is in the trash comes back as it was
		}
		if keep[a.ID], err = s.Conductor.InReach(ctx, a.ID); err != nil {
			return nil, err
		}
	}
	found, err := s.Cleaner.Leftovers(ctx, keep)
	if err != nil {
		return nil, err
	}
	found = slices.DeleteFunc(found, func(l Leftover) bool { return l.Bytes < leastLeftover })
	for i := range found {
		found[i].name(names)
	}
	slices.SortFunc(found, func(a, b Leftover) int { return cmp.Or(cmp.Compare(b.Bytes, a.Bytes), cmp.Compare(a.ID, b.ID)) })
	return found, nil
}

func (l *Leftover) name(names map[string]string) {
	l.App = names[l.AppID]
	if l.Kind == LeftoverBlueprint {
		l.App = ""
	} else if l.App == "" {
		l.Kind = LeftoverOrphan
	}
	l.ID = fmt.Sprintf("%s-%s", l.Kind, l.AppID)
	switch l.Kind {
	case LeftoverCache:
		l.Text = fmt.Sprintf("What builds of %s kept. Its next build takes longer, and keeps it anew.", l.App)
	case LeftoverImages:
		l.Text = fmt.Sprintf("Images of releases of %s that are too old to go back to.", l.App)
	case LeftoverBlueprint:
		l.Text = fmt.Sprintf("The image of the blueprint %s, which no app uses. The next app of it takes longer.", l.AppID)
	case LeftoverOrphan:
		l.Text = "Left of an app that is not there any more."
	}
}

// Clean removes the leftovers with these ids; all when there are none. What is in use just now stays, and is told.
func (s *Service) Clean(ctx context.Context, actor platform.Actor, ids []string) (Cleaned, error) {
	found, err := s.Leftovers(ctx, actor)
	if err != nil {
		return Cleaned{}, err
	}
	var c Cleaned
	for _, l := range found {
		if len(ids) > 0 && !slices.Contains(ids, l.ID) {
			continue
		}
		done, err := s.Cleaner.Remove(ctx, l)
		if err != nil {
			return c, fmt.Errorf("removing %s: %w", l.ID, err)
		}
		if !done {
			c.Busy = append(c.Busy, l)
			continue
		}
		c.Removed = append(c.Removed, l)
		c.Bytes += l.Bytes
	}
	if len(c.Removed) > 0 {
		s.event(ctx, actor, platform.App{}, "disk.cleaned", fmt.Sprintf("Removed %s that nobody used", platform.Bytes(c.Bytes)))
	}
	return c, nil
}
