package archive

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"

	"github.com/klauspost/compress/zstd"
)

// kind is how an archive is made.
type kind string

const (
	kindTar  kind = "tar"
	kindGzip kind = "gzip"
	kindZstd kind = "zstd"
	kindZip  kind = "zip"
)

// block is the unit of a tar archive.
const block = 512

// maxWindow is how far back a zstd stream may point, which is memory. The zstd program asks
// for that much at its default level at most.
const maxWindow = 8 << 20

// kindOf looks at the first bytes. Of a compressed one it looks inside, too.
func kindOf(file io.ReaderAt) (kind, error) {
	head := make([]byte, block)
	n, err := file.ReadAt(head, 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return "", reading(err)
	}
	head = head[:n]
	var what kind
	switch {
	case n == 0:
		return "", nothing()
	case bytes.HasPrefix(head, []byte("PK\x03\x04")), bytes.HasPrefix(head, []byte("PK\x05\x06")):
		return kindZip, nil
	case bytes.HasPrefix(head, []byte("\x1f\x8b")):
		what = kindGzip
	case bytes.HasPrefix(head, []byte("\x28\xb5\x2f\xfd")):
		what = kindZstd
	case isTar(head):
		return kindTar, nil
	default:
		return "", unknown(head)
	}
	return what, insideIsTar(file, what)
}

// insideIsTar refuses a compressed file that is no archive, app.js.gz for example.
func insideIsTar(file io.ReaderAt, what kind) error {
	r, end, err := expand(io.NewSectionReader(file, 0, 1<<62), what)
	if err != nil {
		return err
	}
	defer end()
	head, err := io.ReadAll(io.LimitReader(r, block))
	switch {
	case err != nil:
		return damaged(err)
	case len(head) == 0:
		return nothing()
	case !isTar(head):
		return noTarInside(what, head)
	}
	return nil
}

// isTar believes the checksum of the first header. An archive of nothing is all zeros.
func isTar(head []byte) bool {
	if len(head) < block {
		return false
	}
	if !bytes.ContainsFunc(head, func(r rune) bool { return r != 0 }) {
		return true
	}
	const at, size = 148, 8
	sum := int64(size) * ' '
	for i, b := range head {
		if i < at || i >= at+size {
			sum += int64(b)
		}
	}
	var said int64
	if _, err := fmt.Sscanf(string(bytes.Trim(head[at:at+size], " \x00")), "%o", &said); err != nil {
		return false
	}
	return said == sum
}

// expand gives what is in a compressed stream. The caller calls end.
func expand(r io.Reader, what kind) (inner io.Reader, end func(), err error) {
	switch what {
	case kindGzip:
		z, err := gzip.NewReader(r)
		if err != nil {
			return nil, nil, damaged(err)
		}
		return z, func() {}, nil
	case kindZstd:
		z, err := zstd.NewReader(r, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxWindow(maxWindow))
		if err != nil {
			return nil, nil, damaged(err)
		}
		return z, z.Close, nil
	}
	return r, func() {}, nil
}
