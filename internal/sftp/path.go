package sftp

import (
	"io/fs"
	"strings"
	"time"

	"github.com/lugsail/lugsail/platform"
)

// where is what a path of a client means: the root, an app, a volume, or something in a volume.
type where struct {
	app, volume string
	rest        string // "." is the volume itself
}

// parse reads a path that is clean and begins with a slash.
func parse(p string) where {
	parts := strings.SplitN(strings.Trim(p, "/"), "/", 3)
	w := where{rest: "."}
	for i, to := range []*string{&w.app, &w.volume, &w.rest} {
		if i < len(parts) && parts[i] != "" {
			*to = parts[i]
		}
	}
	return w
}

// inside reports whether it is something in a volume, and not above.
func (w where) inside() bool { return w.rest != "." }

func (w where) place() place { return place{w.app, w.volume} }

// shelf is a directory that is ours and lies nowhere.
type shelf string

func (s shelf) Name() string     { return string(s) }
func (shelf) Size() int64        { return 0 }
func (shelf) Mode() fs.FileMode  { return fs.ModeDir | 0o755 }
func (shelf) ModTime() time.Time { return time.Unix(0, 0) }
func (shelf) IsDir() bool        { return true }
func (shelf) Sys() any           { return nil }

func fixed() error {
	return platform.Errorf(platform.Forbidden, "sftp_fixed", "Apps and volumes are not made, moved or removed here; the files in volumes are.").
		WithHint("For volumes: lugsail volumes, or the app's page Volumes.")
}
