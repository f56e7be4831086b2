package proxy

import (
	"fmt"
	"log/slog"
	"net"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// rootOnly accepts connections of root and of the proxy's own user; the mode of the
// socket keeps others away already, the kernel's word is the proof.
type rootOnly struct{ net.Listener }

// Accept closes what comes from anybody else and goes on.
func (l *rootOnly) Accept() (net.Conn, error) {
	for {
		conn, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		uid, err := peerUID(conn)
		if err == nil && (uid == 0 || int(uid) == os.Getuid()) {
			return conn, nil
		}
		slog.Warn("control connection refused", "uid", uid, "error", err)
		_ = conn.Close() // a refusal
	}
}

func peerUID(conn net.Conn) (uint32, error) {
	sc, ok := conn.(syscall.Conn)
	if !ok {
		return 0, fmt.Errorf("a %T has no peer", conn)
	}
	raw, err := sc.SyscallConn()
	if err != nil {
		return 0, fmt.Errorf("reaching the socket: %w", err)
	}
	var cred *unix.Ucred
	var credErr error
	if err := raw.Control(func(fd uintptr) {
		cred, credErr = unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED)
	}); err != nil {
		return 0, fmt.Errorf("reaching the socket: %w", err)
	}
	if credErr != nil {
		return 0, fmt.Errorf("asking who connects: %w", credErr)
	}
	return cred.Uid, nil
}
