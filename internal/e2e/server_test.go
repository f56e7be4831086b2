package e2e

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// server is one installed Lugsail with its owner's home directory.
type server struct {
	dir     string // everything that the tests made
	root    string // of the checkout
	config  string // the server's settings
	console string // URL
	ca      string // file with the root certificate
	client  *http.Client
	email   string
	pass    string
	setup   string   // the token of the set-up link
	token   string   // of the API
	engine  string   // path of the engine's socket
	options []string // of install.sh, beside the places
	secrets []string // in the environment, NAME=value
}

const (
	httpPort  = 18080
	httpsPort = 18443
	sshPort   = 18022
)

// newServer makes the place of a Lugsail that one test has for itself, beside whatever else this machine has: own
// directories, ports and engine.
func newServer(t *testing.T) *server {
	t.Helper()
	if standing != nil {
		check(t, standing.forget()) // it has the ports
	}
	s := placedServer(t)
	t.Cleanup(func() { s.remove(t) })
	return s
}

func placedServer(t *testing.T) *server {
	t.Helper()
	engine := os.Getenv("LUGSAIL_TEST_DOCKER")
	if engine == "" {
		t.Fatal("LUGSAIL_TEST_DOCKER names no Docker Engine: run these tests with make e2e")
	}
	dir := filepath.Join(os.TempDir(), fmt.Sprintf("lugsail-e2e-%d", os.Getpid()))
	root, err := filepath.Abs("../..")
	check(t, err)
	s := &server{dir: dir, root: root, engine: strings.TrimPrefix(engine, "unix://"), config: filepath.Join(dir, "etc", "config.yaml"), email: "ada@example.com", pass: "correct horse battery"}
	check(t, os.MkdirAll(dir, 0o755)) // the proxy's user passes through
	check(t, os.MkdirAll(s.home(), 0o700))
	return s
}

func (s *server) home() string   { return filepath.Join(s.dir, "home") }
func (s *server) binary() string { return filepath.Join(s.dir, "bin", "lugsail") }

// env is the owner's environment: a home of its own, nothing of ours.
func (s *server) env() []string {
	return append([]string{
		"HOME=" + s.home(), "PATH=" + filepath.Join(s.dir, "bin") + ":" + os.Getenv("PATH"),
		"GIT_CONFIG_NOSYSTEM=1", "GIT_TERMINAL_PROMPT=0", "LC_ALL=C.UTF-8", "LUGSAIL_CONFIG=" + s.config,
		"GOCACHE=" + goCaches()[0], "GOMODCACHE=" + goCaches()[1], "GOFLAGS=-buildvcs=false",
		"LUGSAIL_TEST_DOCKER=unix://" + s.engine, // by which what a killed run leaves is found
	}, s.secrets...)
}

// goCaches are those of whoever runs the tests: with a home of its own a build would begin with nothing.
var goCaches = sync.OnceValue(func() []string {
	out, err := exec.Command("go", "env", "GOCACHE", "GOMODCACHE").Output()
	if err != nil {
		return []string{"", ""}
	}
	return strings.Fields(string(out))
})

// result is how a program ended.
type result struct {
	out  string // standard output and error, as they came
	code int
	took time.Duration
}

// run runs a program as the owner would, in dir.
func (s *server) run(t *testing.T, dir, name string, args ...string) result {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir, cmd.Env = dir, s.env()
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	began := time.Now()
	err := cmd.Run()
	r := result{out: out.String(), took: time.Since(began)}
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		r.code = exit.ExitCode()
	} else if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return r
}

// must runs a program that has to succeed.
func (s *server) must(t *testing.T, dir, name string, args ...string) string {
	t.Helper()
	r := s.run(t, dir, name, args...)
	if r.code != 0 {
		t.Fatalf("%s %s: exit code %d\n%s", filepath.Base(name), strings.Join(args, " "), r.code, r.out)
	}
	return r.out
}

// lugsail runs the command line.
func (s *server) lugsail(t *testing.T, args ...string) string {
	t.Helper()
	return s.must(t, s.home(), s.binary(), args...)
}

// json runs the command line with --json and decodes what it prints.
func (s *server) json(t *testing.T, into any, args ...string) {
	t.Helper()
	out := s.lugsail(t, append(args, "--json")...)
	if err := json.Unmarshal([]byte(out), into); err != nil {
		t.Fatalf("lugsail %s: %v in\n%s", strings.Join(args, " "), err, out)
	}
}

