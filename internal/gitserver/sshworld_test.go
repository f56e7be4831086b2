package gitserver

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/pem"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"golang.org/x/crypto/ssh"

	"github.com/lugsail/lugsail/internal/command"
)

// eachDoor runs a test over both doors: HTTPS with a token, and SSH with a key and the real client.
func eachDoor(t *testing.T, test func(t *testing.T, w *world), change ...func(*Config)) {
	for _, door := range []string{"https", "ssh"} {
		t.Run(door, func(t *testing.T) {
			w := newWorld(t, change...)
			w.door = door
			test(t, w)
		})
	}
}

// newKey makes a client's key that the gate knows as somebody's; "" means nobody's.
func (w *world) newKey(whose string) (file string) {
	w.t.Helper()
	_, private, err := ed25519.GenerateKey(rand.Reader)
	must(w.t, err)
	block, err := ssh.MarshalPrivateKey(private, "")
	must(w.t, err)
	f, err := os.CreateTemp(w.dir, "key-")
	must(w.t, err)
	must(w.t, pem.Encode(f, block))
	must(w.t, f.Close())
	signer, err := ssh.NewSignerFromKey(private)
	must(w.t, err)
	w.gate.mu.Lock()
	defer w.gate.mu.Unlock()
	if whose != "" {
		w.gate.keys[ssh.FingerprintSHA256(signer.PublicKey())] = whose
	}
	return f.Name()
}

func (w *world) signer(file string) ssh.Signer {
	w.t.Helper()
	text, err := os.ReadFile(file)
	must(w.t, err)
	signer, err := ssh.ParsePrivateKey(text)
	must(w.t, err)
	return signer
}

// sshAddress waits until the door is open.
func (w *world) sshAddress() string {
	w.t.Helper()
	var address net.Addr
	wait(w.t, "the SSH door", func() bool {
		w.server.ssh.mu.Lock()
		defer w.server.ssh.mu.Unlock()
		address = w.server.ssh.address
		return address != nil
	})
	return address.String()
}

// sshCommand is how git calls the client: by this key alone, and only to the server with this host key.
func (w *world) sshCommand(more ...string) string {
	if w.door != "ssh" {
		return "false"
	}
	_, port, _ := strings.Cut(w.sshAddress(), ":")
	w.server.ssh.mu.Lock()
	known := "[127.0.0.1]:" + port + " " + w.server.ssh.key.Public() + "\n[127.0.0.1]:* " + w.server.ssh.key.Public() + "\n"
	w.server.ssh.mu.Unlock()
	file := filepath.Join(w.dir, "known_hosts")
	must(w.t, os.WriteFile(file, []byte(known), 0o600))
	words := []string{
		"ssh", "-F", "/dev/null", "-i", w.key, "-o", "IdentitiesOnly=yes", "-o", "IdentityAgent=none", "-o", "BatchMode=yes",
		"-o", "RekeyLimit=1M", "-o", "StrictHostKeyChecking=yes", "-o", "UserKnownHostsFile=" + file, "-o", "GlobalKnownHostsFile=/dev/null",
	}
	return strings.Join(append(words, more...), " ")
}

// ssh runs the client by hand.
func (w *world) ssh(args ...string) (string, error) {
	w.t.Helper()
	w.door = "ssh"
	host, port, err := net.SplitHostPort(w.sshAddress())
	must(w.t, err)
	words := append(strings.Fields(w.sshCommand()), "-p", port)
	words = append(append(words, args...), "git@"+host)
	var out bytes.Buffer
	// What follows a "--" among the arguments is the command, and stands behind the host.
	for i, word := range words {
		if word == "--" {
			words = append(append(append([]string{}, words[:i]...), "git@"+host), words[i+1:len(words)-1]...)
			break
		}
	}
	err = command.Command{Name: words[0], Args: words[1:], Dir: w.dir, Env: w.env(), Stdout: &out, Stderr: &out}.Run(w.t.Context())
	return out.String(), err
}

// dial makes a connection as a program would, with that key.
func (w *world) dial(key string) *ssh.Client {
	w.t.Helper()
	client, err := ssh.Dial("tcp", w.sshAddress(), &ssh.ClientConfig{
		User: "git", Auth: []ssh.AuthMethod{ssh.PublicKeys(w.signer(key))},
		HostKeyCallback: ssh.FixedHostKey(w.hostKey()),
	})
	must(w.t, err)
	w.t.Cleanup(func() { _ = client.Close() })
	return client
}

func (w *world) hostKey() ssh.PublicKey {
	w.server.ssh.mu.Lock()
	defer w.server.ssh.mu.Unlock()
	return w.server.ssh.key.signer.PublicKey()
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// relay stands between a client and a door, and lets so many bytes of each connection through to the
// server; then it holds them until it is cut.
type relay struct {
	address string
	reached chan struct{}
	cut     func()
}

func newRelay(t *testing.T, to string, most int64) *relay {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	r := &relay{address: listener.Addr().String(), reached: make(chan struct{})}
	var conns []net.Conn
	var mu sync.Mutex
	var once sync.Once
	r.cut = sync.OnceFunc(func() {
		_ = listener.Close()
		mu.Lock()
		defer mu.Unlock()
		for _, c := range conns {
			_ = c.Close()
		}
	})
	t.Cleanup(r.cut)
	go func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			server, err := net.Dial("tcp", to)
			if err != nil {
				_ = client.Close()
				return
			}
			mu.Lock()
			conns = append(conns, client, server)
			mu.Unlock()
			go func() { _, _ = io.Copy(client, server); _ = client.Close() }()
			go func() {
				if n, err := io.Copy(server, io.LimitReader(client, most)); err == nil && n == most {
					once.Do(func() { close(r.reached) })
					return // held
				}
				_ = server.(*net.TCPConn).CloseWrite()
			}()
		}
	}()
	return r
}

func (w *world) keygen(args ...string) {
	w.t.Helper()
	must(w.t, command.Command{Name: "ssh-keygen", Args: args, Dir: w.dir, Env: w.env()}.Run(w.t.Context()))
}
