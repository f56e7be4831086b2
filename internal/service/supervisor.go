package service

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"strings"
	"sync"
	"syscall"
	"time"
)

// heritage is the environment variable in which a supervisor leaves itself what its successor needs.
const heritage = "LUGSAIL_SERVICE_HERITAGE"

// legacy is what survives an exec.
type legacy struct {
	Lock    int      `json:"lock"`
	Sockets []socket `json:"sockets"`
	State   State    `json:"state"`
}

// Supervisor keeps the parts running until it is told to stop.
type Supervisor struct {
	config  Config
	load    func() (Config, error)
	hangup  chan os.Signal // replace the program
	told    chan os.Signal // stop
	lock    *os.File
	sockets []socket
	// draining waits for a replaced proxy: its end is collected before the next exec.
	draining sync.WaitGroup

	mu    sync.Mutex
	state State
	parts map[string]*child
}

// Run supervises until SIGTERM or SIGINT, then ends the parts. SIGHUP replaces the program and its parts.
// load gives the configuration, freshly read after a replacement.
func Run(ctx context.Context, load func() (Config, error)) error {
	s := &Supervisor{load: load, parts: map[string]*child{}, hangup: make(chan os.Signal, 1), told: make(chan os.Signal, 1)}
	before, err := inherit()
	if err != nil {
		return err
	}
	if s.config, err = load(); err != nil {
		return err
	}
	s.config = s.config.withDefaults()
	s.listen()
	defer signal.Stop(s.hangup)
	defer signal.Stop(s.told)
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() {
		select {
		case <-s.told:
			cancel()
		case <-ctx.Done():
		}
	}()
	protect()
	if err := s.prepare(before); err != nil {
		return err
	}
	if before != nil {
		s.replaceParts(ctx, before.State)
	}
	return s.supervise(ctx)
}

// listen takes the signals by which people command the supervisor.
func (s *Supervisor) listen() {
	signal.Notify(s.hangup, syscall.SIGHUP)
	signal.Notify(s.told, syscall.SIGTERM, syscall.SIGINT)
}

func inherit() (*legacy, error) {
	text := os.Getenv(heritage)
	if text == "" {
		return nil, nil
	}
	if err := os.Unsetenv(heritage); err != nil {
		return nil, err
	}
	var l legacy
	if err := json.Unmarshal([]byte(text), &l); err != nil {
		return nil, fmt.Errorf("reading what the supervisor before left: %w", err)
	}
	return &l, nil
}

// prepare takes the lock and opens the sockets, keeping those that are open already.
func (s *Supervisor) prepare(before *legacy) error {
	if err := makeDirs(s.config); err != nil {
		return err
	}
	var err error
	var kept []socket
	if before != nil {
		s.lock = os.NewFile(uintptr(before.Lock), s.config.lockFile())
		syscall.CloseOnExec(before.Lock)
		kept = before.Sockets
		s.state = State{Generation: before.State.Generation}
	} else {
		if s.lock, err = takeLock(s.config); err != nil {
			return err
		}
		if err := endLeftovers(s.config); err != nil {
			return err
		}
	}
	if s.sockets, err = openSockets(s.config, kept); err != nil {
		return err
	}
	s.state.Supervisor = processOf(os.Getpid())
	s.state.Generation++
	s.state.Parts = map[string]Part{}
	s.state.Addrs = []string{s.config.HTTPAddr, s.config.HTTPSAddr}
	return s.state.write(s.config)
}

// replaceParts goes through the parts of the program before this one. The control plane
// first: the proxy holds its requests meanwhile. Then the proxy: the old one stops
// accepting and drains, and what arrives waits in the sockets until the new one accepts.
func (s *Supervisor) replaceParts(ctx context.Context, before State) {
	if old, err := adopt(Serve, before.Parts[Serve]); err == nil {
		old.end(s.config.ServeGrace)
	}
	s.launch(Serve)
	old, err := adopt(Proxy, before.Parts[Proxy])
	if err == nil {
		_ = old.process.Signal(syscall.SIGTERM) // it may have ended already
	}
	s.launch(Proxy)
	if err == nil {
		s.draining.Go(func() { old.end(s.config.ProxyGrace) })
	}
	if engine, err := adopt(Engine, before.Parts[Engine]); err == nil {
		s.note(engine, 0)
	}
}

// supervise keeps everything running until ctx ends.
func (s *Supervisor) supervise(ctx context.Context) error {
	work, cancel := context.WithCancel(ctx)
	defer cancel()
	var wg sync.WaitGroup
	for _, part := range []string{Proxy, Serve} {
		if s.current(part) == nil {
			s.launch(part)
		}
		wg.Go(func() { s.keep(work, part) })
	}
	if s.config.DockerHost != "" {
		wg.Go(func() { s.keepEngine(work) })
	}
	wg.Go(func() { s.capLogs(work) })
	s.settled()
	select {
	case <-ctx.Done():
		wg.Wait()
		return s.endAll()
	case <-s.hangup:
		cancel()
		wg.Wait()
		s.draining.Wait()
		if ctx.Err() != nil {
			return s.endAll() // told to stop meanwhile, which the new program would not hear of
		}
		err := s.succeed()
		slog.Error("the new program does not start; the old one goes on", "error", err)
		return s.supervise(ctx)
	}
}

