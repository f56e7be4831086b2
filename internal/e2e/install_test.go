package e2e

import (
	"cmp"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// installer runs install.sh with this server's places, and gives what it printed.
func (s *server) installer(t *testing.T, args ...string) string {
	t.Helper()
	began := time.Now()
	got := s.tryInstaller(t, args...)
	if got.code != 0 {
		t.Fatalf("install.sh %s: exit code %d\n%s", strings.Join(args, " "), got.code, got.out)
	}
	t.Logf("install.sh %s took %.0f s", strings.Join(args, " "), time.Since(began).Seconds())
	return got.out
}

// tryInstaller is installer for what may be refused.
func (s *server) tryInstaller(t *testing.T, args ...string) result {
	t.Helper()
	return s.run(t, s.root, "unshare", append([]string{"--mount", "--propagation", "slave", "sh", "-c", shareBase, "sh", baseOnce(t)}, s.installation(args...)...)...)
}

// installation is the command line of install.sh for this server's places.
func (s *server) installation(args ...string) []string {
	return append(append([]string{
		filepath.Join(s.root, "install.sh"), "--config", s.config, "--bin", s.binary(),
		"--data-dir", filepath.Join(s.dir, "data"), "--run-dir", filepath.Join(s.dir, "run"), "--log-dir", filepath.Join(s.dir, "log"),
		"--key-file", filepath.Join(s.dir, "etc", "master.key"), "--docker-host", "unix://" + s.engine, "--no-docker-setup",
		"--http-port", strconv.Itoa(httpPort), "--https-port", strconv.Itoa(httpsPort), "--ssh-port", strconv.Itoa(sshPort), "--public-ip", "127.0.0.1",
		"--app-pool", "10.213.0.0/16", "--build-subnet", "10.212.0.0/24", "--registry-port", "18005",
	}, s.options...), args...)
}

// shareBase runs an installation that takes the base image which an earlier one of this run has made.
const shareBase = `mount --bind "$1" "$(command -v mmdebstrap)" && shift && exec sh "$@"`

// baseOnce gives the program that stands in mmdebstrap's place then; testdata/once says what it does.
func baseOnce(t *testing.T) string {
	t.Helper()
	dir := cmp.Or(os.Getenv("LUGSAIL_TEST_ONCE"), filepath.Join(os.TempDir(), "once"))
	program := filepath.Join(dir, "mmdebstrap")
	if _, err := os.Stat(program); err == nil {
		return program
	}
	check(t, os.MkdirAll(dir, 0o755))
	path, err := exec.LookPath("mmdebstrap")
	check(t, err)
	real, err := os.ReadFile(path)
	check(t, err)
	atOnce(t, filepath.Join(dir, "real"), real)
	text, err := os.ReadFile("testdata/once/mmdebstrap")
	check(t, err)
	atOnce(t, program, []byte(strings.ReplaceAll(string(text), "DIR", dir)))
	return program
}

// atOnce writes a program that is there whole or not at all: another lane of the tests may look for it.
func atOnce(t *testing.T, file string, content []byte) {
	t.Helper()
	part := fmt.Sprintf("%s.%d", file, os.Getpid())
	check(t, os.WriteFile(part, content, 0o755))
	check(t, os.Rename(part, file))
}

func (s *server) install(t *testing.T) string {
	t.Helper()
	return s.installer(t)
}

// portsFree waits until nobody has the ports any more that an installation before this one had, and tells who has.
func (s *server) portsFree(t *testing.T) {
	t.Helper()
	for _, port := range []int{httpPort, httpsPort, sshPort} {
		eventually(t, 20*time.Second, func() bool {
			l, err := net.Listen("tcp", fmt.Sprintf(":%d", port))
			return err == nil && l.Close() == nil
		}, func() string {
			who, _ := exec.Command("ss", "-ltnp", fmt.Sprintf("sport = :%d", port)).CombinedOutput()      // as much
			since, _ := exec.Command("ps", "-C", "lugsail", "-o", "pid,ppid,etime,args").CombinedOutput() // as they say
			return fmt.Sprintf("port %d stays taken:\n%s%s", port, who, since)
		})
	}
}

// remove takes away what a test that ended early has left.
func (s *server) remove(t *testing.T) {
	if _, err := os.Stat(s.binary()); err == nil {
		if t.Failed() {
			for _, part := range []string{"serve", "proxy"} {
				t.Logf("log of %s:\n%s", part, s.run(t, s.dir, s.binary(), "service", "logs", part).out)
			}
		}
		s.installer(t, "--purge", "--yes")
	}
	check(t, os.RemoveAll(s.dir))
}

// login signs the command line in, as an owner on the server does.
func (s *server) login(t *testing.T) {
	t.Helper()
	cmd := exec.Command(s.binary(), "login", s.console, "--email", s.email, "--password-stdin", "--ca-file", s.ca)
	cmd.Env, cmd.Stdin = s.env(), strings.NewReader(s.pass+"\n")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("login: %v\n%s", err, out)
	}
}

