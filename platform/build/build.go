// Package build owns a build's record, its place in the queue and its log.
//
// It does not know how images are made: a Builder does. Builds run one at a time
// by default, because one build can need as much memory as a small server has; the
// order is the order of arrival. What a build prints passes through a redactor that
// knows the app's secret values.
package build

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/lugsail/lugsail/platform"
)

// Builder turns a source into an image that the engine has.
type Builder interface {
	Build(ctx context.Context, req platform.BuildRequest, log io.Writer) (platform.BuildResult, error)
	// Retain drops all of the app's images but these.
	Retain(ctx context.Context, appID string, images []string) error
	// Forget drops everything that builds have left of the app.
	Forget(ctx context.Context, appID string) error
}

// Importer brings images to the engine that were made elsewhere.
type Importer interface {
	Import(ctx context.Context, req platform.ImageRequest, log io.Writer) (platform.BuildResult, error)
	// Retain drops all of the app's images but these.
	Retain(ctx context.Context, appID string, images []string) error
}

// Store keeps builds.
type Store interface {
	CreateBuild(ctx context.Context, b *platform.Build) error
	UpdateBuild(ctx context.Context, b platform.Build) error
	BuildsOf(ctx context.Context, appID string, limit int) ([]platform.Build, error)
}

// Service runs builds.
type Service struct {
	Builder  Builder
	Importer Importer // nil where images come from builds alone
	Store    Store
	Limits   platform.BuildLimits
	Now      func() time.Time
	slots    *queue
}

// New makes a Service that runs that many builds at once; 0 means 1.
func New(builder Builder, store Store, slots int) *Service {
	return &Service{Builder: builder, Store: store, Now: time.Now, slots: newQueue(max(1, slots))}
}

// Run builds a deployment's source, or gives the build that this deployment made before a restart.
// Errors are a *platform.Error when the source is at fault.
func (s *Service) Run(ctx context.Context, app platform.App, d platform.Deployment, log io.Writer) (platform.Build, error) {
	earlier, err := s.Store.BuildsOf(ctx, app.ID, 50)
	if err != nil {
		return platform.Build{}, fmt.Errorf("reading builds: %w", err)
	}
	if done, ok := builtFor(earlier, d.ID); ok {
		return done, nil
	}
	release, err := s.slots.wait(ctx, func(ahead int) {
		builds := "builds"
		if ahead == 1 {
			builds = "build"
		}
		_, _ = fmt.Fprintf(log, "Waiting for %d other %s to end\n", ahead, builds) // a log that cannot be written must not stop a build
	})
	if err != nil {
		return platform.Build{}, err
	}
	defer release()
	if err := s.closeCutOff(ctx, earlier, d.ID); err != nil {
		return platform.Build{}, err
	}
	return s.build(ctx, app, d, log)
}

// closeCutOff records the end of a build of the deployment that a kill of the server cut off.
func (s *Service) closeCutOff(ctx context.Context, builds []platform.Build, deploymentID string) error {
	for _, b := range builds {
		if b.DeploymentID != deploymentID || b.State != platform.BuildRunning {
			continue
		}
		now := s.Now().UTC()
		b.State, b.EndedAt = platform.BuildFailed, &now
		if err := s.Store.UpdateBuild(ctx, b); err != nil {
			return fmt.Errorf("recording the build that was cut off: %w", err)
		}
	}
	return nil
}

func (s *Service) build(ctx context.Context, app platform.App, d platform.Deployment, log io.Writer) (platform.Build, error) {
	b := platform.Build{
		ID: platform.NewID(), AppID: app.ID, DeploymentID: d.ID, State: platform.BuildRunning,
		SourceDigest: d.Source.Digest, StartedAt: s.Now().UTC(),
	}
	return s.record(ctx, b, func() (platform.BuildResult, error) {
		result, err := s.Builder.Build(ctx, platform.BuildRequest{
			BuildID: b.ID, AppID: app.ID, App: app.Name, Dir: d.Source.Dir, Limits: s.Limits, Builder: app.Builder, Dockerfile: app.Dockerfile, Here: d.Source.Here,
			Blueprint: d.Source.Blueprint, Digest: d.Source.Digest, Renew: d.Source.Renew,
		}, log)
		for i, p := range result.Processes {
			if p.Type != platform.WebProcess {
				result.Processes[i].Check = d.Source.Check
			}
		}
		return result, err
	})
}

// record writes a build down before and after.
func (s *Service) record(ctx context.Context, b platform.Build, run func() (platform.BuildResult, error)) (platform.Build, error) {
	if err := s.Store.CreateBuild(ctx, &b); err != nil {
		return b, fmt.Errorf("recording the build: %w", err)
	}
	result, buildErr := run()
	b.Builder, b.Detected, b.Image, b.ImageBytes, b.Processes, b.Keeps = result.Builder, result.Detected, result.Image, result.Bytes, result.Processes, result.Keeps
	b.State = platform.BuildSucceeded
	if buildErr != nil {
		b.State = platform.BuildFailed
	}
	ended := s.Now().UTC()
	b.EndedAt = &ended
	record, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	if err := s.Store.UpdateBuild(record, b); err != nil && buildErr == nil {
		return b, fmt.Errorf("recording the build: %w", err)
	}
	return b, buildErr
}

func builtFor(builds []platform.Build, deploymentID string) (platform.Build, bool) {
	for _, b := range builds {
		if b.DeploymentID == deploymentID && b.State == platform.BuildSucceeded {
			return b, true
		}
	}
	return platform.Build{}, false
}
