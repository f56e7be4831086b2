package service

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"github.com/lugsail/lugsail/platform"
)

// socket is a listening socket that outlives the processes that accept on it.
type socket struct {
	Name string `json:"name"` // as in LISTEN_FDNAMES
	Addr string `json:"addr"`
	FD   int    `json:"fd"` // after an exec
	file *os.File
}

// wanted are the sockets of the configuration, not yet open.
func wanted(c Config) []socket {
	return []socket{{Name: "http", Addr: c.HTTPAddr}, {Name: "https", Addr: c.HTTPSAddr}, {Name: "control", Addr: c.Control}}
}

// openSockets opens what is wanted, taking from kept what is the same and closing the rest of it.
func openSockets(c Config, kept []socket) ([]socket, error) {
	var open []socket
	for _, w := range wanted(c) {
		// A proxy that drains still takes commands; its successor gets a control socket of its own.
		i := slices.IndexFunc(kept, func(k socket) bool { return k.Name == w.Name && k.Addr == w.Addr && k.Name != "control" })
		if i >= 0 {
			w.file = os.NewFile(uintptr(kept[i].FD), w.Name)
			syscall.CloseOnExec(kept[i].FD)
			kept = slices.Delete(slices.Clone(kept), i, i+1)
		} else if err := w.listen(); err != nil {
			return nil, err
		}
		open = append(open, w)
	}
	for _, k := range kept {
		_ = syscall.Close(k.FD) // its address is no longer in the configuration
	}
	return open, nil
}

func (s *socket) listen() error {
	network := "tcp"
	if strings.HasPrefix(s.Addr, "/") {
		network = "unix"
		if err := os.Remove(s.Addr); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("removing the old socket: %w", err)
		}
	}
	l, err := new(net.ListenConfig).Listen(context.Background(), network, s.Addr)
	if err != nil {
		return listenError(s.Addr, err)
	}
	if u, ok := l.(*net.UnixListener); ok {
		u.SetUnlinkOnClose(false)
		err = os.Chmod(s.Addr, 0o600)
	}
	if err == nil {
		s.file, err = duplicate(l.(syscall.Conn), s.Name)
	}
	if err = errors.Join(err, l.Close()); err != nil {
		return fmt.Errorf("opening %s: %w", s.Addr, err)
	}
	return nil
}

// openable tells whether addresses that are not listened on yet could be.
func openable(c Config, open []string) error {
	for _, addr := range []string{c.HTTPAddr, c.HTTPSAddr} {
		if slices.Contains(open, addr) {
			continue
		}
		l, err := new(net.ListenConfig).Listen(context.Background(), "tcp", addr)
		if err != nil {
			return listenError(addr, err)
		}
		if err := l.Close(); err != nil {
			return fmt.Errorf("trying %s: %w", addr, err)
		}
	}
	return nil
}

// duplicate keeps a listener's socket. It is made from the bare descriptor: the File that
// package net gives would make the socket block when it is handed over, and with it
// the accept of a proxy that has it already.
func duplicate(l syscall.Conn, name string) (*os.File, error) {
	raw, err := l.SyscallConn()
	if err != nil {
		return nil, err
	}
	var fd uintptr
	var errno syscall.Errno
	err = raw.Control(func(own uintptr) {
		fd, _, errno = syscall.Syscall(syscall.SYS_FCNTL, own, syscall.F_DUPFD_CLOEXEC, 3)
	})
	if err == nil && errno != 0 {
		err = errno
	}
	if err != nil {
		return nil, err
	}
	return os.NewFile(fd, name), nil
}

func listenError(addr string, err error) error {
	if !errors.Is(err, syscall.EADDRINUSE) {
		return fmt.Errorf("listening on %s: %w", addr, err)
	}
	_, port, _ := net.SplitHostPort(addr)
	return platform.Errorf(platform.Conflict, "port_in_use", "Port %s is in use by another program.", port).
		WithHint("`ss -ltnp sport = :%s` names it. Stop that program, or give Lugsail another port (--http-port, --https-port).", port).Because(err)
}

// environment tells a process which of its files are which sockets. LISTEN_PID is left
// out: the process's id is not known before it runs.
func environment(sockets []socket) ([]string, []*os.File) {
	names := make([]string, 0, len(sockets))
	files := make([]*os.File, 0, len(sockets))
	for _, s := range sockets {
		names = append(names, s.Name)
		files = append(files, s.file)
	}
	return []string{
		"LISTEN_FDS=" + strconv.Itoa(len(sockets)),
		"LISTEN_FDNAMES=" + strings.Join(names, ":"),
	}, files
}

// keepOpen lets a descriptor survive exec.
func keepOpen(fd int) error {
	if _, _, errno := syscall.Syscall(syscall.SYS_FCNTL, uintptr(fd), syscall.F_SETFD, 0); errno != 0 {
		return fmt.Errorf("keeping a file open: %w", errno)
	}
	return nil
}
