package docker

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"
)

const (
	stdoutStream, stderrStream = 1, 2
	systemStream               = 3 // the daemon's own trouble while reading
	maxLine                    = 16 << 10
	maxRecord                  = 2 << 20 // a record is a line, or 16 KiB of one, as the driver kept it
)

var errStream = errors.New("the daemon's log stream is damaged")

// demultiplex reads the frames of Docker's stream: a byte for the stream, three of
// nothing, four for the length, then one record. The end of the stream is no error.
func demultiplex(r io.Reader, take func(stream byte, record []byte) error) error {
	var header [8]byte
	var record []byte
	for {
		if _, err := io.ReadFull(r, header[:]); err == io.EOF {
			return nil
		} else if err != nil {
			return err
		}
		size := binary.BigEndian.Uint32(header[4:])
		if header[0] > systemStream || size > maxRecord {
			return errStream
		}
		if int(size) > cap(record) {
			record = make([]byte, size)
		}
		record = record[:size]
		if _, err := io.ReadFull(r, record); err != nil {
			return err
		}
		if header[0] == systemStream {
			return fmt.Errorf("%w: %s", errStream, record)
		}
		if err := take(header[0], record); err != nil {
			return err
		}
	}
}

// splitTime takes the time off that Docker puts before each record.
func splitTime(record []byte) (time.Time, []byte, bool) {
	stamp, text, ok := bytes.Cut(record, []byte{' '})
	if !ok {
		return time.Time{}, nil, false
	}
	at, err := time.Parse(time.RFC3339Nano, string(stamp))
	return at.UTC(), text, err == nil
}

// partSize is what Docker reads at once: a line without end is kept in parts of
// that very size, but for the last one.
const partSize = 16 << 10

// assembler joins the records of one line, and cuts it at maxLine.
type assembler struct {
	kept    []byte
	skipped bool // the rest of a line that was cut already
}

// add takes a record; complete says that line is one.
func (a *assembler) add(text []byte) (line string, complete bool) {
	size := len(text)
	text, ended := bytes.CutSuffix(text, []byte{'\n'})
	ended = ended || size < partSize // Docker 20.10 forgets the end after the last part
	if a.skipped {
		a.skipped = !ended
		return "", false
	}
	a.kept = append(a.kept, text...)
	if len(a.kept) > maxLine {
		a.kept = append(a.kept[:maxLine], " … (cut)"...)
		a.skipped = !ended
		ended = true
	}
	if !ended {
		return "", false
	}
	line = strings.ToValidUTF8(strings.TrimSuffix(string(a.kept), "\r"), "\uFFFD")
	a.kept = a.kept[:0]
	return line, true
}

// open reports whether more parts of the line may come.
func (a *assembler) open() bool { return len(a.kept) > 0 || a.skipped }

// restart forgets a line that has begun; one that was given cut stays given.
func (a *assembler) restart() (forgotten bool) {
	forgotten = len(a.kept) > 0
	a.kept = a.kept[:0]
	return forgotten
}
