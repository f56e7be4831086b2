// Package diagnostics packs what helps to find out what is wrong with a server into one archive that may be
// shown to others.
//
// What surprises: every part goes through two sieves. The first takes out the values that are known to be
// secret; the second what looks like one, whoever wrote it: tokens, one-time links, passwords in addresses,
// private keys. A part that fails, or takes too long, is told in its place, and does not keep the others back.
package diagnostics

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"
	"time"
)

const (
	partTime = 15 * time.Second
	partSize = 4 << 20
)

// Part is one file of the archive.
type Part struct {
	Name  string
	Write func(ctx context.Context, to io.Writer) error
}

// JSON is a part that shows a value.
func JSON(name string, value func(ctx context.Context) (any, error)) Part {
	return Part{name, func(ctx context.Context, to io.Writer) error {
		v, err := value(ctx)
		if err != nil {
			return err
		}
		e := json.NewEncoder(to)
		e.SetEscapeHTML(false)
		e.SetIndent("", "  ")
		return e.Encode(v)
	}}
}

// Bundle packs parts.
type Bundle struct {
	Now   time.Time
	Hide  func(to io.Writer) io.WriteCloser // takes known secrets out; nil: none are known
	Parts []Part
}

// Name is what the archive is called.
func (b Bundle) Name() string {
	return "lugsail-diagnostics-" + b.Now.UTC().Format("20060102-150405") + ".tar.gz"
}

// Write packs the archive.
func (b Bundle) Write(ctx context.Context, to io.Writer) error {
	zipped := gzip.NewWriter(to)
	packed := tar.NewWriter(zipped)
	dir := strings.TrimSuffix(b.Name(), ".tar.gz") + "/"
	for _, p := range b.Parts {
		if err := ctx.Err(); err != nil {
			return err
		}
		text := b.text(ctx, p)
		header := &tar.Header{Name: dir + p.Name, Mode: 0o600, Size: int64(len(text)), ModTime: b.Now, Typeflag: tar.TypeReg, Format: tar.FormatPAX}
		if err := packed.WriteHeader(header); err != nil {
			return fmt.Errorf("packing %s: %w", p.Name, err)
		}
		if _, err := packed.Write(text); err != nil {
			return fmt.Errorf("packing %s: %w", p.Name, err)
		}
	}
	if err := errors.Join(packed.Close(), zipped.Close()); err != nil {
		return fmt.Errorf("packing: %w", err)
	}
	return nil
}

func (b Bundle) text(ctx context.Context, p Part) []byte {
	ctx, cancel := context.WithTimeout(ctx, partTime)
	defer cancel()
	var raw, hidden bytes.Buffer
	if err := p.Write(ctx, &capped{to: &raw, left: partSize}); err != nil {
		_, _ = fmt.Fprintf(&raw, "\nThis could not be told in full: %v\n", err) // a buffer takes everything
	}
	if b.Hide == nil {
		return Scrub(raw.Bytes())
	}
	w := b.Hide(&hidden)
	if _, err := w.Write(raw.Bytes()); err != nil {
		return []byte("Left out, as its secrets could not be.\n")
	}
	if err := w.Close(); err != nil {
		return []byte("Left out, as its secrets could not be.\n")
	}
	return Scrub(hidden.Bytes())
}

// capped takes what fits, and the rest as if.
type capped struct {
	to   io.Writer
	left int
}

func (c *capped) Write(p []byte) (int, error) {
	n := min(len(p), c.left)
	c.left -= n
	if _, err := c.to.Write(p[:n]); err != nil {
		return 0, err
	}
	return len(p), nil
}

// looks are the shapes of secrets, and what stands in their place.
var looks = []struct {
	shape   *regexp.Regexp
	instead string
}{
	{regexp.MustCompile(`(?s)-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(-----END [A-Z ]*PRIVATE KEY-----|$)`), "[private key]"},
	{regexp.MustCompile(`\blgs_[A-Za-z0-9_-]{8,}`), "[token]"},
	{regexp.MustCompile(`/(setup|recover)/[A-Za-z0-9_-]{8,}`), "/$1/[link]"},
	{regexp.MustCompile(`([a-z][a-z0-9+.-]*://)[^/\s"'@]+@`), "$1[hidden]@"},
	{regexp.MustCompile(`(?i)(authorization["':= ]+)(?:(?:bearer|basic)\s+)?[^\s"',]+`), "$1[hidden]"},
	{regexp.MustCompile(`(?i)((?:password|passwd|secret|api_?key|access_?key|private_?key|credential)[a-z0-9_-]*["']?\s*[:=]\s*["']?)[^\s"',}]+`), "$1[hidden]"},
	{regexp.MustCompile(`\bsealed:[A-Za-z0-9+/=_-]+`), "sealed:[hidden]"},
}

// Scrub takes out what looks like a secret.
func Scrub(text []byte) []byte {
	for _, l := range looks {
		text = l.shape.ReplaceAll(text, []byte(l.instead))
	}
	return text
}
