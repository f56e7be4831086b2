package dockerfile

import (
	"context"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/lugsail/lugsail/platform"
)

// run is one build under way.
type run struct {
	builder  *Builder
	request  platform.BuildRequest
	recipe   recipe
	log      io.Writer
	progress *progress
	steps    *steps
	abort    context.CancelCauseFunc

	base       string // what lugsail/base means just now; "" when the Dockerfile does not build on it
	dockerfile string // directory of the Dockerfile with that name in it; "" means the source
}

// Build turns the source into an image that the engine has. Nothing but the image and the engine's cache
// is left of it, however it ends.
func (b *Builder) Build(ctx context.Context, req platform.BuildRequest, log io.Writer) (platform.BuildResult, error) {
	if !anID.MatchString(req.AppID) || !anID.MatchString(req.BuildID) {
		return platform.BuildResult{}, fmt.Errorf("building: %q or %q is no id", req.AppID, req.BuildID)
	}
	req.Limits = req.Limits.OrDefault()
	recipe, err := b.read(req.Dir, req.Dockerfile)
	if err != nil {
		return platform.BuildResult{}, err
	}
	if b.config.Disk != nil {
		if err := b.config.Disk.MakeRoom(ctx); err != nil {
			return platform.BuildResult{}, err
		}
	}
	limited, cancel := context.WithTimeoutCause(ctx, req.Limits.Timeout, platform.BuildTime)
	defer cancel()
	stop, abort := context.WithCancelCause(limited)
	defer abort(nil)
	if b.config.Disk != nil {
		defer b.config.Disk.WatchRoom(stop, func() { abort(platform.BuildRoom) })()
	}
	r := &run{builder: b, request: req, recipe: recipe, log: log, abort: abort}
	defer r.cleanBase()
	return r.build(stop)
}

func (r *run) build(ctx context.Context) (platform.BuildResult, error) {
	began := time.Now()
	for _, line := range r.recipe.remarks {
		r.say("%s", line)
	}
	image := r.builder.repository(r.request.AppID) + ":" + r.request.BuildID
	err := r.standOnBase(ctx)
	shared := r.shared()
	known := false
	if err == nil {
		known, err = r.taken(ctx, shared, image)
	}
	if err == nil && !known {
		err = r.fencedSolve(ctx, image)
	}
	if err == nil && !known {
		err = r.share(ctx, shared, image)
	}
	var result platform.BuildResult
	if err == nil {
		result, err = r.result(ctx, image)
	}
	if err != nil {
		err = r.explain(ctx, err)
		r.builder.dropFailed(ctx, image)
		return platform.BuildResult{}, err
	}
	if known {
		r.say("The image is there already: another app of this blueprint has the same")
		return result, nil
	}
	r.say("Built in %.1f s", time.Since(began).Seconds())
	return result, nil
}

func (r *run) fencedSolve(ctx context.Context, image string) error {
	back, err := r.borrow(ctx)
	if err != nil {
		return err
	}
	defer back()
	defer r.fence(ctx)()
	defer r.bound(ctx)()
	return r.solve(ctx, image)
}

func (r *run) say(format string, args ...any) {
	_, _ = fmt.Fprintf(r.log, format+"\n", args...) // a log that cannot be written must not stop a build
}

// dropFailed removes what a build that failed at its end may have named.
func (b *Builder) dropFailed(ctx context.Context, image string) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 30*time.Second)
	defer cancel()
	_ = b.removeImage(ctx, image) // Retain finds what stays
}

// open opens the source so that no link leads out of it.
func open(dir string) (*os.Root, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, fmt.Errorf("reading the source: %w", err)
	}
	return root, nil
}
