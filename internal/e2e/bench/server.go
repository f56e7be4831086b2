package main

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
	"path/filepath"
	"strings"
	"time"

	"github.com/lugsail/lugsail/internal/command"
)

const (
	httpsPort = "19443"
	password  = "correct horse battery"
	email     = "ada@example.com"
)

// server is the Lugsail that is measured.
type server struct {
	dir, binary, engine string
	env                 []string
	client              *http.Client
	changes             map[string]int
}

func install(ctx context.Context) (*server, error) {
	engine, binary := os.Getenv("LUGSAIL_TEST_DOCKER"), os.Getenv("LUGSAIL_TEST_BINARY")
	if engine == "" || binary == "" {
		return nil, errors.New("run it with make bench-deploy")
	}
	dir, err := os.MkdirTemp("", "lugsail-bench-")
	if err != nil {
		return nil, err
	}
	if err := os.Chmod(dir, 0o755); err != nil { // the proxy's user passes through
		return nil, err
	}
	s := &server{dir: dir, binary: binary, engine: engine, changes: map[string]int{}}
	s.env = []string{
		"HOME=" + dir, "GIT_CONFIG_NOSYSTEM=1", "GIT_TERMINAL_PROMPT=0", "PATH=" + filepath.Dir(binary) + ":" + os.Getenv("PATH"),
		"LUGSAIL_CONFIG=" + filepath.Join(dir, "config.yaml"), "LUGSAIL_DATA_DIR=" + filepath.Join(dir, "data"),
		"LUGSAIL_RUN_DIR=" + filepath.Join(dir, "run"), "LUGSAIL_KEY_FILE=" + filepath.Join(dir, "master.key"),
		"LUGSAIL_HTTP_PORT=19080", "LUGSAIL_HTTPS_PORT=" + httpsPort, "LUGSAIL_DOCKER_HOST=" + engine, "LUGSAIL_PUBLIC_IP=127.0.0.1",
		"LUGSAIL_TEST_DOCKER=" + engine, // by which what a killed run leaves is found
		"LUGSAIL_APP_POOL=10.215.0.0/16", "LUGSAIL_BUILD_SUBNET=10.214.0.0/24", "LUGSAIL_REGISTRY_PORT=19005",
	}
	for _, step := range [][]string{{"host", "setup"}, {"service", "start"}, {"host", "wait"}, {"host", "prepare"}} {
		began := time.Now()
		if err := s.run(ctx, dir, io.Discard, s.binary, step...); err != nil {
			return nil, errors.Join(err, s.remove(context.WithoutCancel(ctx)))
		}
		fmt.Printf("lugsail %s: %.1f s\n", strings.Join(step, " "), time.Since(began).Seconds())
	}
	if err := s.claim(ctx); err != nil {
		return nil, errors.Join(err, s.remove(context.WithoutCancel(ctx)))
	}
	return s, nil
}

func (s *server) run(ctx context.Context, dir string, out io.Writer, name string, args ...string) error {
	var said bytes.Buffer
	err := command.Command{Name: name, Args: args, Dir: dir, Env: s.env, Stdout: io.MultiWriter(out, &said), Stderr: &said}.Run(ctx)
	if err != nil {
		return fmt.Errorf("%w\n%s", err, said.String())
	}
	return nil
}

// claim makes the account and signs the command line in.
func (s *server) claim(ctx context.Context) error {
	ca := filepath.Join(s.dir, "data", "proxy", "ca", "ca.crt")
	pem, err := os.ReadFile(ca)
	if err != nil {
		return err
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(pem)
	s.client = &http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{
		TLSClientConfig: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12},
		DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, network, "127.0.0.1:"+httpsPort)
		},
	}}
	var link bytes.Buffer
	if err := s.run(ctx, s.dir, &link, s.binary, "setup-link"); err != nil {
		return err
	}
	first, _, _ := strings.Cut(link.String(), "\n") // one line for each name of the console
	console, token, ok := strings.Cut(first, "/setup/")
	if !ok {
		return fmt.Errorf("no set-up link in %q", link.String())
	}
	body, err := json.Marshal(map[string]string{"token": token, "email": email, "password": password, "name": "bench"})
	if err != nil {
		return err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, console+"/api/v1/setup", bytes.NewReader(body))
	if err != nil {
		return err
	}
	request.Header.Set("Content-Type", "application/json")
	response, err := s.client.Do(request)
	if err != nil {
		return err
	}
	defer func() { _ = response.Body.Close() }() // it is read to its end
	var answer struct{ Secret string }
	if err := json.NewDecoder(response.Body).Decode(&answer); err != nil || answer.Secret == "" {
		return fmt.Errorf("the set-up is answered %s: %w", response.Status, err)
	}
	s.env = append(s.env, "LUGSAIL_TOKEN="+answer.Secret)
	return s.run(ctx, s.dir, io.Discard, s.binary, "login", console, "--token", "--ca-file", ca)
}

