package docker

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/docker/docker/api/types"
	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/filters"

	"github.com/lugsail/lugsail/platform"
)

// The labels of runs. They lack the one that marks replicas, and so are not taken for any.
const (
	labelRun           = "lugsail.run"
	labelRunKind       = "lugsail.run-kind"
	labelRunRelease    = "lugsail.run-release"
	labelRunDeployment = "lugsail.run-deployment"
	labelRunAccount    = "lugsail.run-account"
	labelRunBy         = "lugsail.run-by"
	labelRunAttached   = "lugsail.run-attached"
	labelRunUntil      = "lugsail.run-until"
)

// detachKeys are what nobody types: Docker's own, Ctrl-P Ctrl-Q, are common in editors.
const detachKeys = "ctrl-@,ctrl-^,ctrl-@,ctrl-_"

// StartRun starts a command in a container of its own. The terminal is nil when it is not attached.
// When it returns an error, it has left no container behind. An image that the engine does not have
// is a *platform.Error with the code image_missing.
func (e *Engine) StartRun(ctx context.Context, spec platform.RunSpec) (platform.Run, platform.Terminal, error) {
	if spec.Name == "" || spec.Kind == "" || spec.AppID == "" || spec.Image == "" || spec.Plan.Memory <= 0 {
		return platform.Run{}, nil, fmt.Errorf("running a command: name, kind, app, image or plan is missing")
	}
	_, cpus, err := e.Capacity(ctx)
	if err != nil {
		return platform.Run{}, nil, err
	}
	networkName, err := e.ensureNetwork(ctx, spec.AppID)
	if err != nil {
		return platform.Run{}, nil, err
	}
	if err := ctx.Err(); err != nil {
		return platform.Run{}, nil, err
	}
	whole, cancel := afterwards(ctx, e.limits.start) // not cut off by ctx: see startOnce
	defer cancel()
	id, err := e.createRun(whole, spec, networkName, cpus)
	if err != nil {
		return platform.Run{}, nil, err
	}
	run, term, err := e.beginRun(ctx, whole, id, spec)
	if err == nil {
		err = ctx.Err()
	}
	if err != nil {
		if term != nil {
			term.hangUp()
		}
		e.discard(ctx, id)
		return platform.Run{}, nil, err
	}
	if term == nil {
		return run, nil, nil
	}
	return run, term, nil
}

