package dockerfile

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/moby/buildkit/client"
	engine "github.com/moby/moby/client"

	"github.com/lugsail/lugsail/internal/atomicfile"
)

// ledger is which records of the engine's build cache came with builds of ours, by app. The engine's
// cache is one for all who build on it and its records have no owner, so those that appear while a build
// of ours runs count as ours. A build that somebody starts by hand in that time may be built anew for it;
// nothing but time is lost by that.
type ledger struct {
	mu   sync.Mutex
	file string
}

type owned map[string][]string // app id → ids of records

func (l *ledger) read() (owned, error) {
	text, err := os.ReadFile(l.file)
	if errors.Is(err, fs.ErrNotExist) {
		return owned{}, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading whose the build cache is: %w", err)
	}
	all := owned{}
	if err := json.Unmarshal(text, &all); err != nil {
		slog.Warn("whose the build cache is cannot be read; the engine's own limit holds for what there is", "error", err)
		return owned{}, nil
	}
	return all, nil
}

// change edits what is written down.
func (l *ledger) change(edit func(owned)) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	all, err := l.read()
	if err != nil {
		return err
	}
	edit(all)
	text, err := json.Marshal(all)
	if err != nil {
		return fmt.Errorf("writing whose the build cache is: %w", err)
	}
	if err := atomicfile.Write(l.file, text, 0o600); err != nil {
		return fmt.Errorf("writing whose the build cache is: %w", err)
	}
	return nil
}

// noteCache writes down at the end what has appeared since now.
func (b *Builder) noteCache(ctx context.Context, kit *client.Client, appID string) (end func()) {
	before, err := kit.DiskUsage(ctx)
	if err != nil {
		return func() {} // the build itself will tell
	}
	return func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 15*time.Second)
		defer cancel()
		after, err := kit.DiskUsage(ctx)
		if err == nil {
			err = b.cache.change(func(all owned) { all[appID] = append(all[appID], appeared(before, after, all)...) })
		}
		if err != nil {
			slog.WarnContext(ctx, "the build cache was not looked at", "app", appID, "error", err)
		}
	}
}

func appeared(before, after []*client.UsageInfo, all owned) []string {
	known := map[string]bool{}
	for _, record := range before {
		known[record.ID] = true
	}
	for _, ids := range all {
		for _, id := range ids {
			known[id] = true
		}
	}
	var fresh []string
	for _, record := range after {
		if !known[record.ID] {
			fresh = append(fresh, record.ID)
		}
	}
	return fresh
}

// forgetCache drops what builds of an app cached.
func (b *Builder) forgetCache(ctx context.Context, appID string) error {
	all, err := b.cache.read()
	if err != nil || len(all[appID]) == 0 {
		return err
	}
	err = b.prune(ctx, all[appID])
	if errors.Is(err, errStuck) {
		slog.WarnContext(ctx, "the engine does not answer when it shall drop build cache, so what an app's builds kept stays until the engine's own limit; restart Docker", "app", appID)
	} else if err != nil {
		return err
	}
	return b.cache.change(func(all owned) { delete(all, appID) })
}

// capCache drops what was used least recently until the rest of ours is within the cap, and forgets
// records that the engine has dropped by itself.
func (b *Builder) capCache(ctx context.Context) error {
	all, err := b.cache.read()
	if err != nil || len(all) == 0 {
		return err
	}
	kit, err := b.buildkit(ctx)
	if err != nil {
		return err
	}
	records, err := kit.DiskUsage(ctx)
	if err = errors.Join(err, kit.Close()); err != nil {
		return fmt.Errorf("looking at the build cache: %w", err)
	}
	if drop := beyond(records, all, b.config.Cache); len(drop) > 0 {
		if err := b.prune(ctx, drop); err != nil {
			return err
		}
	}
	return b.cache.change(func(now owned) { withoutGone(now, records) })
}

// beyond picks the records of ours to drop.
func beyond(records []*client.UsageInfo, all owned, most int64) []string {
	ours := map[string]bool{}
	for _, ids := range all {
		for _, id := range ids {
			ours[id] = true
		}
	}
	var mine []*client.UsageInfo
	var bytes int64
	for _, record := range records {
		if ours[record.ID] && !record.Shared { // what images share goes with them
			mine = append(mine, record)
			bytes += record.Size
		}
	}
	slices.SortFunc(mine, func(a, b *client.UsageInfo) int { return cmp.Or(used(a).Compare(used(b)), cmp.Compare(a.ID, b.ID)) })
	var drop []string
	for _, record := range mine {
		if bytes <= most {
			break
		}
		drop = append(drop, record.ID)
		bytes -= record.Size
	}
	return drop
}

func used(r *client.UsageInfo) time.Time {
	if r.LastUsedAt != nil {
		return *r.LastUsedAt
	}
	return r.CreatedAt
}

func withoutGone(all owned, records []*client.UsageInfo) {
	there := map[string]bool{}
	for _, record := range records {
		there[record.ID] = true
	}
	for app, ids := range all {
		all[app] = slices.DeleteFunc(ids, func(id string) bool { return !there[id] })
		if len(all[app]) == 0 {
			delete(all, app)
		}
	}
}

var errStuck = errors.New("the engine does not answer")

// prune drops records by their ids. One that another build's record lies on stays.
//
// The engine drops one at a time, by a request that it ends by itself: of BuildKit's own stream of progress
// a client that is killed leaves the engine waiting for a reader, and whoever prunes after it waits for ever.
func (b *Builder) prune(ctx context.Context, ids []string) error {
	ctx, cancel := context.WithTimeoutCause(ctx, time.Minute, errStuck)
	defer cancel()
	for ids = slices.Clone(ids); ; { // the ones that lie on top go first
		before := len(ids)
		for i, id := range slices.Backward(ids) {
			got, err := b.engine.BuildCachePrune(ctx, engine.BuildCachePruneOptions{All: true, Filters: engine.Filters{}.Add("id", id)})
			if err != nil {
				return fmt.Errorf("dropping build cache: %w", cmp.Or(context.Cause(ctx), err))
			}
			if slices.Contains(got.Report.CachesDeleted, id) {
				ids = slices.Delete(ids, i, i+1)
			}
		}
		if len(ids) == before || len(ids) == 0 {
			return nil
		}
	}
}
