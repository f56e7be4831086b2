package dockerfile

import (
	"bytes"
	"fmt"
	"io"
	"regexp"
	"strings"
	"sync"
	"time"

	"github.com/moby/buildkit/client"
	digest "github.com/opencontainers/go-digest"
)

// maxLine bounds a line of the build log.
const maxLine = 16 << 10

// progress turns what BuildKit tells of a build into lines for people.
type progress struct {
	mu       sync.Mutex
	closed   bool
	out      io.Writer
	stages   bool  // the Dockerfile has more than one, so steps are told with theirs
	limit    int64 // bytes that may come yet
	exceeded func()
	steps    map[digest.Digest]*step
	current  *step    // whose lines come just now
	metadata []string // images that were looked for in vain
	failed   string   // the first step that went wrong
	reason   string   // in BuildKit's words
}

// step is one instruction.
type step struct {
	title string // "" for BuildKit's own work
	told  bool
	ended bool
	line  []byte
}

func newProgress(out io.Writer, limit int64, exceeded func()) *progress {
	return &progress{out: out, limit: limit, exceeded: exceeded, steps: map[digest.Digest]*step{}}
}

// take writes down what is new.
func (p *progress) take(status *client.SolveStatus) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return
	}
	for _, v := range status.Vertexes {
		p.begin(v)
	}
	for _, l := range status.Logs {
		p.output(l)
	}
	for _, v := range status.Vertexes {
		p.end(v)
	}
}

func (p *progress) begin(v *client.Vertex) {
	s := p.steps[v.Digest]
	if s == nil {
		s = &step{title: p.title(v.Name)}
		p.steps[v.Digest] = s
	}
	if s.title == "" || v.Started == nil || s.told {
		return
	}
	s.told = true
	if v.Cached {
		p.write(s.title + "  (as before)")
		s.ended = true
		return
	}
	p.head(s)
}

func (p *progress) head(s *step) {
	p.current = s
	p.write(s.title)
}

func (p *progress) output(l *client.VertexLog) {
	s := p.steps[l.Vertex]
	if s == nil || s.title == "" {
		return
	}
	if p.limit -= int64(len(l.Data)); p.limit < 0 {
		p.closed = true
		p.exceeded()
		return
	}
	data := l.Data
	for len(data) > 0 {
		end := bytes.IndexByte(data, '\n')
		part := data
		if end >= 0 {
			part = data[:end]
		}
		if room := maxLine - len(s.line); room > 0 {
			s.line = append(s.line, part[:min(room, len(part))]...)
		}
		if end < 0 {
			return
		}
		p.flush(s)
		data = data[end+1:]
	}
}

// flush writes a line of a step, under its title when lines of another one came in between.
func (p *progress) flush(s *step) {
	if p.current != s {
		p.head(s)
	}
	p.write("  " + strings.ToValidUTF8(string(bytes.TrimRight(s.line, "\r")), "?"))
	s.line = s.line[:0]
}

func (p *progress) end(v *client.Vertex) {
	if v.Error != "" {
		p.wrong(v)
	}
	s := p.steps[v.Digest]
	if s == nil || s.title == "" || v.Completed == nil || v.Started == nil || s.ended {
		return
	}
	s.ended = true
	if len(s.line) > 0 {
		p.flush(s)
	}
	took := v.Completed.Sub(*v.Started)
	switch {
	case v.Error != "":
	case v.Cached:
		p.note(s, "as before")
	case took >= time.Second:
		p.note(s, fmt.Sprintf("%.1f s", took.Seconds()))
	}
}

func (p *progress) note(s *step, text string) {
	if p.current != s {
		p.head(s)
	}
	p.write("  (" + text + ")")
}

var metadata = regexp.MustCompile(`^\[internal\] load metadata for (\S+)$`)

// wrong remembers what failed. What was stopped because of it tells nothing.
func (p *progress) wrong(v *client.Vertex) {
	if strings.Contains(v.Error, "context canceled") {
		return
	}
	if image := metadata.FindStringSubmatch(v.Name); image != nil {
		p.metadata = append(p.metadata, image[1])
	}
	if p.reason == "" {
		p.failed, p.reason = v.Name, v.Error
	}
}

func (p *progress) write(line string) {
	_, _ = io.WriteString(p.out, line+"\n") // a log that cannot be written must not stop a build
}

// close ends lines that have no end. What comes afterwards is lost.
func (p *progress) close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, s := range p.steps {
		if len(s.line) > 0 && !p.closed {
			p.flush(s)
		}
	}
	p.closed = true
}

var numbered = regexp.MustCompile(`^\[(?:(\S+) )? *(\d+)/(\d+)\] (.*)$`)

// title says a step in words; "" when it is BuildKit's own work.
func (p *progress) title(name string) string {
	if found := numbered.FindStringSubmatch(name); found != nil {
		stage := ""
		if found[1] != "" && p.stages {
			stage = " of " + found[1]
		}
		return fmt.Sprintf("Step %s/%s%s: %s", found[2], found[3], stage, plain(found[4], 300))
	}
	if name == "exporting to image" {
		return "Storing the image"
	}
	return ""
}
