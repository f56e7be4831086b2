package build

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"

	"github.com/lugsail/lugsail/platform"
)

// imageFile is what an image that was sent is called in its source's directory.
const imageFile = "image.tar"

// Import brings a deployment's image, or gives the record of the one that it brought before a
// restart. It waits for no build: an image takes a line and a disk, and no processor.
func (s *Service) Import(ctx context.Context, app platform.App, d platform.Deployment, log io.Writer) (platform.Build, error) {
	if s.Importer == nil {
		return platform.Build{}, platform.Errorf(platform.Unavailable, "images_off", "This server takes no images that were made elsewhere.")
	}
	earlier, err := s.Store.BuildsOf(ctx, app.ID, 50)
	if err != nil {
		return platform.Build{}, fmt.Errorf("reading builds: %w", err)
	}
	if done, ok := builtFor(earlier, d.ID); ok {
		return done, nil
	}
	if err := s.closeCutOff(ctx, earlier, d.ID); err != nil {
		return platform.Build{}, err
	}
	b := platform.Build{ID: platform.NewID(), AppID: app.ID, DeploymentID: d.ID, State: platform.BuildRunning, StartedAt: s.Now().UTC()}
	req := platform.ImageRequest{BuildID: b.ID, AppID: app.ID, Name: d.Source.Image, Here: d.Source.Here}
	if d.Source.Dir != "" {
		req.File = filepath.Join(d.Source.Dir, imageFile)
	}
	return s.record(ctx, b, func() (platform.BuildResult, error) { return s.Importer.Import(ctx, req, log) })
}

// Retain drops all of the app's images but these, wherever they came from.
func (s *Service) Retain(ctx context.Context, appID string, images []string) error {
	err := s.Builder.Retain(ctx, appID, images)
	if s.Importer != nil {
		err = errors.Join(err, s.Importer.Retain(ctx, appID, images))
	}
	return err
}
