package docker

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"runtime"

	"golang.org/x/sys/unix"

	"github.com/lugsail/lugsail/platform"
)

// The kernel's tables in /proc walk every connection of the machine, milliseconds
// on one with much memory. Its diagnosis socket, sock_diag(7), lists what listens
// in one network alone, in microseconds; it must be opened inside that network.

const (
	sockDiagByFamily = 20
	diagListen       = 1 << 10 // TCP_LISTEN, as a bit
	diagRequestSize  = 16 + 56
	diagAnswerSize   = 4 + 48 // as much of an answer as we read
)

// diagnose lists the listening TCP sockets in the network of a process.
func diagnose(pid int) ([]platform.Listener, error) {
	fd, err := diagSocket(pid)
	if err != nil {
		return nil, err
	}
	defer func() { _ = unix.Close(fd) }()
	if err := unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &unix.Timeval{Sec: 2}); err != nil {
		return nil, err
	}
	var found []platform.Listener
	for _, family := range []byte{unix.AF_INET, unix.AF_INET6} {
		list, err := askDiag(fd, family)
		if err != nil {
			return nil, fmt.Errorf("asking for sockets: %w", err)
		}
		found = append(found, list...)
	}
	return found, nil
}

// diagSocket opens the diagnosis socket inside the network of a process. It does
// so in a thread of its own; one that cannot come back is given up.
func diagSocket(pid int) (int, error) {
	type result struct {
		fd  int
		err error
	}
	done := make(chan result, 1)
	go func() {
		runtime.LockOSThread()
		fd, back, err := diagSocketHere(pid)
		if back {
			runtime.UnlockOSThread()
		}
		done <- result{fd, err}
	}()
	r := <-done
	return r.fd, r.err
}

func diagSocketHere(pid int) (fd int, back bool, err error) {
	home, err := os.Open("/proc/thread-self/ns/net")
	if err != nil {
		return 0, true, err
	}
	defer func() { _ = home.Close() }()
	there, err := os.Open(fmt.Sprintf("/proc/%d/ns/net", pid))
	if err != nil {
		return 0, true, err
	}
	defer func() { _ = there.Close() }()
	if err := unix.Setns(int(there.Fd()), unix.CLONE_NEWNET); err != nil {
		return 0, true, fmt.Errorf("entering a replica's network: %w", err)
	}
	fd, err = unix.Socket(unix.AF_NETLINK, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, unix.NETLINK_SOCK_DIAG)
	if stuck := unix.Setns(int(home.Fd()), unix.CLONE_NEWNET); stuck != nil {
		if err == nil {
			_ = unix.Close(fd)
		}
		return 0, false, fmt.Errorf("leaving a replica's network: %w", stuck)
	}
	return fd, true, err
}

// askDiag asks for one address family; struct inet_diag_req_v2 and inet_diag_msg
// are in linux/inet_diag.h.
func askDiag(fd int, family byte) ([]platform.Listener, error) {
	request := make([]byte, diagRequestSize)
	binary.NativeEndian.PutUint32(request, diagRequestSize)
	binary.NativeEndian.PutUint16(request[4:], sockDiagByFamily)
	binary.NativeEndian.PutUint16(request[6:], unix.NLM_F_REQUEST|unix.NLM_F_DUMP)
	request[16], request[17] = family, unix.IPPROTO_TCP
	binary.NativeEndian.PutUint32(request[20:], diagListen)
	if err := unix.Sendto(fd, request, 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
		return nil, err
	}
	var found []platform.Listener
	buffer := make([]byte, 32<<10)
	for {
		n, _, err := unix.Recvfrom(fd, buffer, 0)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil {
			return nil, err
		}
		list, done, err := parseDiag(buffer[:n])
		found = append(found, list...)
		if done || err != nil {
			return found, err
		}
	}
}

var errDiag = errors.New("the kernel's answer makes no sense")

// parseDiag reads one datagram of answers; done says that it was the last.
func parseDiag(b []byte) (found []platform.Listener, done bool, err error) {
	for len(b) >= unix.NLMSG_HDRLEN {
		size := int(binary.NativeEndian.Uint32(b))
		if size < unix.NLMSG_HDRLEN || size > len(b) {
			return found, false, errDiag
		}
		body := b[unix.NLMSG_HDRLEN:size]
		switch binary.NativeEndian.Uint16(b[4:]) {
		case unix.NLMSG_DONE:
			return found, true, nil
		case unix.NLMSG_ERROR:
			if len(body) < 4 {
				return found, false, errDiag
			}
			return found, false, unix.Errno(-int32(binary.NativeEndian.Uint32(body)))
		case sockDiagByFamily:
			if len(body) < diagAnswerSize {
				return found, false, errDiag
			}
			if l, ok := listenerOf(addrOf(body[0], body[8:24]), binary.BigEndian.Uint16(body[4:])); ok {
				found = append(found, l)
			}
		}
		b = b[min(len(b), (size+3)&^3):]
	}
	return found, false, nil
}

func addrOf(family byte, raw []byte) netip.Addr {
	if family == unix.AF_INET {
		raw = raw[:4]
	}
	addr, _ := netip.AddrFromSlice(raw) // 4 or 16 bytes: always one
	return addr.Unmap()
}
