package docker

import (
	"context"
	"crypto/rand"
	"fmt"
	"strings"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/image"

	"github.com/lugsail/lugsail/platform"
)

// Start makes and starts one replica and gives it back as it is right then:
// running with its address, or already exited. When it returns an error, it has
// left no container behind. An image that the engine does not have is a
// *platform.Error with the code image_missing.
func (e *Engine) Start(ctx context.Context, spec platform.ReplicaSpec) (platform.Replica, error) {
	if err := checkSpec(spec); err != nil {
		return platform.Replica{}, err
	}
	_, cpus, err := e.Capacity(ctx)
	if err != nil {
		return platform.Replica{}, err
	}
	id, err := e.startOnce(ctx, spec, cpus)
	if isNotFound(err) && ctx.Err() == nil { // the network was removed by hand in between
		id, err = e.startOnce(ctx, spec, cpus)
	}
	if err != nil {
		return platform.Replica{}, err
	}
	replica, err := e.Replica(ctx, id)
	if err == nil {
		err = ctx.Err()
	}
	if err != nil {
		e.discard(ctx, id)
		return platform.Replica{}, err
	}
	return replica, nil
}

func checkSpec(s platform.ReplicaSpec) error {
	if s.AppID == "" || s.App == "" || s.Image == "" || s.Index < 1 {
		return fmt.Errorf("starting a replica: app, image or index is missing")
	}
	if s.Plan.Memory <= 0 {
		return fmt.Errorf("starting a replica: plan %q has no memory limit", s.Plan.Name)
	}
	return platform.ValidateProcessType(s.Process)
}

func (e *Engine) startOnce(ctx context.Context, spec platform.ReplicaSpec, cpus int) (string, error) {
	networkName, err := e.ensureNetwork(ctx, spec.AppID)
	if err != nil {
		return "", err
	}
	if err := ctx.Err(); err != nil {
		return "", err
	}
	// Not cut off by ctx: the daemon would finish a cut-off creation after we have
	// looked for what to clean up. Both calls together take a quarter of a second.
	whole, cancel := afterwards(ctx, e.limits.start)
	defer cancel()
	defer e.alone.hold(spec.Mounts)()
	if err := e.free(whole, spec.Mounts); err != nil {
		return "", err
	}
	id, err := e.create(whole, spec, networkName, cpus)
	if err != nil {
		return "", err
	}
	if err := e.begin(whole, id, spec); err != nil {
		e.discard(ctx, id)
		return "", err
	}
	return id, nil
}

func (e *Engine) create(ctx context.Context, spec platform.ReplicaSpec, networkName string, cpus int) (string, error) {
	name := containerName(spec)
	host := e.hostConfigOf(ctx, spec, networkName, cpus)
	var made container.CreateResponse
	var err error
	if host.Mounts, err = e.mountsOf(ctx, spec.Image, spec.Mounts); err == nil {
		made, err = call(ctx, e, e.limits.start, "creating a container", func(ctx context.Context) (container.CreateResponse, error) {
			return e.client.ContainerCreate(ctx, e.configOf(spec), host, nil, nil, name)
		})
	}
	switch {
	case isNotFound(err) && e.imageMissing(ctx, spec.Image):
		return "", platform.Errorf(platform.Conflict, "image_missing", "The image of v%d is not on this server any more.", spec.Release).
			WithHint("Deploy again to build it anew.").Because(fmt.Errorf("no image %s", spec.Image))
	case err != nil:
		e.discard(ctx, name)
		return "", err
	}
	return made.ID, nil
}

// begin starts a container. A command that is not there is no error here: the
// container's init finds out, says so in the log and ends with 127 (126 for what
// is no program).
func (e *Engine) begin(ctx context.Context, id string, spec platform.ReplicaSpec) error {
	err := do(ctx, e, e.limits.start, "starting a container", func(ctx context.Context) error {
		return e.client.ContainerStart(ctx, id, container.StartOptions{})
	})
	if err == nil || isNotFound(err) || platform.IsKind(err, platform.Unavailable) {
		return err
	}
	return platform.Errorf(platform.Conflict, "start_refused", "Docker could not start %s.%d from its image.", spec.Process, spec.Index).
		WithHint("Check the image's USER and WORKDIR; the server's log has Docker's own words: lugsail service logs.").Because(err)
}

func (e *Engine) imageMissing(ctx context.Context, name string) bool {
	_, err := call(ctx, e, e.limits.quick, "looking for an image", func(ctx context.Context) (image.InspectResponse, error) {
		return e.client.ImageInspect(ctx, name)
	})
	return isNotFound(err)
}

// discard removes a container that must not stay, though ctx may have ended.
func (e *Engine) discard(ctx context.Context, id string) {
	ctx, cancel := afterwards(ctx, e.limits.stop)
	defer cancel()
	_ = e.remove(ctx, id) // what stays is seen by the next look at all replicas
}

func containerName(s platform.ReplicaSpec) string {
	return fmt.Sprintf("lugsail-%s-v%d-%s-%d-%s", s.App, s.Release, s.Process, s.Index, strings.ToLower(rand.Text()[:6]))
}