// succeed replaces this program by the one that lies at its path now. It returns only when that is refused.
func (s *Supervisor) succeed() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	l := legacy{Lock: int(s.lock.Fd()), Sockets: s.sockets, State: s.state}
	fds := []int{l.Lock}
	for i := range l.Sockets {
		l.Sockets[i].FD = int(l.Sockets[i].file.Fd())
		fds = append(fds, l.Sockets[i].FD)
	}
	text, err := json.Marshal(l)
	if err != nil {
		return fmt.Errorf("leaving word to the successor: %w", err)
	}
	for _, fd := range fds {
		if err := keepOpen(fd); err != nil {
			return err
		}
	}
	// Until the new program listens to signals they must not end it; Stop sends its own again.
	restore, err := ignoreSignals(syscall.SIGHUP, syscall.SIGTERM, syscall.SIGINT)
	if err != nil {
		return err
	}
	defer restore()
	err = syscall.Exec(s.config.Binary, append([]string{s.config.Binary}, os.Args[1:]...), append(os.Environ(), heritage+"="+string(text)))
	for _, fd := range fds {
		syscall.CloseOnExec(fd)
	}
	return err
}

// protect gives the supervisor, and what it starts, what the units give: many open files,
// and that others are ended first when memory runs out. Where that is forbidden it runs as it is.
func protect() {
	var files syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &files); err == nil {
		files.Max = max(files.Max, openFiles)
		files.Cur = files.Max
		if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &files); err != nil {
			slog.Info("limit of open files stays", "error", err)
		}
	}
	if err := os.WriteFile("/proc/self/oom_score_adj", []byte("-500"), 0o600); err != nil {
		slog.Info("not protected when memory runs out", "error", err)
	}
}

const openFiles = 262144

// keep starts a part again whenever it ends.
func (s *Supervisor) keep(ctx context.Context, part string) {
	var delay time.Duration
	for ctx.Err() == nil {
		c := s.current(part)
		if c == nil {
			c = s.launch(part)
		}
		ran := time.Duration(0)
		if c != nil {
			select {
			case <-ctx.Done():
				return
			case <-c.ended:
				ran = time.Since(c.since)
			}
		}
		delay = nextDelay(delay, ran)
		s.forget(part)
		select {
		case <-ctx.Done():
		case <-time.After(delay):
		}
	}
}

func (s *Supervisor) current(part string) *child {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.parts[part]
}

// launch starts a part and writes down that it runs; nil when it does not start.
func (s *Supervisor) launch(part string) *child {
	c, err := s.start(part)
	if err != nil {
		slog.Error("part does not start", "part", part, "error", err)
		return nil
	}
	slog.Info("part started", "part", part, "pid", c.process.Pid)
	s.note(c, 0)
	return c
}

func (s *Supervisor) note(c *child, restarts int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.parts[c.name] = c
	p := s.state.Parts[c.name]
	s.state.Parts[c.name] = Part{Process: c.id, Since: c.since.UTC(), Restarts: p.Restarts + restarts}
	s.save()
}

// forget drops a part that ended, and counts that.
func (s *Supervisor) forget(part string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.parts, part)
	p := s.state.Parts[part]
	s.state.Parts[part] = Part{Since: time.Now().UTC(), Restarts: p.Restarts + 1}
	s.save()
}

func (s *Supervisor) settled() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.state.Settled = true
	s.save()
}

// save is called with the lock held. A full disk must not end what is supervised.
func (s *Supervisor) save() {
	if err := s.state.write(s.config); err != nil {
		slog.Error("the service's state cannot be written", "error", err)
	}
}

// endAll stops proxy and control plane; the engine and its containers live on.
func (s *Supervisor) endAll() error {
	var wg sync.WaitGroup
	for part, grace := range map[string]time.Duration{Serve: s.config.ServeGrace, Proxy: s.config.ProxyGrace} {
		if c := s.current(part); c != nil {
			wg.Go(func() { c.end(grace) })
		}
	}
	wg.Wait()
	s.draining.Wait()
	for _, sock := range s.sockets {
		_ = sock.file.Close() // nothing was written
	}
	return errors.Join(removeIfThere(s.config.stateFile()), removeIfThere(s.config.Control), s.lock.Close())
}

// settings keeps the variables that configure Lugsail.
func settings(environ []string) []string {
	var kept []string
	for _, kv := range environ {
		if strings.HasPrefix(kv, "LUGSAIL_") && !strings.HasPrefix(kv, heritage) {
			kept = append(kept, kv)
		}
	}
	return kept
}
