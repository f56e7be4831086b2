package gitserver

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"time"
)

// How long pushes and clones get to end by themselves when the server stops.
const stopGrace = 10 * time.Second

// Run answers the hooks until ctx ends. Pushes that wait then are rejected with a sentence,
// and every git process has ended when Run returns.
func (s *Server) Run(ctx context.Context) error {
	listener, err := listen(s.cfg.HookSocket)
	if err != nil {
		return fmt.Errorf("listening for git hooks: %w", err)
	}
	var parts sync.WaitGroup
	parts.Go(func() { s.tidyDaily(ctx) })
	parts.Go(func() { s.ssh.run(ctx) })
	parts.Go(func() {
		<-ctx.Done()
		s.drain()
		_ = listener.Close() // ends the loop below
	})
	for {
		conn, err := listener.AcceptUnix()
		if errors.Is(err, net.ErrClosed) {
			break
		}
		if err != nil {
			s.cfg.Log.Warn("a git hook could not be accepted", "error", err)
			continue
		}
		parts.Go(func() { s.serveHook(ctx, conn) })
	}
	parts.Wait()
	s.ssh.visits.Wait()
	return nil
}

// drain lets nothing new begin and waits for what runs; the hooks are still answered.
func (s *Server) drain() {
	s.mu.Lock()
	s.stopping = true
	s.mu.Unlock()
	done := make(chan struct{})
	go func() { s.active.Wait(); close(done) }()
	timer := time.NewTimer(stopGrace)
	defer timer.Stop()
	select {
	case <-done:
	case <-timer.C:
	}
	s.kill()
	<-done
}

func listen(path string) (*net.UnixListener, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, err
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	listener, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		return nil, err
	}
	if err := os.Chmod(path, 0o600); err != nil {
		return nil, errors.Join(err, listener.Close())
	}
	return listener, nil
}

// ownUser refuses everybody but the user that the server itself runs as, whatever the
// socket's mode has become.
func ownUser(conn *net.UnixConn) error {
	raw, err := conn.SyscallConn()
	if err != nil {
		return err
	}
	var cred *syscall.Ucred
	var credErr error
	if err := raw.Control(func(fd uintptr) {
		cred, credErr = syscall.GetsockoptUcred(int(fd), syscall.SOL_SOCKET, syscall.SO_PEERCRED)
	}); err != nil {
		return err
	}
	if credErr != nil {
		return credErr
	}
	if int(cred.Uid) != os.Geteuid() {
		return fmt.Errorf("user %d may not speak for a hook", cred.Uid)
	}
	return nil
}
