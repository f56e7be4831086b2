package sftp

import (
	"errors"
	"io"
	"os"
	"sync"

	"github.com/pkg/sftp"
)

// lookAgain is for how many bytes it is asked at once whether there is room.
const lookAgain = 1 << 20

// file is one that is open.
type file struct {
	*os.File
	visit *visit
	place place
	id    string
	write bool

	mu     sync.Mutex // for what follows
	size   int64
	fits   int64 // for how much more there was room
	untold int64 // by how much it has grown since that was told
}

// Fileread opens a file to be read.
func (h handlers) Fileread(r *sftp.Request) (io.ReaderAt, error) {
	f, err := h.openFile(r, os.O_RDONLY)
	if err != nil {
		return nil, h.answer(err)
	}
	return f, nil
}

// Filewrite opens a file to be written.
func (h handlers) Filewrite(r *sftp.Request) (io.WriterAt, error) { return h.OpenFile(r) }

// OpenFile opens a file for both.
func (h handlers) OpenFile(r *sftp.Request) (sftp.WriterAtReaderAt, error) {
	flags, asked := os.O_RDWR, r.Pflags()
	for flag, set := range map[int]bool{os.O_CREATE: asked.Creat, os.O_TRUNC: asked.Trunc, os.O_EXCL: asked.Excl && asked.Creat} {
		if set {
			flags |= flag
		}
	}
	f, err := h.openFile(r, flags)
	if err != nil {
		return nil, h.answer(err)
	}
	return f, nil
}

func (h handlers) openFile(r *sftp.Request, flags int) (*file, error) {
	w, write := parse(r.Filepath), flags != os.O_RDONLY
	if write && !w.inside() {
		return nil, fixed()
	}
	id, err := h.volume(w.place())
	if err != nil {
		return nil, err
	}
	if write {
		if err := h.server.Files.Fits(id, 1); err != nil {
			return nil, err
		}
		h.changes(w.place())
	}
	if err := h.take(); err != nil {
		return nil, err
	}
	mode := os.FileMode(0)
	if set := r.Attributes(); set != nil && r.AttrFlags().Permissions {
		mode = set.FileMode()
	}
	opened, err := h.server.Files.OpenFile(h.ctx, id, w.rest, flags, mode)
	if err != nil {
		h.open.Add(-1)
		return nil, err
	}
	f := &file{File: opened, visit: h.visit, place: w.place(), id: id, write: write}
	if info, err := opened.Stat(); err == nil {
		f.size = info.Size()
	}
	return f, nil
}

// ReadAt reads, as long as one may.
func (f *file) ReadAt(p []byte, offset int64) (int, error) {
	if _, err := f.visit.volume(f.place); err != nil {
		return 0, f.visit.answer(err)
	}
	return f.File.ReadAt(p, offset)
}

// WriteAt writes, as long as one may and there is room.
func (f *file) WriteAt(p []byte, offset int64) (int, error) {
	_, err := f.visit.volume(f.place)
	if err == nil {
		err = f.grow(offset + int64(len(p)))
	}
	if err != nil {
		return 0, f.visit.answer(err)
	}
	return f.File.WriteAt(p, offset)
}

// grow asks for room for a file of that size.
func (f *file) grow(size int64) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	more := size - f.size
	if more <= 0 {
		return nil
	}
	if more > f.fits {
		if err := f.ask(more); err != nil {
			return err
		}
	}
	f.size, f.fits, f.untold = size, f.fits-more, f.untold+more
	return nil
}

// ask finds out for some time ahead; near the end of the room it is asked each time.
func (f *file) ask(more int64) error {
	all := f.visit.server.Files
	all.Note(f.id, f.untold)
	f.untold, f.fits = 0, max(more, lookAgain)
	if all.Fits(f.id, f.fits) == nil {
		return nil
	}
	f.fits = more
	err := all.Fits(f.id, more)
	if err != nil {
		f.fits = 0
	}
	return err
}

// Close lets what was written last.
func (f *file) Close() error {
	f.visit.open.Add(-1)
	f.mu.Lock()
	defer f.mu.Unlock()
	f.visit.server.Files.Note(f.id, f.untold)
	f.untold = 0
	var err error
	if f.write {
		err = f.Sync() // a disk that is full may say so only now
	}
	return errors.Join(err, f.File.Close())
}
