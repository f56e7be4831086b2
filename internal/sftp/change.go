package sftp

import (
	"io/fs"
	"time"

	"github.com/pkg/sftp"

	"github.com/lugsail/lugsail/internal/files"
	"github.com/lugsail/lugsail/platform"
)

// Filecmd changes something other than what is in a file.
func (h handlers) Filecmd(r *sftp.Request) error {
	switch r.Method {
	case "Link", "Symlink":
		return h.answer(platform.Errorf(platform.Forbidden, "sftp_no_links", "Links are not made over SFTP.").WithHint("The app can: lugsail exec -- ln -s TARGET NAME"))
	case "Rename":
		return h.answer(h.rename(r, false))
	}
	w := parse(r.Filepath)
	if !w.inside() {
		return h.answer(fixed())
	}
	id, err := h.writable(w)
	if err != nil {
		return h.answer(err)
	}
	switch r.Method {
	case "Mkdir":
		if err = h.server.Files.Fits(id, 1); err == nil {
			err = h.server.Files.MakeDirectory(h.ctx, id, w.rest)
		}
	case "Setstat":
		err = h.setstat(r, id, w.rest)
	case "Remove", "Rmdir":
		err = h.remove(id, w.rest, r.Method == "Rmdir")
	default:
		return sftp.ErrSSHFxOpUnsupported
	}
	return h.answer(err)
}

// PosixRename moves something also over what is there.
func (h handlers) PosixRename(r *sftp.Request) error { return h.answer(h.rename(r, true)) }

func (h handlers) writable(w where) (string, error) {
	id, err := h.volume(w.place())
	if err == nil {
		h.changes(w.place())
	}
	return id, err
}

func (h handlers) rename(r *sftp.Request, replace bool) error {
	from, to := parse(r.Filepath), parse(r.Target)
	if !from.inside() || !to.inside() {
		return fixed()
	}
	if from.place() != to.place() {
		return platform.Errorf(platform.Forbidden, "sftp_other_volume", "Files are moved within their volume only.").WithHint("Copy it, and remove it here.")
	}
	id, err := h.writable(from)
	if err != nil {
		return err
	}
	return h.server.Files.Rename(h.ctx, id, from.rest, to.rest, replace)
}

func (h handlers) remove(id, name string, directory bool) error {
	info, err := h.server.Files.Look(h.ctx, id, name, false)
	if err != nil {
		return err
	}
	if info.IsDir() != directory {
		return platform.Errorf(platform.Conflict, "file_not_regular", "That is not what it is to be removed as.").WithHint("rm removes files, and rmdir directories.")
	}
	return h.server.Files.Remove(h.ctx, id, name, false)
}

// setstat changes what may be changed. Whose a file is stays what it is: clients that copy that know users of
// another computer.
func (h handlers) setstat(r *sftp.Request, id, name string) error {
	set, said := r.Attributes(), r.AttrFlags()
	if set == nil {
		return sftp.ErrSSHFxBadMessage
	}
	var c files.Changes
	if said.Permissions {
		mode := fs.FileMode(set.Mode & 0o777)
		c.Mode = &mode
	}
	if said.Acmodtime {
		at := time.Unix(int64(set.Mtime), 0)
		c.Modified = &at
	}
	if said.Size {
		size := int64(min(set.Size, 1<<60)) //nolint:gosec // bounded
		c.Size = &size
	}
	return h.server.Files.Change(h.ctx, id, name, c)
}
