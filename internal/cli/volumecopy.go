package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/lugsail/lugsail/platform"
)

// copying is one run of volumes cp.
type copying struct {
	p      *program
	c      *client
	app    string
	copies []fileCopy
	bytes  int64
	left   []string // what is no file, and left out
}

// fileCopy is one file: from the volume's path to the one on this computer, or the other way.
type fileCopy struct {
	here, there string // with slashes; here is below the root of the copying's folder
	bytes       int64
	mode        fs.FileMode // of a file here; 0 when it has none that a server knows
}

func (k *copying) add(one fileCopy) {
	k.copies = append(k.copies, one)
	k.bytes += one.bytes
}

func (p *program) volumeCopy() *cobra.Command {
	return &cobra.Command{
		Use: "cp FROM TO", Short: "Copy files into a volume, or out of one", Args: args(2, 2),
		Long: "Copy a file or a directory into a volume, or out of one. The side in the volume is written VOLUME:PATH.\n\n" +
			"A directory is copied with all files in it. To copy what is in it and not itself, write /. behind it.\n" +
			"A file that is there is replaced when the new one has come whole, and keeps its owner and rights; a new one gets\n" +
			"the rights that it has here, and the owner of its directory.\n" +
			"Links are not followed, and left out. A file here whose name has a colon is written ./a:b.",
		RunE: func(cmd *cobra.Command, args []string) error {
			from, down := placeOf(args[0])
			to, up := placeOf(args[1])
			if args[0] == "-" || args[1] == "-" {
				return hinted("For example: lugsail volumes cp uploads:notes.txt notes.txt", "Files are copied from and to files, not standard input and output")
			}
			if down == up {
				return hinted("For example: lugsail volumes cp photo.jpg uploads:photos/", "One of the two must be in a volume, written VOLUME:PATH, and the other one here")
			}
			c, name, err := p.target(cmd.Context())
			if err != nil {
				return err
			}
			c, done := c.patient()
			defer done()
			k := &copying{p: p, c: c, app: name}
			if up {
				return k.up(cmd.Context(), args[0], to)
			}
			return k.down(cmd.Context(), from, args[1])
		},
	}
}

// patient gives a client that waits long for answers: a large file has to lie on the server's disk before.
func (c *client) patient() (patient *client, done func()) {
	with, calls := *c, *c.http
	done = func() {}
	if t, ok := c.http.Transport.(*http.Transport); ok {
		t = t.Clone()
		t.ResponseHeaderTimeout = 15 * time.Minute
		calls.Transport, done = t, t.CloseIdleConnections
	}
	with.http = &calls
	return &with, done
}

// run copies one after the other.
func (k *copying) run(ctx context.Context, verb, from, to string, one func(ctx context.Context, f fileCopy, count func(int)) error) error {
	if len(k.left) > 0 {
		k.p.note("Left out, as no files: %s\n", clean(few(k.left)))
	}
	if len(k.copies) == 0 {
		return platform.Errorf(platform.Invalid, "nothing_to_copy", "There is no file in %s.", clean(from)).
			WithHint("Only files are copied, with the directories that they lie in.")
	}
	bar := k.p.newBar(k.bytes)
	bar.last = ""
	var err error
	for _, f := range k.copies {
		if err = one(ctx, f, bar.add); err != nil {
			break
		}
	}
	bar.halt()
	if err != nil {
		return err
	}
	return k.p.done(map[string]any{"files": len(k.copies), "bytes": k.bytes}, "%s %s (%s) to %s\n", verb, plural(len(k.copies), "file"), amount(k.bytes), clean(to))
}

// few names some of many.
func few(names []string) string {
	const most = 5
	if len(names) > most {
		return fmt.Sprintf("%s and %d more", strings.Join(names[:most], ", "), len(names)-most)
	}
	return strings.Join(names, ", ")
}

// put sends a file. A server that asks to go on more slowly, and a connection that breaks, are tried again.
func (c *client) put(ctx context.Context, address string, size int64, open func() (io.ReadCloser, error)) error {
	for try := 1; ; try++ {
		res, err := c.putOnce(ctx, address, size, open)
		known := new(platform.Error)
		if errors.As(err, &known) {
			return known // of the file that is read
		}
		if wait := waitFor(res, err); wait > 0 && try < maxTries {
			if err == nil {
				_ = res.Body.Close() // nothing was written
			}
			if err := pause(ctx, wait); err != nil {
				return err
			}
			continue
		}
		if err != nil {
			return c.unreachable(err)
		}
		defer func() { _ = res.Body.Close() }() // nothing was written
		if res.StatusCode >= 300 {
			return c.mistyped(ctx, strings.TrimPrefix(address, c.base), c.problem(res))
		}
		return nil
	}
}

func (c *client) putOnce(ctx context.Context, address string, size int64, open func() (io.ReadCloser, error)) (*http.Response, error) {
	body, err := open()
	if err != nil {
		return nil, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPut, c.base+address, body)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("making the request: %w", err), body.Close())
	}
	if req.ContentLength = size; size == 0 {
		req.Body = http.NoBody
		if err := body.Close(); err != nil {
			return nil, fmt.Errorf("closing the file: %w", err)
		}
	}
	req.Header.Set("User-Agent", c.agent)
	req.Header.Set("Content-Type", "application/octet-stream")
	if c.token != "" {
		req.Header.Set("Authorization", "Bearer "+c.token)
	}
	return c.http.Do(req)
}

// baseOf is what a copy is called: the last part of a path, "." where its inside is meant.
func baseOf(name string) string {
	if strings.HasSuffix(name, "/.") || name == "." {
		return "."
	}
	whole, err := filepath.Abs(name)
	if err != nil {
		return filepath.Base(name)
	}
	return filepath.Base(whole)
}
