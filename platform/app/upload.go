package app

import (
	"context"
	"io"
	"io/fs"
	"path"
	"strings"

	"github.com/lugsail/lugsail/platform"
)

// Upload is an archive that a person sends.
type Upload struct {
	Body io.Reader
	Size int64       // as announced; less than 0 when it was not
	Name string      // of the file or folder, as the person calls it; "" means "a folder"
	Mode fs.FileMode // the permissions of a new file in a volume; 0 means the usual ones
}

// Upload brings the contents of an archive live. It is recorded when it has arrived whole.
func (s *Service) Upload(ctx context.Context, actor platform.Actor, name string, up Upload) (platform.Deployment, error) {
	app, err := s.find(ctx, actor, name, platform.ActionDeploy)
	if err != nil {
		return platform.Deployment{}, err
	}
	free, err := s.mayUpload(actor, app)
	if err != nil {
		return platform.Deployment{}, err
	}
	defer free()
	src, err := s.Uploads.Receive(ctx, up.Body, up.Size)
	if err != nil {
		return platform.Deployment{}, err
	}
	src.Upload = shownName(up.Name, "a folder")
	src.Title = "Upload of " + src.Upload
	return s.Deploy(ctx, actor, app.ID, src)
}

// What of the places for uploads one person may take, and one app.
const (
	uploadsOfOne = 12
	uploadsToOne = 6
)

// mayUpload keeps places for others.
func (s *Service) mayUpload(actor platform.Actor, app platform.App) (free func(), err error) {
	person, target := platform.Share{Of: "account " + actor.AccountID, Most: uploadsOfOne}, platform.Share{Of: "app " + app.ID, Most: uploadsToOne}
	free, full := s.uploading.Take(person, target)
	switch {
	case full == nil:
		return free, nil
	case full.Of == target.Of:
		return nil, platform.Errorf(platform.TooMany, "uploads_busy", "%d uploads to %s are under way, which is the most for one app.", full.Most, app.Name).
			WithHint("Wait until one has ended, then send it again.")
	}
	return nil, platform.Errorf(platform.TooMany, "uploads_busy", "%d uploads of yours are under way, which is the most for one person.", full.Most).
		WithHint("Wait until one has ended, then send it again.")
}

// shownName makes the name of a file fit to be shown: its last part, without what could steer
// a terminal or turn the text around.
func shownName(name, otherwise string) string {
	name = strings.TrimSpace(harmless(path.Base(strings.ReplaceAll(name, `\`, "/"))))
	if name == "" || name == "." || name == "/" || name == ".." {
		return otherwise
	}
	if letters := []rune(name); len(letters) > 60 {
		name = string(letters[:59]) + "…"
	}
	return name
}
