// Package sftp speaks SFTP with people about the files in the volumes of their apps. At the root of what they see
// stand the apps, below each its volumes, and below those the files.
//
// What surprises:
//
//   - Nothing here knows a path on the server: an app and a volume are looked up by name, and what comes after
//     those goes to internal/files, out of whose volumes neither ".." nor a link leads.
//   - Whether somebody may is asked anew for everything that is older than a moment, also between two
//     pieces of one file, so that whoever loses the right to an app is out of it within seconds.
//   - Files are written at their place, as clients expect that go on where they broke off. One that
//     must not be seen half is sent under another name and moved.
//   - What add-ons keep is not shown: it belongs to a database that runs.
//   - Links can be read and removed, and not made.
//   - Clients show a number's text for an error ("Failure") and not ours, which is therefore said beside it,
//     where the ssh below them writes it to the terminal.
package sftp

import (
	"cmp"
	"context"
	"errors"
	"io"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/pkg/sftp"

	"github.com/lugsail/lugsail/internal/files"
	"github.com/lugsail/lugsail/platform"
)

// Access says who may do what.
type Access interface {
	// Enter is nil when the actor may have files of volumes at all.
	Enter(ctx context.Context, actor platform.Actor) error
	// Apps and Volumes give the names of those whose files the actor may read and change.
	Apps(ctx context.Context, actor platform.Actor) ([]string, error)
	Volumes(ctx context.Context, actor platform.Actor, app string) ([]string, error)
	// Volume finds the id of a volume whose files the actor may read and change.
	Volume(ctx context.Context, actor platform.Actor, app, volume string) (id string, err error)
	// Changed hears that the actor has begun to change files of a volume.
	Changed(ctx context.Context, actor platform.Actor, app, volume string)
}

// How many sessions there may be: at all and of one person, and how much of one may be open.
const (
	mostSessions      = 64
	mostSessionsOfOne = 8
	mostOpen          = 64
)

// Server speaks with everybody.
type Server struct {
	Access  Access
	Files   files.Files
	Recheck time.Duration // how long an answer to whether somebody may counts; 0 means 2 seconds
	Idle    time.Duration // after which a client that asks for nothing has to go; 0 means 15 minutes

	places platform.Shares
}

// Serve speaks with one client until it goes, ctx ends, or who says that it may no longer be here.
func (s *Server) Serve(ctx context.Context, who func(context.Context) (platform.Actor, error), channel io.ReadWriteCloser, terminal io.Writer) error {
	v := &visit{server: s, who: who, terminal: terminal, recheck: cmp.Or(s.Recheck, 2*time.Second), grants: map[place]grant{}, changed: map[place]bool{}}
	actor, err := v.actor(ctx)
	if err != nil {
		return err
	}
	free, full := s.places.Take(platform.Share{Of: "account " + actor.AccountID, Most: mostSessionsOfOne}, platform.Share{Of: "all", Most: mostSessions})
	if full != nil {
		return platform.Errorf(platform.TooMany, "sftp_busy", "%d SFTP sessions are open, which is the most.", full.Most).WithHint("End one, and try again.")
	}
	defer free()
	ctx, cancel := context.WithCancelCause(ctx)
	v.ctx = ctx
	watched := make(chan struct{})
	go func() { defer close(watched); v.watch(cancel, cmp.Or(s.Idle, 15*time.Minute)) }()
	leave := context.AfterFunc(ctx, func() { // ends the reading below
		if cause := context.Cause(ctx); refusal(cause) {
			v.tell(platform.AsError(cause))
		}
		_ = channel.Close()
	})
	h := handlers{v}
	err = sftp.NewRequestServer(counted{channel, &v.came}, sftp.Handlers{FileGet: h, FilePut: h, FileCmd: h, FileList: h}).Serve()
	leave() // how it ended is still to be said on it
	cancel(nil)
	<-watched
	if cause := context.Cause(ctx); refusal(cause) {
		return cause
	}
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		slog.InfoContext(ctx, "an SFTP session broke off", "account", actor.Name, "error", err)
	}
	return nil
}

// watch ends a session whose person may no longer, or that is idle.
func (v *visit) watch(end context.CancelCauseFunc, patience time.Duration) {
	tick := time.NewTicker(min(v.recheck, patience/2))
	defer tick.Stop()
	last, since := int64(-1), time.Now()
	for {
		select {
		case <-v.ctx.Done():
			return
		case <-tick.C:
		}
		if _, err := v.actor(v.ctx); refusal(err) {
			end(err)
			return
		}
		if came := v.came.Load(); came != last {
			last, since = came, time.Now()
		}
		if time.Since(since) >= patience {
			end(platform.Errorf(platform.TooMany, "sftp_idle", "Nothing was asked for in %s, so the session ends.", patience).WithHint("Connect again."))
			return
		}
	}
}

// refusal reports whether an error is an answer, and not the trouble of finding one.
func refusal(err error) bool {
	return platform.IsKind(err, platform.Unauthenticated) || platform.IsKind(err, platform.Forbidden) || platform.IsKind(err, platform.TooMany)
}

// counted counts what comes.
type counted struct {
	io.ReadWriteCloser
	came *atomic.Int64
}

func (c counted) Read(p []byte) (int, error) {
	n, err := c.ReadWriteCloser.Read(p)
	c.came.Add(int64(n))
	return n, err
}
