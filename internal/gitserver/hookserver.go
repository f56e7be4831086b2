package gitserver

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"path/filepath"
	"strings"
	"time"
)

// maxUpdates bounds the refs of one push, and with them the request of a hook.
const maxUpdates = 10_000

// serveHook answers one hook and closes its connection. ctx ends when the server stops.
func (s *Server) serveHook(ctx context.Context, conn *net.UnixConn) {
	defer conn.Close() //nolint:errcheck // the hook has its answer or has gone
	p, request, err := s.hear(conn)
	if err != nil {
		s.cfg.Log.Warn("a git hook was refused", "error", err)
		return
	}
	out := &speaker{conn: conn}
	switch request.Hook {
	case preReceive:
		a := arrival{Server: s, push: p, updates: request.Updates, quarantine: request.Quarantine, env: quarantineEnv(p.repo, request.Quarantine), say: out.line}
		out.send(hookReply{Done: true, OK: a.handle(ctx)})
	case procReceive:
		// moving a branch takes milliseconds and is not given up when the server stops
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Minute)
		defer cancel()
		out.send(hookReply{Done: true, OK: true, Report: s.moveRefs(ctx, p, request.Updates)})
	}
}

// hear reads the request and believes nothing that does not belong to a push under way.
func (s *Server) hear(conn *net.UnixConn) (*push, hookRequest, error) {
	var request hookRequest
	if err := ownUser(conn); err != nil {
		return nil, request, err
	}
	if err := conn.SetReadDeadline(time.Now().Add(30 * time.Second)); err != nil {
		return nil, request, err
	}
	if err := json.NewDecoder(io.LimitReader(conn, 64<<20)).Decode(&request); err != nil {
		return nil, request, fmt.Errorf("reading a hook's request: %w", err)
	}
	p := s.pushByID(request.Push)
	if p == nil {
		return nil, request, fmt.Errorf("a hook belongs to no push")
	}
	for _, u := range request.Updates {
		if err := u.check(); err != nil {
			return nil, request, err
		}
	}
	objects := filepath.Join(p.repo, "objects") + string(filepath.Separator)
	if request.Quarantine != "" && !strings.HasPrefix(filepath.Clean(request.Quarantine), objects) {
		return nil, request, fmt.Errorf("a hook's quarantine lies outside its repository")
	}
	return p, request, nil
}

// quarantineEnv lets git see the objects of a push that is not accepted yet.
func quarantineEnv(repo, dir string) []string {
	if dir == "" {
		return nil
	}
	return []string{
		quarantineVariable + "=" + dir,
		"GIT_OBJECT_DIRECTORY=" + dir,
		"GIT_ALTERNATE_OBJECT_DIRECTORIES=" + filepath.Join(repo, "objects"),
	}
}

// speaker writes to a hook. One that has gone is no reason to stop: the deployment goes on.
type speaker struct {
	conn *net.UnixConn
	gone bool
}

func (s *speaker) line(text string) { s.send(hookReply{Line: clean(text)}) }

func (s *speaker) send(reply hookReply) {
	if s.gone {
		return
	}
	err := s.conn.SetWriteDeadline(time.Now().Add(patience))
	if err == nil {
		err = json.NewEncoder(s.conn).Encode(reply)
	}
	s.gone = err != nil
}
