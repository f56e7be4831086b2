package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/term"

	"github.com/lugsail/lugsail/platform"
)

// sendFolder deploys what is in a folder.
func (p *program) sendFolder(ctx context.Context, c *client, app, dir string, detach bool) error {
	f, err := openFolder(dir)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }() // nothing was written
	name, err := filepath.Abs(dir)
	if err != nil {
		return fmt.Errorf("finding %s: %w", dir, err)
	}
	for _, s := range f.skipped {
		p.note("%s is no file and is left out.\n", clean(s))
	}
	p.progress("Sending %s of %s (%s) to %s\n", plural(f.files, "file"), clean(filepath.Base(name)), amount(f.bytes), app)
	bar := p.newBar(f.bytes)
	body, w := io.Pipe()
	go func() { w.CloseWithError(f.pack(w, bar.add)) }()
	defer func() { _ = body.Close() }() // ends the packing
	return p.send(ctx, c, app, "uploads", filepath.Base(name), body, -1, bar, detach)
}

// sendFile deploys an archive; to is the door that it goes to.
func (p *program) sendFile(ctx context.Context, c *client, app, to, file string, detach bool) error {
	f, err := os.Open(file)
	if errors.Is(err, fs.ErrNotExist) {
		return usagef("There is no file %q here", file)
	}
	if err != nil {
		return unreadableFile(file, err)
	}
	defer func() { _ = f.Close() }() // nothing was written
	info, err := f.Stat()
	if err != nil {
		return unreadableFile(file, err)
	}
	if info.IsDir() {
		return hinted("A folder is deployed by: lugsail deploy "+file, "%q is a folder, not a file", file)
	}
	p.progress("Sending %s (%s) to %s\n", clean(filepath.Base(file)), amount(info.Size()), app)
	bar := p.newBar(info.Size())
	return p.send(ctx, c, app, to, filepath.Base(file), counting{f, bar.add}, info.Size(), bar, detach)
}

func (p *program) send(ctx context.Context, c *client, app, to, name string, body io.Reader, size int64, bar *bar, detach bool) error {
	at := path(app, to) + "?name=" + url.QueryEscape(strings.ToValidUTF8(name, "?"))
	answer, err := c.upload(ctx, at, body, size)
	bar.end(err == nil)
	if err != nil {
		return err
	}
	return p.started(ctx, c, app, answer, detach)
}

// upload sends a body that may be large; the answer may take as long as unpacking it does.
func (c *client) upload(ctx context.Context, at string, body io.Reader, size int64) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.base+at, io.NopCloser(body))
	if err != nil {
		return nil, fmt.Errorf("making the request: %w", err)
	}
	req.ContentLength = size
	req.Header.Set("User-Agent", c.agent)
	req.Header.Set("Content-Type", "application/octet-stream")
	if c.token != "" {
		req.Header.Set("Authorization", "Bearer "+c.token)
	}
	patient, done := c.patient()
	defer done()
	res, err := patient.http.Do(req)
	known := new(platform.Error)
	switch {
	case errors.As(err, &known): // of the folder that is read
		return nil, known
	case err != nil:
		return nil, c.unreachable(err)
	}
	defer func() { _ = res.Body.Close() }() // nothing was written
	if res.StatusCode >= 300 {
		return nil, c.problem(res)
	}
	return io.ReadAll(io.LimitReader(res.Body, maxAnswer))
}

// bar shows how far it is, on a terminal only.
type bar struct {
	p     *program
	total int64
	last  string // said when all is sent
	done  atomic.Int64
	began time.Time
	stop  chan struct{}
	drawn chan struct{}
}

func (p *program) newBar(total int64) *bar {
	b := &bar{p: p, total: total, last: "  the server unpacks it", began: time.Now(), stop: make(chan struct{}), drawn: make(chan struct{})}
	go b.draw()
	return b
}

func (b *bar) add(n int) { b.done.Add(int64(n)) }

func (b *bar) draw() {
	defer close(b.drawn)
	out, ok := b.p.Stdout.(*os.File)
	if !ok || b.p.json || !term.IsTerminal(int(out.Fd())) {
		<-b.stop
		return
	}
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-b.stop:
			_, _ = fmt.Fprint(out, "\r\x1b[K") // a closed pipe ends the program by signal
			return
		case <-tick.C:
			_, _ = fmt.Fprint(out, "\r"+b.line()+"\x1b[K") // likewise
		}
	}
}

// line fits a narrow terminal.
func (b *bar) line() string {
	const width = 24
	done := min(b.done.Load(), b.total)
	part := 1.0
	if b.total > 0 {
		part = float64(done) / float64(b.total)
	}
	full := int(part * width)
	text := fmt.Sprintf("[%s%s] %3.0f %%  %s", strings.Repeat("=", full), strings.Repeat(" ", width-full), part*100, amount(done))
	if done == b.total {
		text += b.last
	}
	return text
}

// halt takes it away again.
func (b *bar) halt() {
	close(b.stop)
	<-b.drawn
}

func (b *bar) end(ok bool) {
	b.halt()
	if ok {
		b.p.progress("Sent in %.1f s\n", time.Since(b.began).Seconds())
	}
}

// amount is a number of bytes for people.
func amount(n int64) string {
	switch {
	case n >= 1<<30:
		return fmt.Sprintf("%.1f GB", float64(n)/(1<<30))
	case n >= 1<<20:
		return fmt.Sprintf("%.1f MB", float64(n)/(1<<20))
	case n >= 1<<10:
		return fmt.Sprintf("%d KB", n>>10)
	}
	return plural(int(n), "byte")
}