// api sends a request with the owner's token.
func (s *server) api(t *testing.T, method, path, body string) {
	t.Helper()
	request, err := http.NewRequest(method, s.console+"/api/v1"+path, strings.NewReader(body))
	check(t, err)
	request.Header.Set("Authorization", "Bearer "+s.token)
	request.Header.Set("Content-Type", "application/json")
	response, err := s.client.Do(request)
	check(t, err)
	_ = response.Body.Close()
	if response.StatusCode >= 400 {
		t.Fatalf("%s %s is answered %s", method, path, response.Status)
	}
}

// healthTimeout sets how long the next releases of an app may take to answer.
func (s *server) healthTimeout(t *testing.T, app string, seconds int) {
	t.Helper()
	s.api(t, http.MethodPatch, "/apps/"+app, fmt.Sprintf(`{"health":{"timeout_seconds":%d}}`, seconds))
	s.settled(t, app)
}

// ours lists what the engine has of this installation: arguments of the docker client, without the filter.
func (s *server) ours(t *testing.T, args ...string) string {
	t.Helper()
	settings, err := os.ReadFile(s.config)
	check(t, err)
	for line := range strings.Lines(string(settings)) {
		if id, ok := strings.CutPrefix(line, "instance: "); ok {
			args = append(args, "--filter", "label=lugsail.instance="+strings.TrimSpace(id))
		}
	}
	return strings.TrimSpace(s.must(t, s.dir, "docker", append([]string{"-H", "unix://" + s.engine}, args...)...))
}

// killEngine ends dockerd as a crash would, and gives what starts it again.
func (s *server) killEngine(t *testing.T) (start func()) {
	t.Helper()
	return s.endEngine(t, syscall.SIGKILL)
}

// endEngine ends dockerd with a signal, waits until it is gone, and gives what starts it again.
func (s *server) endEngine(t *testing.T, signal syscall.Signal) (start func()) {
	t.Helper()
	pidFile := filepath.Join(filepath.Dir(s.engine), "docker.pid")
	text, err := os.ReadFile(pidFile)
	check(t, err)
	pid, err := strconv.Atoi(strings.TrimSpace(string(text)))
	check(t, err)
	line, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
	check(t, err)
	args := strings.Split(strings.TrimRight(string(line), "\x00"), "\x00")
	check(t, syscall.Kill(pid, signal))
	eventually(t, 60*time.Second, func() bool { return ended(pid) }, func() string { return "dockerd does not end" })
	return func() { s.startEngine(t, args) }
}

// startEngine starts dockerd until it answers: on a busy machine its containerd may not be up within the 15 seconds
// that it gives it, and it ends. Where systemd runs, that starts it again.
func (s *server) startEngine(t *testing.T, args []string) {
	t.Helper()
	said := filepath.Join(filepath.Dir(s.engine), "started-again.log")
	log, err := os.Create(said)
	check(t, err)
	defer func() { _ = log.Close() }() // the engine has its own
	var done chan error
	eventually(t, 2*time.Minute, func() bool {
		select {
		case <-done:
			done = nil
		default:
		}
		if done == nil {
			done = s.tryEngine(t, args, log)
		}
		return exec.Command("docker", "-H", "unix://"+s.engine, "version").Run() == nil
	}, func() string {
		text, _ := os.ReadFile(said) // without it the sentence has to do
		return "the engine does not start again:\n" + string(text[max(0, len(text)-4000):])
	})
}

func (s *server) tryEngine(t *testing.T, args []string, log *os.File) (ended chan error) {
	t.Helper()
	// The containerd that died with it may be a zombie yet, which dockerd would take for alive.
	for _, left := range []string{"docker.pid", "exec/containerd/containerd.pid"} {
		check(t, os.RemoveAll(filepath.Join(filepath.Dir(s.engine), left)))
	}
	cmd := exec.Command(args[0], args[1:]...)
	cmd.SysProcAttr, cmd.Stdout, cmd.Stderr = &syscall.SysProcAttr{Setsid: true}, log, log
	check(t, cmd.Start())
	ended = make(chan error, 1)
	go func() { ended <- cmd.Wait() }() // it is ended by whoever ends the engine of the tests
	return ended
}

// ended reports whether a process is gone, or waits for its parent only.
func ended(pid int) bool {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	return err != nil || strings.Contains(string(text), ") Z ")
}
