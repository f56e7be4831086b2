package app

import (
	"context"
	"fmt"

	"github.com/lugsail/lugsail/platform"
)

// LastBuild tells what the newest build that succeeded had found and chosen, as "Node 24.1, npm, start script"; ""
// when none is known.
func (s *Service) LastBuild(ctx context.Context, actor platform.Actor, name string) (string, error) {
	recent, err := s.Deployments(ctx, actor, name, 0, 20)
	for _, d := range recent {
		for _, step := range d.Steps {
			if step.Name == platform.StepBuild && step.State == platform.StepDone && d.Source.Image == "" {
				return step.Detail, nil
			}
		}
	}
	return "", err
}

func validateBuilder(set Settings) error {
	if set.Builder != nil {
		if _, err := platform.ParseBuilder(*set.Builder); err != nil {
			return err
		}
	}
	if set.Dockerfile != nil {
		if _, err := platform.CleanDockerfile(*set.Dockerfile); err != nil {
			return err
		}
	}
	return nil
}

// applyBuilder changes what the next push is built with. What runs is not touched by it.
func applyBuilder(a *platform.App, set Settings) []string {
	var said []string
	if set.Builder != nil {
		if builder, err := platform.ParseBuilder(*set.Builder); err == nil && builder != a.Builder {
			said = append(said, fmt.Sprintf("builder %s → %s", a.Builder.Word(), builder.Word()))
			a.Builder = builder
		}
	}
	if set.Dockerfile != nil {
		file, err := platform.CleanDockerfile(*set.Dockerfile)
		if *set.Dockerfile == "" {
			file = ""
		}
		if err == nil && file != a.Dockerfile {
			said = append(said, "Dockerfile is "+file)
			if file == "" {
				said[len(said)-1] = "Dockerfile is at the top"
			}
			a.Dockerfile = file
		}
	}
	return said
}
