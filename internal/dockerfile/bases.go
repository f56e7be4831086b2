package dockerfile

import (
	"context"
	"fmt"
	"io"
	"strings"

	cerrdefs "github.com/containerd/errdefs"
	"github.com/moby/buildkit/frontend/dockerfile/instructions"
	"github.com/moby/buildkit/frontend/dockerfile/parser"

	"github.com/lugsail/lugsail/platform"
)

// Bases brings the images that a Dockerfile names. BuildKit would fetch them by itself, past every guard:
// as it is told to take what the engine has, it fetches none of them.
type Bases interface {
	// Lend makes the engine have an image under its own name until back. here lets it be one that is on
	// the server already.
	Lend(ctx context.Context, name string, here bool, log io.Writer) (back func(), err error)
}

// borrow has all images of others there until back, and none that does what a Dockerfile may not.
func (r *run) borrow(ctx context.Context) (back func(), err error) {
	var backs []func()
	back = func() {
		for _, one := range backs {
			one()
		}
	}
	seen := map[string]bool{}
	for _, n := range r.recipe.images {
		if r.builder.config.Bases != nil && !seen[n.image] {
			one, err := r.builder.config.Bases.Lend(ctx, n.image, r.request.Here, r.log)
			if err != nil {
				back()
				return nil, r.notLent(n, err)
			}
			backs = append(backs, one)
		}
		seen[n.image] = true
		if n.base {
			if err := r.checkTriggers(ctx, n); err != nil {
				back()
				return nil, err
			}
		}
	}
	return back, nil
}

// notLent says which line wants the image.
func (r *run) notLent(n named, err error) error {
	e := platform.AsError(err)
	if e == nil || e.Kind == platform.Internal || e.Kind == platform.NoRoom || e.Code == "docker_unavailable" {
		return err
	}
	r.show(n.line, n.line)
	hint := e.Hint
	if e.Kind != platform.Forbidden && !r.request.Here {
		hint += " An image that is on the server only can be used when its owner deploys."
	}
	return platform.Errorf(e.Kind, "base_image_missing", "Line %d of %s needs the image %s: %s", n.line, r.recipe.path, plain(n.image, 100), e.Message).
		WithHint("%s", hint).Because(err)
}

// checkTriggers looks at what an image adds to the Dockerfile that builds on it (ONBUILD).
func (r *run) checkTriggers(ctx context.Context, n named) error {
	found, err := r.builder.engine.ImageInspect(ctx, n.image)
	if cerrdefs.IsNotFound(err) {
		return nil // the build will tell
	}
	if err != nil {
		return fmt.Errorf("looking at %s: %w", n.image, err)
	}
	if found.Config == nil {
		return nil
	}
	for _, trigger := range found.Config.OnBuild {
		if reaches, err := reachesOut(trigger); err != nil || reaches {
			r.show(n.line, n.line)
			return platform.Errorf(platform.Invalid, "image_onbuild", "Line %d of %s: the image %s takes files from elsewhere when something is built on it: ONBUILD %s.",
				n.line, r.recipe.path, plain(n.image, 100), plain(trigger, 100)).
				WithHint("Build on another image; what it would fetch a step of yours can fetch, with RUN curl.").Because(err)
		}
	}
	return nil
}

// reachesOut reports whether an instruction takes anything from outside of the source and the image.
func reachesOut(trigger string) (bool, error) {
	parsed, err := parser.Parse(strings.NewReader(trigger))
	if err != nil {
		return false, fmt.Errorf("reading ONBUILD: %w", err)
	}
	for _, node := range parsed.AST.Children {
		command, err := instructions.ParseCommand(node)
		if err != nil {
			return false, fmt.Errorf("reading ONBUILD: %w", err)
		}
		if add, ok := command.(*instructions.AddCommand); ok {
			if away := checkAdd("", 0, add.SourcePaths); away != nil {
				return true, nil //nolint:nilerr // what it says is the answer
			}
		}
		for _, from := range sourcesOf(command) {
			if from != "" {
				return true, nil
			}
		}
	}
	return false, nil
}
