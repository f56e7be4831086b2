package app

import (
	"context"
	"fmt"
	"strings"

	"github.com/lugsail/lugsail/platform"
)

// DeployImage brings an image live that was made elsewhere: from a registry, or one that is on
// the server. What the server has, and what only it can reach, is for its owner.
func (s *Service) DeployImage(ctx context.Context, actor platform.Actor, name, reference string) (platform.Deployment, error) {
	app, err := s.find(ctx, actor, name, platform.ActionDeploy)
	if err != nil {
		return platform.Deployment{}, err
	}
	ref, err := s.Images.Reference(reference)
	if err != nil {
		return platform.Deployment{}, err
	}
	owner := platform.Can(actor, platform.ActionServer, "")
	if !owner {
		if err := s.mayPull(ctx, ref); err != nil {
			return platform.Deployment{}, err
		}
	}
	src := platform.Source{Image: ref.Name, Here: owner, Title: "Image " + shownImage(reference)}
	return s.deploy(ctx, actor, app, src, causeOf(src))
}

// mayPull refuses what is for the owner alone.
func (s *Service) mayPull(ctx context.Context, ref platform.ImageReference) error {
	if ref.ID {
		return platform.Errorf(platform.Forbidden, "image_here", "Images that are on the server are for its owner.").
			WithHint("Name an image of a registry, or send it: docker save -o image.tar NAME, then lugsail deploy --image-file image.tar")
	}
	if s.Reachable == nil {
		return platform.Errorf(platform.Unavailable, "no_way_out", "This server fetches from nowhere.")
	}
	err := s.Reachable(ctx, ref.Host, ref.Port)
	if platform.IsKind(err, platform.Unavailable) {
		return nil // the pull will tell
	}
	return err
}

// DeployImageFile brings an image live that docker save wrote into a file.
func (s *Service) DeployImageFile(ctx context.Context, actor platform.Actor, name string, up Upload) (platform.Deployment, error) {
	app, err := s.find(ctx, actor, name, platform.ActionDeploy)
	if err != nil {
		return platform.Deployment{}, err
	}
	free, err := s.mayUpload(actor, app)
	if err != nil {
		return platform.Deployment{}, err
	}
	defer free()
	image := s.Images.FileName(app.ID)
	src, err := s.Uploads.ReceiveImage(ctx, up.Body, up.Size, image)
	if err != nil {
		return platform.Deployment{}, err
	}
	src.Image, src.Upload = image, shownName(up.Name, "a file")
	src.Title = "Image of " + src.Upload
	return s.Deploy(ctx, actor, app.ID, src)
}

// shownImage is an image's name as it was given, and an id in short.
func shownImage(reference string) string {
	id := strings.TrimPrefix(reference, "sha256:")
	if len(id) == 64 && !strings.ContainsAny(id, "/:.") {
		return id[:12]
	}
	if len(reference) > 100 {
		return fmt.Sprintf("%s…", reference[:99])
	}
	return reference
}
