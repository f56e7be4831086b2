package deploy

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/lugsail/lugsail/platform"
	"github.com/lugsail/lugsail/platform/source"
)

// Fetcher brings the newest commit of a source that lies elsewhere (Remote, Branch). known is the
// commit that serves already: it answers Conflict, code nothing_new. say takes lines for the log.
type Fetcher func(ctx context.Context, src platform.Source, known string, say func(string)) (platform.Source, error)

// nothingNew is the code of a fetch that brought what serves already: nothing failed.
const nothingNew = "nothing_new"

// fetchFirst brings the source of a deployment that lies elsewhere.
func (w *walk) fetchFirst(ctx context.Context) error {
	if w.d.Source.Remote == "" {
		return nil
	}
	return w.do(ctx, platform.StepFetch, w.fetch)
}

func (w *walk) fetch(ctx context.Context) (string, error) {
	src := w.d.Source
	if src.Dir != "" && source.Verify(ctx, src) == nil {
		return fetchedText(src), nil // before a crash
	}
	if w.c.Fetch == nil {
		return "", platform.Errorf(platform.Unavailable, "no_way_out", "This server fetches from nowhere.")
	}
	known, err := w.serves(ctx)
	if err != nil {
		return "", err
	}
	w.say("Fetch")
	got, err := w.c.Fetch(ctx, src, known, func(line string) { w.say("%s", line) })
	if err != nil {
		return "", err
	}
	got.Again, got.Here, got.Renew = src.Again, src.Here, src.Renew
	if _, err := w.c.Deployments.UpdateDeployment(ctx, w.d.ID, func(d *platform.Deployment) error {
		d.Source = got
		return nil
	}); err != nil {
		return "", errors.Join(fmt.Errorf("recording what was fetched: %w", err), os.RemoveAll(got.Dir))
	}
	w.d.Source = got
	return fetchedText(got), nil
}

// serves is the commit that serves; "" where it is to be built again all the same.
func (w *walk) serves(ctx context.Context) (string, error) {
	if w.d.Source.Again || w.app.CurrentRelease == 0 {
		return "", nil
	}
	r, err := w.c.Apps.ReleaseWithoutVars(ctx, w.app.ID, w.app.CurrentRelease)
	if err != nil {
		return "", fmt.Errorf("reading release %d: %w", w.app.CurrentRelease, err)
	}
	return r.Commit, nil
}

func fetchedText(src platform.Source) string {
	if len(src.Commit) < 7 {
		return src.Branch
	}
	return src.Commit[:7] + " of " + src.Branch
}
