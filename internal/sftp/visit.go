package sftp

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"time"
	"unicode"

	"github.com/pkg/sftp"

	"github.com/lugsail/lugsail/platform"
)

// visit is one session.
type visit struct {
	server   *Server
	ctx      context.Context
	who      func(context.Context) (platform.Actor, error)
	terminal io.Writer
	recheck  time.Duration
	came     atomic.Int64 // bytes
	open     atomic.Int32 // files and directories

	mu      sync.Mutex // for what follows
	grants  map[place]grant
	changed map[place]bool
	told    int
}

// place is a volume, by names.
type place struct{ app, volume string }

// grant is an answer to whether somebody may.
type grant struct {
	id string
	at time.Time
}

// actor is who it is at this moment, with what they may.
func (v *visit) actor(ctx context.Context) (platform.Actor, error) {
	actor, err := v.who(ctx)
	if err == nil {
		err = v.server.Access.Enter(ctx, actor)
	}
	return actor, err
}

// volume is the id of the volume, when one may.
func (v *visit) volume(p place) (string, error) {
	v.mu.Lock()
	known, ok := v.grants[p]
	v.mu.Unlock()
	if ok && time.Since(known.at) < v.recheck {
		return known.id, nil
	}
	asked := time.Now()
	actor, err := v.who(v.ctx)
	if err != nil {
		return "", err
	}
	id, err := v.server.Access.Volume(v.ctx, actor, p.app, p.volume)
	if err == nil && ok && known.id != id {
		err = platform.Errorf(platform.NotFound, "volume_not_found", "The volume %s is another one by now.", p.volume)
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	if err != nil || len(v.grants) > 1000 {
		delete(v.grants, p)
		clear(v.grants)
		return id, err
	}
	v.grants[p] = grant{id, asked}
	return id, nil
}

// changes lets it be known, once for each volume, that something is changed.
func (v *visit) changes(p place) {
	v.mu.Lock()
	known := v.changed[p]
	v.changed[p] = true
	v.mu.Unlock()
	if known {
		return
	}
	if actor, err := v.who(v.ctx); err == nil {
		v.server.Access.Changed(v.ctx, actor, p.app, p.volume)
	}
}

// most of our sentences in one session: a terminal that shows none of them must not fill up.
const mostTold = 50

// answer turns an error into what clients understand, and tells the person what they do not show.
func (v *visit) answer(err error) error {
	if err == nil {
		return nil
	}
	e := platform.AsError(err)
	switch e.Kind {
	case platform.NotFound:
		return sftp.ErrSSHFxNoSuchFile
	case platform.Internal:
		slog.ErrorContext(v.ctx, "SFTP could not be served", "error", err)
		return sftp.ErrSSHFxFailure
	}
	v.mu.Lock()
	v.told++
	quiet := v.told > mostTold
	v.mu.Unlock()
	if !quiet {
		v.tell(e)
	}
	if e.Kind == platform.Forbidden || e.Kind == platform.Unauthenticated {
		return sftp.ErrSSHFxPermissionDenied
	}
	return fmt.Errorf("%s", e.Message)
}

func (v *visit) tell(e *platform.Error) {
	_, _ = fmt.Fprintf(v.terminal, "%s %s\r\n", harmless(e.Message), harmless(e.Hint)) // the client may have gone
}

// harmless leaves out what could steer a terminal.
func harmless(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || unicode.In(r, unicode.Bidi_Control) {
			return -1
		}
		return r
	}, text)
}

// take counts something that is opened.
func (v *visit) take() error {
	if v.open.Add(1) > mostOpen {
		v.open.Add(-1)
		return platform.Errorf(platform.TooMany, "sftp_open", "%d files and directories are open in this session, which is the most.", mostOpen).
			WithHint("Close some, or let your client do less at once.")
	}
	return nil
}
