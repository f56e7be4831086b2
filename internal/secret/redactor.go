package secret

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"net/url"
	"slices"
	"strings"
	"sync"
)

// Redacted is what a reader sees instead of a secret value.
const Redacted = "[redacted]"

// minRedacted is the length of the shortest value that is taken out: shorter ones are words
// that would tear holes into every line.
const minRedacted = 8

// harmless values are long enough, but no secrets, and common in logs.
var harmless = map[string]bool{
	"production": true, "development": true, "localhost": true, "127.0.0.1": true, "disabled": true,
	"postgres": true, "postgresql": true, "http://localhost": true, "0.0.0.0:8080": true,
}

// Writer copies what is written to another writer, without the secret values. It keeps back
// the least that it must: bytes that may be the beginning of a value.
type Writer struct {
	to      io.Writer
	mu      sync.Mutex
	needles map[uint64][][]byte // by their first 8 bytes, longest first
	heads   map[string]bool     // beginnings of needles, shorter than 8 bytes
	pending []byte
	hidden  int  // pending[:hidden] belongs to a value that was found
	said    bool // and its stand-in is written
}

// NewWriter makes a Writer that hides the values of 8 bytes and more: as they are, line by
// line, URL-escaped, as JSON text, and in base64 at any offset. Close flushes it and leaves to open.
func NewWriter(to io.Writer, values []string) *Writer {
	w := &Writer{to: to, needles: map[uint64][][]byte{}, heads: map[string]bool{}}
	seen := map[string]bool{}
	for _, value := range values {
		for _, form := range forms(value) {
			if len(form) >= minRedacted && !harmless[form] && !seen[form] {
				seen[form] = true
				w.add([]byte(form))
			}
		}
	}
	for _, list := range w.needles {
		slices.SortFunc(list, func(a, b []byte) int { return len(b) - len(a) })
	}
	return w
}

// Lines gives what takes the values out of single lines. One goroutine at a time may use it.
func Lines(values []string) func(line string) string {
	var out bytes.Buffer
	w := NewWriter(&out, values)
	return func(line string) string {
		out.Reset()
		_, _ = w.Write([]byte(line)) // a buffer takes everything
		_ = w.Flush()
		return out.String()
	}
}

func (w *Writer) add(needle []byte) {
	key := binary.LittleEndian.Uint64(needle)
	w.needles[key] = append(w.needles[key], needle)
	for n := 1; n < minRedacted; n++ {
		w.heads[string(needle[:n])] = true
	}
}

// forms lists the shapes in which a value turns up in logs.
func forms(value string) []string {
	trimmed := strings.TrimSpace(value)
	if len(trimmed) < minRedacted || harmless[trimmed] {
		return nil
	}
	all := []string{trimmed, value, url.QueryEscape(trimmed), url.PathEscape(trimmed)}
	if text, err := json.Marshal(trimmed); err == nil {
		all = append(all, string(text[1:len(text)-1]))
	}
	if strings.ContainsRune(trimmed, '\n') {
		for line := range strings.Lines(trimmed) {
			if line = strings.TrimSpace(line); !strings.HasPrefix(line, "-----") {
				all = append(all, line)
			}
		}
	}
	return append(all, base64Forms(trimmed)...)
}

// base64Forms gives what is sure to be seen of the value inside of base64 text, whatever comes
// before it: each of the three offsets within a group, without the characters that neighbours share.
func base64Forms(value string) []string {
	var all []string
	for _, enc := range []*base64.Encoding{base64.RawStdEncoding, base64.RawURLEncoding} {
		for offset := range 3 {
			text := enc.EncodeToString(append(make([]byte, offset), value...))
			text = text[(offset*8+5)/6:]
			if (offset+len(value))%3 != 0 {
				text = text[:len(text)-1]
			}
			all = append(all, text)
		}
	}
	return all
}

// Write hides and passes on.
func (w *Writer) Write(p []byte) (int, error) {
	if len(w.needles) == 0 {
		n, err := w.to.Write(p)
		if err != nil {
			return n, fmt.Errorf("writing redacted text: %w", err)
		}
		return n, nil
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.pending = append(w.pending, p...)
	return len(p), w.pass(false)
}

// Flush passes on what was kept back.
func (w *Writer) Flush() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.pass(true)
}

// Close flushes. The writer below stays open.
func (w *Writer) Close() error { return w.Flush() }

// pass walks over the pending bytes up to where more input could change the verdict.
func (w *Writer) pass(last bool) error {
	var out bytes.Buffer
	at := 0
	for ; at < len(w.pending); at++ {
		length, undecided := w.match(w.pending[at:])
		if undecided && !last {
			break
		}
		w.hidden = max(w.hidden, at+length)
		if at >= w.hidden {
			w.said = false
			out.WriteByte(w.pending[at])
		} else if !w.said {
			w.said = true
			out.WriteString(Redacted)
		}
	}
	w.pending = append(w.pending[:0], w.pending[at:]...)
	w.hidden = max(0, w.hidden-at)
	if last {
		w.hidden, w.said = 0, false // what comes now is another text
	}
	if out.Len() == 0 {
		return nil
	}
	if _, err := w.to.Write(out.Bytes()); err != nil {
		return fmt.Errorf("writing redacted text: %w", err)
	}
	return nil
}

// match finds the longest value that begins here; undecided says that a longer one may.
func (w *Writer) match(b []byte) (length int, undecided bool) {
	if len(b) < minRedacted {
		return 0, w.heads[string(b)]
	}
	for _, needle := range w.needles[binary.LittleEndian.Uint64(b)] {
		if bytes.HasPrefix(b, needle) {
			return max(length, len(needle)), undecided
		}
		if len(b) < len(needle) && bytes.HasPrefix(needle, b) {
			undecided = true
		}
	}
	return length, undecided
}
