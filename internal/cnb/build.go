package cnb

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"regexp"

	"github.com/buildpacks/pack/pkg/cache"
	"github.com/buildpacks/pack/pkg/client"
	"github.com/buildpacks/pack/pkg/image"
	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/lugsail/lugsail/platform"
)

var anID = regexp.MustCompile(`^[a-z0-9]{1,40}$`)

// Build turns the source into an image that the engine has. Nothing but the app's caches and the image
// is left of it, however it ends.
func (b *Builder) Build(ctx context.Context, req platform.BuildRequest, log io.Writer) (platform.BuildResult, error) {
	if !anID.MatchString(req.AppID) || !anID.MatchString(req.BuildID) {
		return platform.BuildResult{}, fmt.Errorf("building: %q or %q is no id", req.AppID, req.BuildID)
	}
	req.Limits = req.Limits.OrDefault()
	b.building.RLock()
	defer b.building.RUnlock()
	state, err := b.current()
	if err != nil {
		return platform.BuildResult{}, err
	}
	if err := b.makeRoom(ctx); err != nil {
		return platform.BuildResult{}, err
	}
	if !b.networkUp() { // somebody removed it, or its bridge
		if err := b.ensureNetwork(ctx); err != nil {
			return platform.BuildResult{}, err
		}
	}
	if state, err = b.ensureThere(ctx, state, log); err != nil {
		return platform.BuildResult{}, err
	}
	unlock, err := b.lock(ctx, req.AppID)
	if err != nil {
		return platform.BuildResult{}, err
	}
	defer unlock()
	if err := b.ensureGoSeed(ctx, req, log); err != nil {
		return platform.BuildResult{}, err
	}
	if err := b.removeBuilds(ctx, labelApp+"="+req.AppID); err != nil {
		return platform.BuildResult{}, err // one of a crash would share the app's directory
	}
	limited, cancel := context.WithTimeoutCause(ctx, req.Limits.Timeout, platform.BuildTime)
	defer cancel()
	stop, abort := context.WithCancelCause(limited)
	defer b.watchRoom(stop, abort)()
	r := run{builder: b, request: req, state: state, log: log, times: newTimes(), abort: abort}
	return r.build(stop)
}

// run is one build under way.
type run struct {
	builder *Builder
	request platform.BuildRequest
	state   prepared
	log     io.Writer
	times   *times
	abort   context.CancelCauseFunc
	space   workspace
	session *session
	said    *tail // what the lifecycle says of its own work
	early   *early
}

func (r *run) build(ctx context.Context) (result platform.BuildResult, err error) {
	b := r.builder
	r.space, err = b.openWorkspace(r.request)
	defer func() {
		if closeErr := r.space.close(); closeErr != nil {
			slog.Warn("tidying up after a build", "build", r.request.BuildID, "error", closeErr)
		}
	}()
	if err != nil {
		return result, err
	}
	if err := b.seed(ctx, r.request); err != nil {
		return result, err
	}
	r.times.mark("copying")
	r.said, r.early = &tail{}, newEarly(ctx, r.publish)
	err = r.pack(ctx)
	r.times.mark("building")
	image, publishErr := r.early.wait(err == nil)
	if err == nil {
		err = publishErr
	}
	if err == nil {
		result, err = r.finish(ctx, image)
	}
	if err != nil {
		return platform.BuildResult{}, r.explain(ctx, err)
	}
	r.times.mark("pulling")
	if err := b.share(ctx, r.request, image); err != nil {
		slog.WarnContext(ctx, "the next app of a blueprint is built from nothing", "blueprint", r.request.Blueprint, "error", err)
	}
	_, _ = fmt.Fprintf(r.log, "Built in %s\n", r.times) // a log that cannot be written must not stop a build
	return result, nil
}

// pack runs the lifecycle.
func (r *run) pack(ctx context.Context) error {
	b := r.builder
	user, password, release, err := b.registry.BuildToken(ctx, r.request.AppID)
	if err != nil {
		return err
	}
	defer release()
	r.session = b.newSession(r.request, r.state.BuilderID, r.space)
	log := &buildLog{out: r.log, limit: r.request.Limits.Output, exceeded: func() { r.abort(platform.BuildOutput) }, hidden: r.said, stored: r.early.start}
	logger := &packLogger{out: r.said, writer: log}
	pack, err := b.packClient(logger, r.session, keychain{b.inner(): {Username: user, Password: password}}, r.space.inner("pack"))
	if err != nil {
		return err
	}
	err = pack.Build(ctx, client.BuildOptions{
		Image: b.inner() + "/" + appRepository(r.request.AppID) + ":" + latest, Publish: true,
		Builder: b.builderName(), TrustBuilder: func(string) bool { return true }, PullPolicy: image.PullNever,
		AppPath: r.space.inner("source"), Workspace: innerApp,
		InsecureRegistries: []string{b.inner()}, UserID: -1, GroupID: -1,
		ContainerConfig: client.ContainerConfig{Network: b.networkName()},
		Cache: cache.CacheOpts{
			Build:  cache.CacheInfo{Format: cache.CacheBind, Source: r.space.inner("cache")},
			Launch: cache.CacheInfo{Source: "none"}, Kaniko: cache.CacheInfo{Source: "none"},
		},
	})
	log.close()
	return err
}

// latest is the tag of an app's last image. The next build takes over layers of it.
const latest = "latest"

// published is an image that the engine has.
type published struct {
	image  v1.Image
	digest string
}

// publish lets the engine pull the app's last image.
func (r *run) publish(ctx context.Context) (published, error) {
	b, repository := r.builder, appRepository(r.request.AppID)
	digest, err := b.registry.Tagged(ctx, repository, latest)
	if err != nil {
		return published{}, err
	}
	if digest == "" {
		return published{}, errors.New("publishing: the registry does not have the image")
	}
	image, digest, err := b.arrange(ctx, repository, digest)
	if err != nil {
		return published{}, err
	}
	return published{image, digest}, b.pull(ctx, b.local()+"/"+repository+"@"+digest)
}

// finish describes the image, after a last look whether it is still the one that the build made.
func (r *run) finish(ctx context.Context, p published) (platform.BuildResult, error) {
	repository := appRepository(r.request.AppID)
	digest, err := r.builder.registry.Tagged(ctx, repository, latest)
	if err == nil && digest != p.digest {
		p, err = r.publish(ctx)
	}
	if err != nil {
		return platform.BuildResult{}, err
	}
	result, err := r.describe(p.image)
	result.Image = r.builder.local() + "/" + repository + "@" + p.digest
	return result, err
}

// removeBuilds removes the containers of builds with that label.
func (b *Builder) removeBuilds(ctx context.Context, label string) error {
	found, err := b.engine.ContainerList(ctx, listBuilds(b.config.Instance, label))
	if err != nil {
		return b.engineError("looking for builds that were cut off", err)
	}
	for _, c := range found.Items {
		b.removeContainer(ctx, c.ID)
	}
	return nil
}
