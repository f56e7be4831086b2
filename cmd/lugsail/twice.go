package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/lugsail/lugsail/platform"
)

// claimInstance keeps a copy of this installation from running beside it: with the same id both would take
// the same containers, images and network rules for their own, and the one that knows less would take away
// what the other one has begun. The lock in the data directory tells nothing of a copied directory. The name
// is the kernel's, and is free as soon as the process has ended, however it did.
func claimInstance(ctx context.Context, instance string) (release func() error, err error) {
	free := func() error { return nil }
	if instance == "" {
		return free, nil
	}
	name := "@lugsail-serve-" + instance
	for range 3 {
		listener, err := new(net.ListenConfig).Listen(ctx, "unix", name)
		if err == nil {
			return whileClaimed(listener), nil
		}
		if !errors.Is(err, unix.EADDRINUSE) {
			return nil, fmt.Errorf("claiming the id of this installation: %w", err)
		}
		holder, err := holderOf(ctx, name)
		switch {
		case errors.Is(err, unix.ECONNREFUSED): // it has just gone
			continue
		case err != nil || int(holder.Uid) != os.Getuid(): // nobody else may keep this server from starting
			slog.WarnContext(ctx, "the id of this installation is claimed by another user", "error", err)
			return free, nil
		}
		return nil, platform.Errorf(platform.Conflict, "already_running", "Lugsail is already running (pid %d).", holder.Pid).
			WithHint("Its settings have the id of this server too, so one of the two is a copy, and both would look after the same apps. Stop the other one first, with its --config: lugsail service stop")
	}
	return free, nil
}

// whileClaimed lets everybody go who asks; a queue of them that nobody takes would be full at last.
func whileClaimed(listener net.Listener) (release func() error) {
	var done sync.WaitGroup
	done.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			_ = conn.Close() // nothing was said
		}
	})
	return func() error {
		defer done.Wait()
		return listener.Close()
	}
}

// holderOf asks the kernel who listens.
func holderOf(ctx context.Context, name string) (*unix.Ucred, error) {
	conn, err := (&net.Dialer{Timeout: time.Second}).DialContext(ctx, "unix", name)
	if err != nil {
		return nil, fmt.Errorf("reaching %s: %w", name, err)
	}
	defer func() { _ = conn.Close() }() // nothing was said
	raw, err := conn.(*net.UnixConn).SyscallConn()
	if err != nil {
		return nil, fmt.Errorf("reaching %s: %w", name, err)
	}
	var holder *unix.Ucred
	var credErr error
	err = raw.Control(func(fd uintptr) {
		holder, credErr = unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED)
	})
	if err = errors.Join(err, credErr); err != nil {
		return nil, fmt.Errorf("asking who has %s: %w", name, err)
	}
	return holder, nil
}
