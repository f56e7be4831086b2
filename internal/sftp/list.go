package sftp

import (
	"errors"
	"io"
	"io/fs"

	"github.com/pkg/sftp"

	"github.com/lugsail/lugsail/internal/files"
	"github.com/lugsail/lugsail/platform"
)

// handlers are what the library asks.
type handlers struct{ *visit }

// Filelist lists a directory, or tells what is at a path.
func (h handlers) Filelist(r *sftp.Request) (sftp.ListerAt, error) {
	if r.Method == "List" {
		l, err := h.list(parse(r.Filepath))
		return l, h.answer(err)
	}
	return h.told(r.Filepath, true)
}

// Lstat tells of a link itself.
func (h handlers) Lstat(r *sftp.Request) (sftp.ListerAt, error) { return h.told(r.Filepath, false) }

func (h handlers) told(p string, follow bool) (sftp.ListerAt, error) {
	info, err := h.look(parse(p), follow)
	if err != nil {
		return nil, h.answer(err)
	}
	return few{info}, nil
}

// Readlink gives the text of a link.
func (h handlers) Readlink(p string) (string, error) {
	w := parse(p)
	id, err := h.volume(w.place())
	if err != nil {
		return "", h.answer(err)
	}
	text, err := h.server.Files.LinkOf(h.ctx, id, w.rest)
	return text, h.answer(err)
}

func (h handlers) look(w where, follow bool) (fs.FileInfo, error) {
	switch {
	case w.app == "":
		return shelf("/"), nil
	case w.volume == "":
		actor, err := h.actor(h.ctx)
		if err == nil {
			_, err = h.server.Access.Volumes(h.ctx, actor, w.app)
		}
		return shelf(w.app), err
	}
	id, err := h.volume(w.place())
	if err != nil || !w.inside() {
		return shelf(w.volume), err
	}
	return h.server.Files.Look(h.ctx, id, w.rest, follow)
}

func (h handlers) list(w where) (sftp.ListerAt, error) {
	if w.volume == "" {
		return h.names(w.app)
	}
	id, err := h.volume(w.place())
	if err != nil {
		return nil, err
	}
	if err := h.take(); err != nil {
		return nil, err
	}
	l, err := h.server.Files.OpenListing(h.ctx, id, w.rest)
	if err != nil {
		h.open.Add(-1)
		if platform.IsKind(err, platform.NotFound) && !w.inside() {
			return few{}, nil // no replica had it yet
		}
		return nil, err
	}
	return &directory{h.visit, w.place(), l}, nil
}

func (h handlers) names(app string) (sftp.ListerAt, error) {
	actor, err := h.actor(h.ctx)
	if err != nil {
		return nil, err
	}
	var names []string
	if app == "" {
		names, err = h.server.Access.Apps(h.ctx, actor)
	} else {
		names, err = h.server.Access.Volumes(h.ctx, actor, app)
	}
	shelves := few{}
	for _, name := range names {
		shelves = append(shelves, shelf(name))
	}
	return shelves, err
}

// few are all entries at once.
type few []fs.FileInfo

// ListAt copies those from an offset on.
func (f few) ListAt(to []fs.FileInfo, offset int64) (int, error) {
	if offset >= int64(len(f)) {
		return 0, io.EOF
	}
	return copy(to, f[offset:]), nil
}

// directory is one of a volume, which is read from its beginning to its end.
type directory struct {
	visit   *visit
	place   place
	listing *files.Listing
}

// ListAt gives the next entries; the library asks in order.
func (d *directory) ListAt(to []fs.FileInfo, _ int64) (int, error) {
	if _, err := d.visit.volume(d.place); err != nil {
		return 0, d.visit.answer(err)
	}
	found, err := d.listing.Next(len(to))
	n := copy(to, found)
	if err != nil && !errors.Is(err, io.EOF) {
		return n, d.visit.answer(err)
	}
	return n, err
}

// Close ends it.
func (d *directory) Close() error {
	d.visit.open.Add(-1)
	return d.listing.Close()
}
