package gitserver

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"sync"
	"syscall"
	"time"

	"github.com/lugsail/lugsail/internal/command"
	"github.com/lugsail/lugsail/platform"
)

const (
	patience   = 2 * time.Minute  // with a client that neither sends nor takes a byte
	drainGrace = 20 * time.Second // for a client that still sends after git has ended: it reads the answer only then
)

// sender is the client's direction of a conversation. After end it comes to an end within that time.
type sender interface {
	io.Reader
	end(grace time.Duration)
}

// intake reads from the client. A client that sends nothing for a while has gone.
type intake struct {
	from    io.Reader
	control *http.ResponseController

	pace  *pace
	tired func(error) // tells the client that it is too slow

	mu    sync.Mutex
	until time.Time // no reading after that; zero: no end
	over  bool      // nothing more to read
	cause error     // of stop
}

func (in *intake) Read(p []byte) (int, error) {
	if err := in.extend(); err != nil {
		return 0, err
	}
	began := time.Now()
	n, err := in.from.Read(p)
	if err != nil {
		if cause := in.rest(); cause != nil {
			err = cause
		}
	} else if in.pace != nil && !in.pace.Came(n, time.Since(began)) {
		in.tired(in.pace.tooSlow)
		return n, in.pace.tooSlow
	}
	return n, err
}

// pace is the least rate of a client, and what it is told below that.
type pace struct {
	platform.Pace
	tooSlow error
}

func (s *Server) pushPace() *pace { return &pace{platform.Pace{Window: s.cfg.Pace}, errPace} }

// fetchPace leaves a client time to think: over SSH it looks between its lines what it has already.
func (s *Server) fetchPace() *pace {
	return &pace{platform.Pace{Window: 10 * s.cfg.Pace}, errFetchPace}
}

// errPace ends a push that keeps its place from others by sending next to nothing.
var errPace = platform.Errorf(platform.Invalid, "push_pace", "The push came too slowly: less than a kilobyte a second for a minute.").
	WithHint("Nothing was deployed. Push again over a better connection.")

var errFetchPace = platform.Errorf(platform.Invalid, "fetch_pace", "The request for what to fetch came too slowly: less than 64 KB in ten minutes.").
	WithHint("Fetch again over a better connection.")

// extend gives the client its time for the next bytes.
func (in *intake) extend() error {
	in.mu.Lock()
	defer in.mu.Unlock()
	deadline := time.Now().Add(patience)
	if !in.until.IsZero() && in.until.Before(deadline) {
		deadline = in.until
	}
	return supported(in.control.SetReadDeadline(deadline))
}

// startsWith looks at the first line that the client sends, and leaves it there.
func (in *intake) startsWith(text string) (bool, error) {
	if err := in.extend(); err != nil {
		return false, err
	}
	ahead := bufio.NewReader(in.from)
	in.from = ahead
	head, _ := ahead.Peek(4 + len(text)) // an error comes again with the next read
	return len(head) == 4+len(text) && string(head[4:]) == text, nil
}

// rest takes the deadline away once all is read, and gives what stop was called with. The HTTP server goes on
// watching the connection, and a deadline would look to it as if the client had gone.
func (in *intake) rest() (cause error) {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.over = true
	_ = in.control.SetReadDeadline(time.Time{}) // a connection that refuses is broken anyway
	return in.cause
}

// stop ends reading at once, also a Read that waits already, and reports whether there was more to read.
func (in *intake) stop(cause error) bool {
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.over {
		return false
	}
	in.cause, in.until = cause, time.Now()
	_ = in.control.SetReadDeadline(in.until) // not supported: then the client ends it
	return true
}

// end lets reading go on for a while only, also a Read that waits already.
func (in *intake) end(grace time.Duration) {
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.over {
		return
	}
	in.until = time.Now().Add(grace)
	_ = in.control.SetReadDeadline(in.until) // not supported: then the client ends it
}

func supported(err error) error {
	if errors.Is(err, http.ErrNotSupported) {
		return nil
	}
	return err
}

// outlet writes to the client at once. A client that takes nothing for a while has gone.
type outlet struct {
	to      http.ResponseWriter
	control *http.ResponseController
	swallow bool // go on without a client
	slow    bool // the client is not worth waiting for

	mu   sync.Mutex
	gone bool
}

// tell says something between what git says, as git does itself.
func (out *outlet) tell(err error) {
	var b bytes.Buffer
	writePacket(&b, "\x02"+clean(platform.AsError(err).Message)+"\n"+clean(platform.AsError(err).Hint)+"\n")
	_, _ = out.Write(b.Bytes()) // the client may have gone
}

func (out *outlet) Write(p []byte) (int, error) {
	out.mu.Lock()
	defer out.mu.Unlock()
	if out.gone {
		return len(p), nil
	}
	err := supported(out.control.SetWriteDeadline(time.Now().Add(patience)))
	if err == nil {
		if _, err = out.to.Write(p); err == nil {
			err = out.control.Flush()
		}
	}
	if err == nil {
		return len(p), nil
	}
	if !out.swallow {
		return 0, err
	}
	out.gone = true
	return len(p), nil
}

// close gives the connection back without deadlines; but from a client that is too slow nothing more is taken.
func (out *outlet) close() {
	if out.slow {
		_ = out.control.SetReadDeadline(time.Now().Add(farewell)) // not supported: then the client ends it
		return
	}
	_ = out.control.SetReadDeadline(time.Time{})  // matters to the connection's next request only
	_ = out.control.SetWriteDeadline(time.Time{}) // likewise
}

// stream runs git between a client's two directions. It works on pipes of its own: the
// process may have ended while a slow client still has megabytes to take, which os/exec
// would cut off, and the other way round a client that still sends must not hold up its end.
// delivered is told of git's end when its output has been written.
func stream(ctx context.Context, git command.Command, in sender, out io.Writer, delivered func(error)) error {
	inR, inW, err := os.Pipe()
	if err != nil {
		return fmt.Errorf("opening a pipe: %w", err)
	}
	outR, outW, err := os.Pipe()
	if err != nil {
		return errors.Join(fmt.Errorf("opening a pipe: %w", err), inR.Close(), inW.Close())
	}
	git.Stdin, git.Stdout = inR, outW
	var runErr, bodyErr error
	var body, run sync.WaitGroup
	body.Go(func() {
		bodyErr = feed(inW, in)
	})
	run.Go(func() {
		runErr = git.Run(ctx)
		_ = inR.Close()  // a writer gets EPIPE
		_ = outW.Close() // the reader gets EOF
	})
	_, outErr := io.Copy(out, outR)
	_ = outR.Close() // after an error of the client: git gets SIGPIPE
	run.Wait()
	delivered(runErr)
	in.end(drainGrace)
	body.Wait()
	return errors.Join(runErr, outErr, bodyErr)
}

// feed hands the body to git. When git has had enough, the rest is read and dropped,
// because most clients look at the answer only when they have sent everything.
func feed(git *os.File, in sender) error {
	_, err := io.Copy(git, in)
	closeErr := git.Close()
	if errors.Is(err, syscall.EPIPE) {
		_, _ = io.Copy(io.Discard, in) // ends by the deadline of end
		return nil
	}
	if err != nil {
		return fmt.Errorf("reading the client's data: %w", err)
	}
	return closeErr
}
