package app

import (
	"context"
	"io"
	"io/fs"
	"path"
	"slices"
	"strings"
	"unicode"

	"github.com/lugsail/lugsail/platform"
)

// Files are what lies in volumes. Paths are below a volume's directory, and may be of any form.
type Files interface {
	// List gives what lies in a directory by its Order, behind after, at most limit.
	List(ctx context.Context, volumeID, path, after string, limit int) ([]platform.VolumeFile, error)
	Open(ctx context.Context, volumeID, path string) (io.ReadCloser, platform.VolumeFile, error)
	Save(ctx context.Context, volumeID, path string, body io.Reader, size int64, mode fs.FileMode) error
	Remove(ctx context.Context, volumeID, path string, all bool) error
}

// volumeOf finds a volume of an app.
func (s *Service) volumeOf(ctx context.Context, app platform.App, name string) (platform.Volume, error) {
	volumes, err := s.Volumes.VolumesOf(ctx, app.ID)
	if err != nil {
		return platform.Volume{}, err
	}
	i := slices.IndexFunc(volumes, func(v platform.Volume) bool { return v.Name == name })
	if i < 0 {
		return platform.Volume{}, platform.Errorf(platform.NotFound, "volume_not_found", "The app has no volume %.60q.", name)
	}
	return volumes[i], nil
}

// readable finds a volume whose files somebody may read: they may hold secrets. In the trash they can be read too.
func (s *Service) readable(ctx context.Context, actor platform.Actor, name, volume string) (platform.Volume, error) {
	app, err := s.find(ctx, actor, name, platform.ActionSecrets)
	if err != nil {
		return platform.Volume{}, err
	}
	return s.volumeOf(ctx, app, volume)
}

// writable finds a volume whose files somebody may change.
func (s *Service) writable(ctx context.Context, actor platform.Actor, name, volume string) (platform.App, platform.Volume, error) {
	app, err := s.find(ctx, actor, name, platform.ActionManage)
	if err != nil {
		return app, platform.Volume{}, err
	}
	v, err := s.volumeOf(ctx, app, volume)
	if err == nil && v.State != platform.VolumeActive {
		err = volumeTrashed(app, v)
	}
	return app, v, err
}

// VolumeFiles gives what lies in a directory of a volume by its Order, behind after, at most limit.
func (s *Service) VolumeFiles(ctx context.Context, actor platform.Actor, name, volume, path, after string, limit int) ([]platform.VolumeFile, error) {
	v, err := s.readable(ctx, actor, name, volume)
	if err != nil {
		return nil, err
	}
	return s.Files.List(ctx, v.ID, path, after, limit)
}

// OpenVolumeFile opens a file of a volume, which the caller closes.
func (s *Service) OpenVolumeFile(ctx context.Context, actor platform.Actor, name, volume, path string) (io.ReadCloser, platform.VolumeFile, error) {
	v, err := s.readable(ctx, actor, name, volume)
	if err != nil {
		return nil, platform.VolumeFile{}, err
	}
	return s.Files.Open(ctx, v.ID, path)
}

// SaveVolumeFile makes or replaces a file of a volume, whole or not at all. up's name is of no meaning.
func (s *Service) SaveVolumeFile(ctx context.Context, actor platform.Actor, name, volume, path string, up Upload) error {
	app, v, err := s.writable(ctx, actor, name, volume)
	if err != nil {
		return err
	}
	free, err := s.mayUpload(actor, app)
	if err != nil {
		return err
	}
	defer free()
	if err := s.Files.Save(ctx, v.ID, path, up.Body, up.Size, up.Mode); err != nil {
		return err
	}
	s.event(ctx, actor, app, "volume.file-saved", shownPath(path)+" in the volume "+v.Name)
	return nil
}

// RemoveVolumeFile removes a file of a volume, or a directory: one with something in it only when all says so.
func (s *Service) RemoveVolumeFile(ctx context.Context, actor platform.Actor, name, volume, path string, all bool) error {
	app, v, err := s.writable(ctx, actor, name, volume)
	if err != nil {
		return err
	}
	if err := s.Files.Remove(ctx, v.ID, path, all); err != nil {
		return err
	}
	text := shownPath(path)
	if all {
		text += " with all in it"
	}
	s.event(ctx, actor, app, "volume.file-removed", text+" in the volume "+v.Name)
	return nil
}

// shownPath makes a path fit to be shown, as the one that was meant, its end before its beginning.
func shownPath(typed string) string {
	const most = 200
	letters := []rune(harmless(strings.TrimLeft(path.Clean("/"+typed), "/")))
	if len(letters) > most {
		return "…" + string(letters[len(letters)-most+1:])
	}
	return string(letters)
}

// harmless leaves out what could steer a terminal or turn the text around.
func harmless(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || unicode.In(r, unicode.Bidi_Control, unicode.Zl, unicode.Zp) {
			return -1
		}
		return r
	}, strings.ToValidUTF8(text, "?"))
}