func (s *server) tree(k kind) string { return filepath.Join(s.dir, "work", k.name) }

// first pushes an app for the first time.
func (s *server) first(ctx context.Context, k kind) (time.Duration, error) {
	tree := s.tree(k)
	if err := os.CopyFS(tree, os.DirFS(filepath.Join("internal", "e2e", "bench", k.dir))); err != nil {
		return 0, err
	}
	for _, args := range [][]string{
		{"git", "init", "-q", "-b", "main"},
		{"git", "config", "user.name", "Ada"},
		{"git", "config", "user.email", email},
		{s.binary, "create", "bench-" + k.name},
	} {
		if err := s.run(ctx, tree, io.Discard, args[0], args[1:]...); err != nil {
			return 0, err
		}
	}
	return s.pushed(ctx, k, "Hello one")
}

// push changes one line and pushes it.
func (s *server) push(ctx context.Context, k kind, round int) (time.Duration, error) {
	old, text := greeting(round-1), greeting(round)
	if err := edit(filepath.Join(s.tree(k), k.file), old, text); err != nil {
		return 0, err
	}
	return s.pushed(ctx, k, text)
}

func greeting(round int) string {
	if round < 0 {
		return "Hello one"
	}
	return fmt.Sprintf("Hello round %d", round)
}

func edit(file, old, text string) error {
	b, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	changed := strings.Replace(string(b), old, text, 1)
	if changed == string(b) {
		return fmt.Errorf("%s does not hold %q", file, old)
	}
	return os.WriteFile(file, []byte(changed), 0o600)
}

// pushed commits, pushes, and takes the time to the first answer with the text.
func (s *server) pushed(ctx context.Context, k kind, text string) (time.Duration, error) {
	for _, args := range [][]string{{"add", "-A"}, {"commit", "-q", "-m", text}} {
		if err := s.run(ctx, s.tree(k), io.Discard, "git", args...); err != nil {
			return 0, err
		}
	}
	began := time.Now()
	done := make(chan error, 1)
	go func() { done <- s.run(ctx, s.tree(k), io.Discard, "git", "push", "-q", "lugsail", "main") }()
	url := fmt.Sprintf("https://bench-%s.localhost:%s/", k.name, httpsPort)
	for end := began.Add(5 * time.Minute); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		if answers(ctx, s.client, url, text) {
			took := time.Since(began)
			return took, <-done
		}
		select {
		case err := <-done:
			if err != nil {
				return 0, err
			}
			done <- nil
		default:
		}
	}
	return 0, fmt.Errorf("%s never answered %q", url, text)
}

func answers(ctx context.Context, client *http.Client, url, text string) bool {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return false
	}
	response, err := client.Do(request)
	if err != nil {
		return false
	}
	defer func() { _ = response.Body.Close() }() // the body is read to its end
	body, err := io.ReadAll(response.Body)
	return err == nil && response.StatusCode == http.StatusOK && strings.Contains(string(body), text)
}

func (s *server) remove(ctx context.Context) error {
	for _, step := range [][]string{{"service", "stop"}, {"host", "remove", "--purge"}} {
		if err := s.run(ctx, s.dir, io.Discard, s.binary, step...); err != nil {
			fmt.Fprintln(os.Stderr, "bench: cleaning up:", err)
		}
	}
	return os.RemoveAll(s.dir)
}
