package build

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"github.com/lugsail/lugsail/platform"
)

// Choice is a Builder that lets the source decide which of two builds it, unless a person did.
type Choice struct {
	Buildpacks Builder
	Dockerfile Builder
}

// Choose says which builder is for a source, and why, in a line for people.
func Choose(req platform.BuildRequest) (builder platform.BuilderName, why string, err error) {
	file, err := platform.CleanDockerfile(req.Dockerfile)
	if err != nil {
		return "", "", err
	}
	switch req.Builder {
	case platform.BuilderBuildpacks:
		return platform.BuilderBuildpacks, "Building with buildpacks, as set for this app", nil
	case platform.BuilderDockerfile:
		return platform.BuilderDockerfile, "Building with " + file + ", as set for this app", nil
	}
	there, err := has(req.Dir, file)
	if err != nil {
		return "", "", err
	}
	if there || req.Dockerfile != "" {
		return platform.BuilderDockerfile, fmt.Sprintf("Building with %s, because the source has it (for buildpacks instead: lugsail builder buildpacks)", file), nil
	}
	return platform.BuilderBuildpacks, "", nil
}

// has looks for a file in a source, whatever kind of file it is.
func has(dir, file string) (bool, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return false, fmt.Errorf("reading the source: %w", err)
	}
	defer func() { _ = root.Close() }() // read only
	info, err := root.Lstat(file)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil && !info.IsDir(), nil // what cannot be looked at is no Dockerfile
}

// Build builds with the builder that Choose names, and says so when it is not the usual one.
func (c Choice) Build(ctx context.Context, req platform.BuildRequest, log io.Writer) (platform.BuildResult, error) {
	builder, why, err := Choose(req)
	if err != nil {
		return platform.BuildResult{}, err
	}
	if why != "" && req.Blueprint == "" {
		_, _ = fmt.Fprintln(log, why) // a log that cannot be written must not stop a build
	}
	if builder == platform.BuilderDockerfile {
		return c.Dockerfile.Build(ctx, req, log)
	}
	return c.Buildpacks.Build(ctx, req, log)
}

// Retain drops all of the app's images but these: an app may have some of each kind.
func (c Choice) Retain(ctx context.Context, appID string, images []string) error {
	return errors.Join(c.Buildpacks.Retain(ctx, appID, images), c.Dockerfile.Retain(ctx, appID, images))
}

// Forget drops everything that builds have left of the app.
func (c Choice) Forget(ctx context.Context, appID string) error {
	return errors.Join(c.Buildpacks.Forget(ctx, appID), c.Dockerfile.Forget(ctx, appID))
}