func (e *Engine) createRun(ctx context.Context, spec platform.RunSpec, networkName string, cpus int) (string, error) {
	name := fmt.Sprintf("lugsail-%s-%s-%s-%s", spec.App, spec.Kind, spec.Name, strings.ToLower(rand.Text()[:6]))
	host := e.hostConfigOf(ctx, platform.ReplicaSpec{Plan: spec.Plan}, networkName, cpus)
	if spec.Attached {
		host.LogConfig = container.LogConfig{Type: "none"} // it is told to one person, and kept for nobody
	}
	var made container.CreateResponse
	var err error
	if host.Mounts, err = e.mountsOf(ctx, spec.Image, spec.Mounts); err == nil {
		made, err = call(ctx, e, e.limits.start, "creating a container", func(ctx context.Context) (container.CreateResponse, error) {
			return e.client.ContainerCreate(ctx, e.configOfRun(spec), host, nil, nil, name)
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

func (e *Engine) configOfRun(s platform.RunSpec) *container.Config {
	until := ""
	if !s.Until.IsZero() {
		until = s.Until.UTC().Format(time.RFC3339)
	}
	return &container.Config{
		Image: s.Image, Entrypoint: s.Entrypoint, Cmd: s.Args, Env: envOf(s.Env), Hostname: string(s.Kind) + "-" + s.Name,
		Tty: s.Attached && s.TTY, OpenStdin: s.Attached, StdinOnce: s.Attached,
		AttachStdin: s.Attached, AttachStdout: s.Attached, AttachStderr: s.Attached,
		Healthcheck: &container.HealthConfig{Test: []string{"NONE"}},
		Labels: withVolumes(map[string]string{
			labelInstance: e.instance, labelApp: s.AppID, labelAppName: s.App,
			labelRun: s.Name, labelRunKind: string(s.Kind), labelRunRelease: strconv.Itoa(s.Release), labelRunDeployment: s.Deployment,
			labelRunAccount: s.Account, labelRunBy: s.By, labelRunAttached: strconv.FormatBool(s.Attached), labelRunUntil: until,
		}, s.Mounts),
	}
}

// beginRun connects before the start, so that nothing that is written at once is lost.
func (e *Engine) beginRun(ctx, whole context.Context, id string, spec platform.RunSpec) (platform.Run, *terminal, error) {
	var term *terminal
	if spec.Attached {
		conn, stop, err := open(context.WithoutCancel(ctx), e, "connecting to a container", func(ctx context.Context) (types.HijackedResponse, error) {
			return e.client.ContainerAttach(ctx, id, container.AttachOptions{Stream: true, Stdin: true, Stdout: true, Stderr: true, DetachKeys: detachKeys})
		})
		if err != nil {
			return platform.Run{}, nil, err
		}
		term = &terminal{engine: e, conn: conn, stop: stop, tty: spec.TTY, of: &runTerminal{engine: e, id: id}}
	}
	err := do(whole, e, e.limits.start, "starting a container", func(ctx context.Context) error {
		return e.client.ContainerStart(ctx, id, container.StartOptions{})
	})
	if err != nil && !isNotFound(err) && !platform.IsKind(err, platform.Unavailable) && !platform.IsKind(err, platform.NoRoom) {
		err = platform.Errorf(platform.Conflict, "start_refused", "Docker could not start the command from the app's image.").
			WithHint("Check the image's USER and WORKDIR; the server's log has Docker's own words: lugsail service logs.").Because(err)
	}
	if err != nil {
		return platform.Run{}, term, err
	}
	if term != nil && spec.TTY && spec.Size != (platform.Size{}) {
		_ = term.Resize(whole, spec.Size) // it may have ended already
	}
	run, err := e.RunByID(whole, id)
	return run, term, err
}

// RunByID looks at one run. One that is gone, or is not ours, is NotFound.
func (e *Engine) RunByID(ctx context.Context, id string) (platform.Run, error) {
	info, err := e.inspect(ctx, id)
	if err == nil && info.Config.Labels[labelRun] == "" {
		err = replicaNotFound(id)
	}
	if platform.IsKind(err, platform.NotFound) {
		return platform.Run{}, platform.Errorf(platform.NotFound, "run_not_found", "There is no such run any more.")
	}
	if err != nil {
		return platform.Run{}, err
	}
	return e.runOf(info), nil
}

func (e *Engine) runOf(info container.InspectResponse) platform.Run {
	return runWith(info.Config.Labels, e.replicaOf(info))
}

func runWith(labels map[string]string, r platform.Replica) platform.Run {
	until, _ := time.Parse(time.RFC3339, labels[labelRunUntil]) // no limit when it is not ours to read
	return platform.Run{
		ID: r.ID, Name: runName(labels), Kind: platform.RunKind(labels[labelRunKind]), AppID: r.AppID, App: r.App,
		Release: number(labels[labelRunRelease]), Deployment: labels[labelRunDeployment], Account: labels[labelRunAccount], By: labels[labelRunBy],
		Attached: labels[labelRunAttached] == "true", State: r.State, ExitCode: r.ExitCode, OutOfMemory: r.OutOfMemory,
		CreatedAt: r.CreatedAt, StartedAt: r.StartedAt, EndedAt: r.EndedAt, Until: until,
	}
}

func runName(labels map[string]string) string { return labels[labelRunKind] + "." + labels[labelRun] }

// Runs looks at all runs of an app, or of this instance when appID is "", the oldest first. One container that
// hangs in Docker keeps nobody waiting: it is as the list has it, or left out when it has ended.
func (e *Engine) Runs(ctx context.Context, appID string) ([]platform.Run, error) {
	list, err := e.listOf(ctx, e.runs(appID))
	if err != nil {
		return nil, err
	}
	all := make([]platform.Run, len(list))
	errs := make([]error, len(list))
	slots := make(chan struct{}, inspections)
	var wg sync.WaitGroup
	for i, c := range list {
		wg.Go(func() {
			slots <- struct{}{}
			defer func() { <-slots }()
			all[i], errs[i] = e.lookAtRun(ctx, c)
		})
	}
	wg.Wait()
	found := []platform.Run{}
	for i, err := range errs {
		switch {
		case err == nil:
			found = append(found, all[i])
		case !platform.IsKind(err, platform.NotFound): // removed since the list was made
			return nil, err
		}
	}
	slices.SortFunc(found, func(a, b platform.Run) int { return a.CreatedAt.Compare(b.CreatedAt) })
	return found, nil
}

// lookAtRun takes what the list says when the container itself does not answer soon.
func (e *Engine) lookAtRun(ctx context.Context, c container.Summary) (platform.Run, error) {
	within, cancel := context.WithTimeout(ctx, e.limits.quick/5)
	defer cancel()
	run, err := e.RunByID(within, c.ID)
	if !platform.IsKind(err, platform.Unavailable) || ctx.Err() != nil {
		return run, err
	}
	state := platform.ReplicaState(c.State)
	if state != platform.ReplicaRunning && state != platform.ReplicaCreated && state != platform.ReplicaPaused {
		return run, replicaNotFound(c.ID) // nobody may judge it without its end
	}
	return runWith(c.Labels, platform.Replica{
		ID: c.ID, AppID: c.Labels[labelApp], App: c.Labels[labelAppName], State: state, CreatedAt: time.Unix(c.Created, 0).UTC(),
	}), nil
}

// runs selects the containers among ours that run a command once.
func (e *Engine) runs(appID string) filters.Args {
	args := e.ours(appID)
	args.Add("label", labelRun)
	return args
}

func (e *Engine) listOf(ctx context.Context, which filters.Args) ([]container.Summary, error) {
	return call(ctx, e, e.limits.quick, "listing containers", func(ctx context.Context) ([]container.Summary, error) {
		return e.client.ContainerList(ctx, container.ListOptions{All: true, Filters: which})
	})
}

// runTerminal is the part of a terminal that is about a container of its own.
type runTerminal struct {
	engine *Engine
	id     string
}

func (r *runTerminal) resize(ctx context.Context, o container.ResizeOptions) error {
	return r.engine.client.ContainerResize(ctx, r.id, o)
}

func (r *runTerminal) signal(ctx context.Context, name string) error {
	return r.engine.client.ContainerKill(ctx, r.id, "SIG"+name)
}

func (r *runTerminal) ended(ctx context.Context) (platform.RunEnd, bool, error) {
	run, err := r.engine.RunByID(ctx, r.id)
	return platform.RunEnd{ExitCode: run.ExitCode, OutOfMemory: run.OutOfMemory}, run.State == platform.ReplicaExited, err
}

func (r *runTerminal) close(ctx context.Context, grace time.Duration) (killed bool, err error) {
	return r.engine.End(ctx, r.id, grace)
}

// endRuns removes all runs of an app.
func (e *Engine) endRuns(ctx context.Context, appID string) error {
	list, err := e.listOf(ctx, e.runs(appID))
	for _, c := range list {
		err = errors.Join(err, e.Stop(ctx, c.ID, 0))
	}
	return err
}
