// Package pgtest gives tests a PostgreSQL of their own: Debian's program, a cluster in a temporary
// directory, under a user without rights, on a unix socket and a free port of 127.0.0.1. A cluster
// that is there already is not touched.
//
// What surprises: the server dies with the thread that started it, however that ends, so Start
// binds its goroutine to its thread for good; and what a killed run has left is removed by the
// next one.
package pgtest

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/user"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/lugsail/lugsail/internal/command"
)

const prefix = "lugsail-pg-"

// Server is one running PostgreSQL.
type Server struct {
	Dir  string
	Port int

	bin   string
	attr  *syscall.SysProcAttr
	main  *os.Process
	ended chan error
	next  atomic.Int64
}

// Start makes a cluster and starts its server.
func Start(ctx context.Context) (*Server, error) {
	bin, err := find()
	if err != nil {
		return nil, err
	}
	runtime.LockOSThread()
	sweep()
	dir, err := os.MkdirTemp("", prefix+strconv.Itoa(os.Getpid())+"-")
	if err != nil {
		return nil, err
	}
	s := &Server{Dir: dir, bin: bin, attr: &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setsid: true}}
	if err := s.dropRights(); err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	if err := s.init(ctx); err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	if s.Port, err = freePort(); err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	if err := s.Up(ctx); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// find looks where Debian keeps each version's programs; the newest counts.
func find() (string, error) {
	found, err := filepath.Glob("/usr/lib/postgresql/*/bin/postgres")
	if err != nil || len(found) == 0 {
		return "", fmt.Errorf("there is no PostgreSQL for the tests: apt-get install postgresql, or run them through internal/testenv/run (%w)", errors.Join(err, os.ErrNotExist))
	}
	slices.Sort(found)
	return filepath.Dir(found[len(found)-1]), nil
}

// sweep removes what runs have left that were killed.
func sweep() {
	left, err := filepath.Glob(filepath.Join(os.TempDir(), prefix+"*"))
	if err != nil {
		return // only a bad pattern, which this is not
	}
	for _, dir := range left {
		pid, _, _ := strings.Cut(strings.TrimPrefix(filepath.Base(dir), prefix), "-")
		if _, err := os.Stat("/proc/" + pid); errors.Is(err, os.ErrNotExist) {
			_ = os.RemoveAll(dir) // the next run tries again
		}
	}
}

// dropRights lets the server run as another user than root, which it refuses.
func (s *Server) dropRights() error {
	if os.Geteuid() != 0 {
		return nil
	}
	u, err := user.Lookup("nobody")
	if err != nil {
		return err
	}
	uid, err := strconv.ParseUint(u.Uid, 10, 32)
	if err != nil {
		return err
	}
	gid, err := strconv.ParseUint(u.Gid, 10, 32)
	if err != nil {
		return err
	}
	s.attr.Credential = &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
	return os.Chown(s.Dir, int(uid), int(gid))
}

func (s *Server) program(name string, args ...string) command.Command {
	return command.Command{Name: filepath.Join(s.bin, name), Args: args, Dir: s.Dir, Env: []string{"LC_ALL=C.UTF-8", "HOME=" + s.Dir}, Attr: s.attr}
}

func (s *Server) init(ctx context.Context) error {
	return s.program("initdb", "--pgdata="+s.Dir+"/data", "--username=owner", "--auth=trust", "--encoding=UTF8", "--no-sync", "--no-instructions").Run(ctx)
}

func freePort() (int, error) {
	l, err := new(net.ListenConfig).Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	return l.Addr().(*net.TCPAddr).Port, l.Close()
}

// Up starts the server again after Down.
func (s *Server) Up(ctx context.Context) error {
	log, err := os.OpenFile(filepath.Join(s.Dir, "log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer func() { _ = log.Close() }() // the server has its own
	c := s.program("postgres", "-D", s.Dir+"/data", "-k", s.Dir, "-p", strconv.Itoa(s.Port), "-c", "listen_addresses=127.0.0.1",
		"-c", "fsync=off", "-c", "shared_buffers=16MB", "-c", "max_connections=60", "-c", "autovacuum=off", "-c", "max_wal_size=128MB")
	c.Stdout, c.Stderr = log, log
	cmd, err := c.Start(context.WithoutCancel(ctx))
	if err != nil {
		return err
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	s.main, s.ended = cmd.Process, ended
	deadline := time.Now().Add(30 * time.Second)
	for s.program("psql", "-h", s.Dir, "-p", strconv.Itoa(s.Port), "-U", "owner", "-d", "postgres", "-c", "SELECT 1").Run(ctx) != nil {
		if time.Now().After(deadline) || ctx.Err() != nil {
			text, _ := os.ReadFile(log.Name()) // only for the message
			return fmt.Errorf("PostgreSQL does not start: %s", text)
		}
		time.Sleep(50 * time.Millisecond)
	}
	return nil
}

// Down stops the server by a signal: SIGINT ends connections, SIGQUIT ends it as a crash would.
func (s *Server) Down(signal syscall.Signal) error {
	if err := s.main.Signal(signal); err != nil {
		return err
	}
	<-s.ended
	return nil
}

// Close ends the server and removes everything.
func (s *Server) Close() error {
	if s.main != nil {
		_ = s.main.Signal(syscall.SIGQUIT) // it may be down
		select {
		case <-s.ended:
		case <-time.After(10 * time.Second):
			_ = s.main.Kill() // it may have ended just now
		}
	}
	return os.RemoveAll(s.Dir)
}

// SQL runs statements in a database and gives what they answer, without decoration.
func (s *Server) SQL(ctx context.Context, database, statements string) (string, error) {
	out, err := s.program("psql", "-XAtq", "-v", "ON_ERROR_STOP=1", "-h", s.Dir, "-p", strconv.Itoa(s.Port), "-U", "owner", "-d", database, "-c", statements).Output(ctx)
	return strings.TrimSpace(string(out)), err
}

// Database makes an empty database and gives its address.
func (s *Server) Database(ctx context.Context) (address string, err error) {
	name := fmt.Sprintf("t%d", s.next.Add(1))
	_, err = s.SQL(ctx, "postgres", "CREATE DATABASE "+name+" TEMPLATE template0")
	return s.Address(name), err
}

// Address is that of a database of this server, by TCP.
func (s *Server) Address(database string) string {
	return fmt.Sprintf("postgres://owner:s3cret-canary@127.0.0.1:%d/%s?sslmode=disable", s.Port, database)
}
