package host

import (
	"bufio"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// Holder is a program that listens on a port.
type Holder struct {
	PID  int    // 0 when nobody can tell, for example another network namespace
	Name string // as in /proc/PID/comm
}

// Holders finds who listens on a TCP port.
func Holders(port int) ([]Holder, error) {
	inodes := map[string]bool{}
	for _, table := range []string{"/proc/net/tcp", "/proc/net/tcp6"} {
		if err := listening(table, port, inodes); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("reading who listens: %w", err)
		}
	}
	if len(inodes) == 0 {
		return nil, nil
	}
	var found []Holder
	fds, err := filepath.Glob("/proc/[0-9]*/fd/*")
	if err != nil {
		return nil, fmt.Errorf("reading who listens: %w", err)
	}
	seen := map[int]bool{}
	for _, fd := range fds {
		link, err := os.Readlink(fd)
		inode, isSocket := strings.CutPrefix(link, "socket:[")
		if err != nil || !isSocket || !inodes[strings.TrimSuffix(inode, "]")] {
			continue // gone in the meantime, or another file
		}
		pid, _ := strconv.Atoi(strings.Split(fd, "/")[2]) // the pattern allows digits only
		if !seen[pid] {
			seen[pid] = true
			found = append(found, Holder{PID: pid, Name: nameOf(pid)})
		}
	}
	if found == nil {
		found = []Holder{{}}
	}
	return found, nil
}

// listening collects the inodes of sockets in state 0A (LISTEN) on the port.
func listening(table string, port int, inodes map[string]bool) error {
	f, err := os.Open(table)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }() // nothing was written
	suffix := fmt.Sprintf(":%04X", port)
	in := bufio.NewScanner(f)
	for in.Scan() {
		fields := strings.Fields(in.Text())
		if len(fields) > 9 && fields[3] == "0A" && strings.HasSuffix(fields[1], suffix) {
			inodes[fields[9]] = true
		}
	}
	return in.Err()
}

func nameOf(pid int) string {
	name, err := os.ReadFile(fmt.Sprintf("/proc/%d/comm", pid))
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(name))
}
