package dockerfile

import (
	"cmp"
	"context"
	"fmt"
	"net"
	"time"

	"github.com/moby/buildkit/client"
	"github.com/tonistiigi/fsutil"

	"github.com/lugsail/lugsail/platform"
)

// buildkit connects to the BuildKit inside of the engine.
func (b *Builder) buildkit(ctx context.Context) (*client.Client, error) {
	kit, err := client.New(ctx, "",
		client.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) {
			return b.engine.DialHijack(ctx, "/grpc", "h2c", nil)
		}),
		client.WithSessionDialer(func(ctx context.Context, proto string, meta map[string][]string) (net.Conn, error) {
			return b.engine.DialHijack(ctx, "/session", proto, meta)
		}))
	if err != nil {
		return nil, fmt.Errorf("connecting to BuildKit: %w", err)
	}
	return kit, nil
}

// solve builds the image and gives it its name.
func (r *run) solve(ctx context.Context, image string) error {
	kit, err := r.builder.buildkit(context.WithoutCancel(ctx)) // its end comes from us, after the solving
	if err != nil {
		return err
	}
	defer func() { _ = kit.Close() }() // nothing is written through it any more
	source, err := fsutil.NewFS(r.request.Dir)
	if err != nil {
		return fmt.Errorf("reading the source: %w", err)
	}
	recipe, err := fsutil.NewFS(cmp.Or(r.dockerfile, r.request.Dir))
	if err != nil {
		return fmt.Errorf("reading the Dockerfile: %w", err)
	}
	defer r.builder.noteCache(ctx, kit, r.request.AppID)()
	r.progress = newProgress(r.log, r.request.Limits.Output, func() { r.abort(platform.BuildOutput) })
	r.progress.stages = r.recipe.stages() > 1
	statuses := make(chan *client.SolveStatus)
	read := make(chan struct{})
	go func() {
		defer close(read)
		for status := range statuses {
			r.progress.take(status)
		}
	}()
	_, err = kit.Solve(ctx, nil, client.SolveOpt{
		Frontend: "dockerfile.v0", FrontendAttrs: r.attributes(),
		LocalMounts: map[string]fsutil.FS{"context": source, "dockerfile": recipe},
		Exports:     []client.ExportEntry{{Type: "moby", Attrs: map[string]string{"name": image}}},
		SharedKey:   r.request.AppID,
	}, statuses)
	select {
	case <-read:
	case <-time.After(5 * time.Second): // an engine that does not end its answer
	}
	r.progress.close()
	return err
}

// attributes are what the frontend is told. There are no build arguments of people: they would be seen in
// the image's history.
func (r *run) attributes() map[string]string {
	attributes := map[string]string{
		"filename": r.recipe.path,
		// Keeps the frontend from handing over to the one that a "# syntax=" line names, from a registry.
		"cmdline":                        "docker/dockerfile",
		"image-resolve-mode":             "local",
		"cgroup-parent":                  r.steps.parent, // engines before 23 pass it over
		"build-arg:" + argCacheNamespace: "lugsail-" + r.builder.config.Instance + "-" + r.request.AppID,
		"label:" + labelInstance:         r.builder.config.Instance,
		"label:" + labelApp:              r.request.AppID,
		"label:" + labelBuilder:          name,
	}
	if r.request.Renew {
		attributes["no-cache"] = "" // for all stages; of several results that are left, later builds take the newest
	}
	return attributes
}
