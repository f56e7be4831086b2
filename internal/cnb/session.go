package cnb

import (
	"bufio"
	"context"
	"io"
	"slices"
	"strings"
	"sync"
	"time"

	cerrdefs "github.com/containerd/errdefs"
	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/client"

	"github.com/lugsail/lugsail/platform"
)

// session is the engine as pack sees it during one build.
type session struct {
	*client.Client
	builder *Builder
	request platform.BuildRequest
	image   string // id of the builder
	space   workspace
	drained chan struct{} // closed when all output was read

	mu     sync.Mutex
	status int64 // of the container; -1 until it ended
	killed bool  // for want of memory
}

func (b *Builder) newSession(req platform.BuildRequest, image string, space workspace) *session {
	return &session{Client: b.engine, builder: b, request: req, image: image, space: space, drained: make(chan struct{}), status: -1}
}

// The capabilities with which the lifecycle starts. It gives them up before it runs code of the app.
var capabilities = []string{"CHOWN", "DAC_OVERRIDE", "FOWNER", "SETUID", "SETGID", "KILL"}

// ContainerCreate adds what pack does not know. It is not cut off by the end of ctx, because then nobody
// would learn the name of what was made.
func (s *session) ContainerCreate(ctx context.Context, o client.ContainerCreateOptions) (client.ContainerCreateResult, error) {
	if err := ctx.Err(); err != nil {
		return client.ContainerCreateResult{}, err
	}
	o.Config.Image = s.image
	o.Config.Labels = map[string]string{
		labelInstance: s.builder.config.Instance, labelApp: s.request.AppID, labelBuild: s.request.BuildID,
	}
	o.Config.Env = append(o.Config.Env, "CNB_NO_COLOR=true", "GODEBUG=tarinsecurepath=1") // layers have absolute names
	host := o.HostConfig
	pids, limits := s.request.Limits.PIDs, s.request.Limits
	host.Binds = s.space.binds()
	host.CapDrop, host.CapAdd = []string{"ALL"}, capabilities
	host.SecurityOpt = []string{"no-new-privileges=true"}
	host.Memory, host.PidsLimit, host.CPUShares = limits.Memory, &pids, 512
	host.OomScoreAdj = 500
	host.Ulimits = []*container.Ulimit{{Name: "core"}} // a program that crashes must not leave its memory in the image
	host.LogConfig = container.LogConfig{Type: "none"} // the output is read as it comes
	create, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Minute)
	defer cancel()
	return s.Client.ContainerCreate(create, o)
}

// CopyToContainer does nothing: the source is in its mount already, and project metadata is not used.
func (s *session) CopyToContainer(_ context.Context, _ string, o client.CopyToContainerOptions) (client.CopyToContainerResult, error) {
	_, err := io.Copy(io.Discard, o.Content)
	return client.CopyToContainerResult{}, err
}

// ContainerAttach tells when the output has been read to its end.
func (s *session) ContainerAttach(ctx context.Context, id string, o client.ContainerAttachOptions) (client.ContainerAttachResult, error) {
	attached, err := s.Client.ContainerAttach(ctx, id, o)
	if err != nil {
		return attached, err
	}
	attached.Reader = bufio.NewReader(&drain{from: attached.Reader, done: sync.OnceFunc(func() { close(s.drained) })})
	return attached, nil
}

type drain struct {
	from io.Reader
	done func()
}

func (d *drain) Read(p []byte) (int, error) {
	n, err := d.from.Read(p)
	if n == 0 && err != nil {
		d.done()
	}
	return n, err
}

// ContainerWait hands the end on only when all output was read: pack does not wait for the rest of the
// output of a build that failed.
func (s *session) ContainerWait(ctx context.Context, id string, o client.ContainerWaitOptions) client.ContainerWaitResult {
	wait := s.Client.ContainerWait(ctx, id, o)
	results, errs := make(chan container.WaitResponse, 1), make(chan error, 1)
	go func() {
		select {
		case result := <-wait.Result:
			s.ended(ctx, id, result)
			results <- result
		case err := <-wait.Error:
			errs <- err
		}
	}()
	return client.ContainerWaitResult{Result: results, Error: errs}
}

func (s *session) ended(ctx context.Context, id string, result container.WaitResponse) {
	select {
	case <-s.drained:
	case <-time.After(5 * time.Second): // something in the container holds the output open
	case <-ctx.Done():
	}
	killed := false
	if result.StatusCode != 0 {
		found, err := s.Client.ContainerInspect(context.WithoutCancel(ctx), id, client.ContainerInspectOptions{})
		killed = err == nil && found.Container.State != nil && found.Container.State.OOMKilled
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.status, s.killed = result.StatusCode, killed
}

// outcome is how the container ended: its status, and whether it wanted more memory than it may have.
func (s *session) outcome() (status int64, killed bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.status, s.killed
}

// ContainerRemove does not let a build that went well wait for the engine's tidying up.
func (s *session) ContainerRemove(ctx context.Context, id string, o client.ContainerRemoveOptions) (client.ContainerRemoveResult, error) {
	if id == "" {
		return client.ContainerRemoveResult{}, nil // it was never made
	}
	remove := func() error {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Minute)
		defer cancel()
		_, err := s.Client.ContainerRemove(ctx, id, o)
		if cerrdefs.IsNotFound(err) {
			return nil
		}
		return err
	}
	if status, _ := s.outcome(); status != 0 {
		return client.ContainerRemoveResult{}, remove()
	}
	s.builder.removals.Go(func() { _ = remove() }) // Clean finds what stays
	return client.ContainerRemoveResult{}, nil
}

// VolumeRemove does nothing: there are none.
func (s *session) VolumeRemove(context.Context, string, client.VolumeRemoveOptions) (client.VolumeRemoveResult, error) {
	return client.VolumeRemoveResult{}, nil
}

// withoutReserved drops names that the build itself sets.
func withoutReserved(env map[string]string) map[string]string {
	kept := map[string]string{}
	for name, value := range env {
		if !strings.HasPrefix(name, "CNB_") && !slices.Contains([]string{"PATH", "HOME", "LD_PRELOAD", "LD_LIBRARY_PATH"}, name) {
			kept[name] = value
		}
	}
	return kept
}
