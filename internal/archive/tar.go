package archive

import (
	"bytes"
	"context"
	"errors"
	"io"

	"github.com/lugsail/lugsail/platform/source"
)

// maxPadding is how much may stand behind the end of a tar archive: it is filled up to a
// record, of 10 KiB mostly.
const maxPadding = 4 << 20

// readTar adds a tar stream and insists on its end: the library takes one that was cut between
// two entries for a whole one.
func readTar(ctx context.Context, t *source.Tree, r io.Reader) error {
	seen := &tail{r: r}
	if err := t.Tar(ctx, seen); err != nil {
		return err
	}
	if !seen.ended() {
		return damaged(errors.New("the archive has no end"))
	}
	n, err := io.CopyN(io.Discard, seen, maxPadding)
	switch {
	case errors.Is(err, io.EOF):
		return nil // the checksum behind a compressed stream was right, too
	case err == nil && n == maxPadding:
		return damaged(errors.New("the archive goes on behind its end"))
	}
	return damaged(err)
}

// tail remembers whether the last block that was read was empty, as the end of an archive is.
type tail struct {
	r    io.Reader
	last []byte
	err  error // why there is no more, but for the end
}

func (t *tail) Read(p []byte) (int, error) {
	n, err := t.r.Read(p)
	if n >= block {
		t.last = append(t.last[:0], p[n-block:n]...)
	} else {
		t.last = append(t.last, p[:n]...)
		t.last = t.last[max(0, len(t.last)-block):]
	}
	if err != nil && !errors.Is(err, io.EOF) {
		t.err = err
	}
	return n, err
}

func (t *tail) ended() bool {
	return len(t.last) == block && bytes.Count(t.last, []byte{0}) == block
}