// trust reads the root certificate and makes a client that trusts nothing else.
func (s *server) trust(t *testing.T) {
	t.Helper()
	pem, err := os.ReadFile(s.ca)
	check(t, err)
	s.client = trusting(t, pem)
}

// trusting makes a client that trusts these roots only, and finds every name on this machine.
func trusting(t *testing.T, pem []byte) *http.Client {
	t.Helper()
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(pem) {
		t.Fatalf("no certificate in %q", pem)
	}
	return &http.Client{
		Timeout: 60 * time.Second,
		Transport: &http.Transport{
			TLSClientConfig:     &tls.Config{RootCAs: roots},
			MaxIdleConnsPerHost: 100,
			DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
				_, port, err := net.SplitHostPort(address)
				if err != nil {
					return nil, err
				}
				return (&net.Dialer{}).DialContext(ctx, network, "127.0.0.1:"+port)
			},
		},
	}
}

func (s *server) url(app string) string {
	return fmt.Sprintf("https://%s.localhost:%d", app, httpsPort)
}

// get fetches a page of an app.
func (s *server) get(t *testing.T, app, path string) (status int, body string) {
	t.Helper()
	response, err := s.client.Get(s.url(app) + path)
	if err != nil {
		t.Fatalf("GET %s%s: %v", s.url(app), path, err)
	}
	defer response.Body.Close()
	b, err := io.ReadAll(response.Body)
	check(t, err)
	return response.StatusCode, string(b)
}

// wantPage waits until a page holds a text: it is there at once but for the way of a table to the proxy.
func (s *server) wantPage(t *testing.T, app, path, text string) {
	t.Helper()
	var status int
	var body string
	eventually(t, 10*time.Second, func() bool {
		status, body = s.get(t, app, path)
		return status == http.StatusOK && strings.Contains(body, text)
	}, func() string { return fmt.Sprintf("%s%s answers %d %.300q, want %q", app, path, status, body, text) })
}

// pid gives the process id of a part, "serve" or "proxy".
func (s *server) pid(t *testing.T, part string) int {
	t.Helper()
	var status struct {
		Parts []struct {
			Name string
			PID  int
		}
	}
	s.json(t, &status, "service", "status")
	for _, p := range status.Parts {
		if p.Name == part {
			return p.PID
		}
	}
	t.Fatalf("service status knows no %s", part)
	return 0
}

// kill ends a part as a crash would.
func (s *server) kill(t *testing.T, part string) {
	t.Helper()
	check(t, syscall.Kill(s.pid(t, part), syscall.SIGKILL))
}

// answers waits until the control plane answers and has been through all apps: three that are killed before that
// are a loop of crashes, and the next one starts in safe mode.
func (s *server) answers(t *testing.T) {
	t.Helper()
	eventually(t, 20*time.Second, func() bool {
		response, err := s.client.Get(s.console + "/api/v1/server")
		if err != nil {
			return false
		}
		_ = response.Body.Close()
		return response.StatusCode < 500
	}, func() string { return "the control plane does not come back" })
	var text []byte
	eventually(t, time.Minute, func() bool {
		var last struct{ Ended []time.Time }
		var err error
		text, err = os.ReadFile(filepath.Join(s.dir, "run", "crashes.json"))
		return os.IsNotExist(err) || err == nil && json.Unmarshal(text, &last) == nil && len(last.Ended) == 0
	}, func() string { return "the control plane is not steady: " + string(text) })
}

// busy is how much longer a machine may take that does other things meanwhile.
const busy = 3

// eventually looks again and again until a condition holds. The limit is that of a machine that does nothing else.
func eventually(t *testing.T, limit time.Duration, holds func() bool, otherwise func() string) {
	t.Helper()
	for began := time.Now(); ; {
		if holds() {
			return
		}
		if time.Since(began) > busy*limit {
			t.Fatal(otherwise())
		}
		// To look costs a process mostly, which would take from what is waited for.
		time.Sleep(min(max(50*time.Millisecond, time.Since(began)/10), time.Second))
	}
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// residentKB reads how much memory a process holds.
func residentKB(t *testing.T, pid int) int {
	t.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	check(t, err)
	for line := range strings.Lines(string(status)) {
		if fields := strings.Fields(line); len(fields) > 1 && fields[0] == "VmRSS:" {
			n, err := strconv.Atoi(fields[1])
			check(t, err)
			return n
		}
	}
	t.Fatalf("process %d is not there", pid)
	return 0
}
