package gitserver

import (
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/lugsail/lugsail/platform"
)

func TestSSH_PushesAndClonesWithTheRealClient(t *testing.T) {
	w := newWorld(t)
	w.door = "ssh"
	dir := w.checkout("shop")
	c := w.start(dir, "push", "lugsail", "main")
	j := w.deploy.job(t, 0)
	for _, line := range []string{"Building", "Starting"} {
		j.log(line)
		c.waitFor("remote: " + line) // before the next one is even said
	}
	j.end(platform.DeploymentLive)
	contains(t, c.ended(0), "Deployment #1 of shop", "Live: https://shop.example.com (v1)", "[new branch]      main -> main")
	w.wantHead("shop", "refs/heads/main", w.git(dir, "rev-parse", "HEAD"))
	contains(t, w.git(dir, "push", "lugsail", "main"), "Everything up-to-date")
	other := filepath.Join(w.dir, "clone")
	w.git(w.dir, "clone", "-q", "-o", "lugsail", w.url("shop"), other)
	news := w.commit(dir, "news", "n", "News")
	w.push(dir, "main")
	w.git(other, "pull", "-q", "lugsail", "main")
	if have := w.git(other, "rev-parse", "HEAD"); have != news {
		t.Errorf("pulled %s, want %s", have, news)
	}
	if w.gate.from != "127.0.0.1" {
		t.Errorf("source %q", w.gate.from)
	}
	w.wantSound("shop")
}

// Both forms of the address, by the real client: with a path, and with an app that does not exist.
func TestSSH_TellsWhatIsWrongWithAPush(t *testing.T) {
	w := newWorld(t)
	w.door = "ssh"
	dir := w.checkout("nowhere")
	out, err := w.try(dir, "push", "lugsail", "main")
	if err == nil {
		t.Error("pushed")
	}
	contains(t, out, "There is no app nowhere.", "Create it: lugsail create nowhere")
	w.git(dir, "remote", "set-url", "lugsail", w.url("shop"))
	w.gate.read = true
	out, err = w.try(dir, "push", "lugsail", "main")
	if err == nil {
		t.Error("pushed")
	}
	contains(t, out, "This token may only read.")
	w.git(dir, "fetch", "lugsail")
	w.gate.change("shop", func(app *platform.App) { app.State = platform.AppDestroying })
	out, err = w.try(dir, "fetch", "lugsail")
	if err == nil {
		t.Error("fetched")
	}
	contains(t, out, "shop is being destroyed.")
}

func TestSSH_AnUnknownKeyIsToldWhatToDo(t *testing.T) {
	w := newWorld(t)
	w.door = "ssh"
	dir := w.checkout("shop")
	right, wrong := w.key, w.newKey("")
	w.key = wrong
	out, err := w.try(dir, "push", "lugsail", "main")
	if err == nil {
		t.Error("pushed")
	}
	contains(t, out, "Lugsail does not know your key "+ssh.FingerprintSHA256(w.signer(wrong).PublicKey()), "lugsail keys add", "Permission denied (publickey)")
	wait(t, "the failure to be counted", func() bool { return w.gate.failures("127.0.0.1") == 1 })

	// Whoever has a right key too hears of the other one once, and is no failure.
	w.key = wrong + " -i " + right
	contains(t, w.git(dir, "ls-remote", "lugsail"), "does not know your key")
	if out := w.git(dir, "ls-remote", "lugsail"); strings.Contains(out, "does not know") {
		t.Errorf("told again:\n%s", out)
	}
	if n := w.gate.failures("127.0.0.1"); n != 1 {
		t.Errorf("%d failures", n)
	}
}

func TestSSH_RSAAndECDSAKeysWorkByTheirModernSignaturesAlone(t *testing.T) {
	w := newWorld(t)
	w.door = "ssh"
	dir := w.checkout("shop")
	for _, kind := range [][]string{{"rsa", "2048"}, {"ecdsa", "256"}, {"ecdsa", "521"}} {
		file := filepath.Join(w.dir, "id-"+strings.Join(kind, "-"))
		w.keygen("-q", "-t", kind[0], "-b", kind[1], "-N", "", "-f", file)
		public, err := os.ReadFile(file + ".pub")
		must(t, err)
		key, err := platform.ParseSSHKey(string(public))
		must(t, err)
		if parsed, _, _, _, err := ssh.ParseAuthorizedKey(public); err != nil || ssh.FingerprintSHA256(parsed) != key.Fingerprint {
			t.Errorf("%v: fingerprint %s, %v", kind, key.Fingerprint, err)
		}
		w.gate.mu.Lock()
		w.gate.keys[key.Fingerprint] = "ada@example.com"
		w.gate.mu.Unlock()
		w.key = file
		w.git(dir, "ls-remote", "lugsail")
	}
	w.key = filepath.Join(w.dir, "id-rsa-2048")
	w.key += " -o PubkeyAcceptedAlgorithms=ssh-rsa" // SHA-1
	if out, err := w.try(dir, "ls-remote", "lugsail"); err == nil {
		t.Errorf("a signature with SHA-1 is taken:\n%s", out)
	}
}

func TestA22_OnlyTheTwoCommandsOfGit(t *testing.T) {
	w := newWorld(t)
	canary := filepath.Join(w.dir, "canary")
	for _, c := range []struct{ command, says string }{
		{"git-receive-pack 'shop.git'; touch " + canary, "no app at that address"},
		{"git-receive-pack 'shop.git' && touch " + canary, "no app at that address"},
		{"git-receive-pack 'shop.git'\ntouch " + canary, "no app at that address"},
		{"git-receive-pack '$(touch " + canary + ")'", "no app at that address"},
		{"git-receive-pack `touch " + canary + "`", "no app at that address"},
		{"git-receive-pack --exec='touch " + canary + "' 'shop.git'", "no app at that address"},
		{"git-upload-pack --upload-pack=x 'shop.git'", "no app at that address"},
		{"git-receive-pack '../../lshop.git'", "no app at that address"},
		{"git-upload-pack '/etc/passwd'", "no app at that address"},
		{"git-upload-pack 'shop.git/config'", "no app at that address"},
		{"git-upload-pack 'shop.git", "no app at that address"},
		{"git-upload-archive 'shop.git'", "git archive is not served here"},
		{"git-lfs-authenticate shop.git upload", "Git LFS is not served here"},
		{"git-upload-pack 'nonesuch.git'", "There is no app nonesuch."},
		{"scp -t /tmp", "a new scp without -O"},
		{"rsync --server . /", "sftp protocol alone"},
		{"id", "runs no commands"},
		{"sh -c 'touch " + canary + "'", "runs no commands"},
		{"", "git and SFTP alone"},
	} {
		out, err := w.ssh("-T", "-a", "--", c.command)
		if err == nil || !strings.Contains(out, c.says) {
			t.Errorf("%q: %v\n%s", c.command, err, out)
		}
	}
	if _, err := os.Stat(canary); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a command ran: %v", err)
	}
	if n := w.deploy.count(); n != 0 {
		t.Errorf("%d deployments", n)
	}
}

func TestA22_EveryOtherRequestIsRefusedAndNamed(t *testing.T) {
	w := newWorld(t)
	client := w.dial(w.key)
	session, err := client.NewSession()
	must(t, err)
	if err := session.Setenv("LD_PRELOAD", "/tmp/x.so"); err == nil {
		t.Error("an environment is taken")
	}
	if err := session.RequestPty("xterm", 24, 80, nil); err == nil {
		t.Error("a terminal is given")
	}
	for _, kind := range []string{"auth-agent-req@openssh.com", "x11-req", "tcpip-forward", "eow@openssh.com"} {
		if ok, err := session.SendRequest(kind, true, nil); ok || err != nil {
			t.Errorf("%s: %t, %v", kind, ok, err)
		}
	}
	if _, err := client.Listen("tcp", "127.0.0.1:0"); err == nil {
		t.Error("a port is forwarded to the client")
	}
	for _, target := range []string{"127.0.0.1:22", "169.254.169.254:80", w.sshAddress()} {
		if _, err := client.Dial("tcp", target); err == nil || !strings.Contains(err.Error(), "forwards nothing") {
			t.Errorf("forwarded to %s: %v", target, err)
		}
	}
	if _, err := client.Dial("unix", "/var/run/docker.sock"); err == nil {
		t.Error("forwarded to a socket of the server")
	}
	var says strings.Builder
	session.Stderr = &says
	must(t, session.Shell())
	if err := session.Wait(); err == nil || !strings.Contains(says.String(), "Hello ada@example.com.") || !strings.Contains(says.String(), "there is no shell") {
		t.Errorf("a shell: %v %q", err, says.String())
	}
	channel, requests, err := client.OpenChannel("session", nil)
	must(t, err)
	go ssh.DiscardRequests(requests)
	if ok, err := channel.SendRequest("subsystem", true, ssh.Marshal(struct{ Name string }{"netconf"})); !ok || err != nil {
		t.Errorf("another subsystem: %t, %v", ok, err)
	}
	text, err := io.ReadAll(channel.Stderr())
	must(t, err)
	if !strings.Contains(string(text), "git and SFTP alone") {
		t.Errorf("another subsystem: %q", text)
	}
}

// The key that is only offered is the victim's, of which the stranger has the public half; the one
// that signs is the stranger's own.
func TestA23_IdentityComesFromTheKeyThatSigned(t *testing.T) {
	w := newWorld(t)
	bob := w.newKey("bob@example.com")
	public := filepath.Join(w.dir, "victim.pub")
	must(t, os.WriteFile(public, ssh.MarshalAuthorizedKey(w.signer(w.key).PublicKey()), 0o600))
	w.key = public
	out, err := w.ssh("-v", "-T", "-i", bob)
	if err == nil || !strings.Contains(out, "Hello bob@example.com.") || strings.Contains(out, "Hello ada") {
		t.Errorf("taken for somebody else: %v\n%s", err, out)
	}
	if !strings.Contains(out, "Server accepts key: "+public) {
		t.Errorf("the victim's key was never offered: the test tests nothing\n%s", out)
	}
	if out, err := w.ssh("-T"); err == nil || !strings.Contains(out, "Permission denied") {
		t.Errorf("a key that did not sign is taken: %v\n%s", err, out)
	}
}

// A signature of another key is nobody's.
func TestA23_AWrongSignatureIsNobody(t *testing.T) {
	w := newWorld(t)
	config := &ssh.ClientConfig{
		User: "git", HostKeyCallback: ssh.InsecureIgnoreHostKey(),
		Auth: []ssh.AuthMethod{ssh.PublicKeys(forged{w.signer(w.newKey("bob@example.com")), w.signer(w.key).PublicKey()})},
	}
	if _, err := ssh.Dial("tcp", w.sshAddress(), config); err == nil {
		t.Error("a forged signature is taken")
	}
}

// forged signs with one key in the name of another.
type forged struct {
	ssh.Signer
	claimed ssh.PublicKey
}

func (f forged) PublicKey() ssh.PublicKey { return f.claimed }

func TestA49_ARemovedKeyEndsItsConnections(t *testing.T) {
	w := newWorld(t, func(c *Config) { c.Recheck = 10 * time.Millisecond })
	w.door = "ssh"
	idle := w.dial(w.key)
	dir := w.checkout("shop")
	c := w.start(dir, "push", "lugsail", "main")
	j := w.deploy.job(t, 0)
	j.log("before")
	c.waitFor("remote: before")
	w.gate.revoke(true)
	contains(t, c.ended(1), "This SSH key is not known here.", "[remote rejected]")
	if err := idle.Wait(); err == nil {
		t.Error("the other connection ended by itself")
	}
	w.wantHead("shop", "refs/heads/main", "")
}

func TestSSH_ASilentClientLosesItsConnection(t *testing.T) {
	w := newWorld(t, func(c *Config) {
		c.SSH.Machine, c.SSH.Person, c.SSH.Patience = 300*time.Millisecond, 600*time.Millisecond, 300*time.Millisecond
	})
	address := w.sshAddress()
	silent, err := net.Dial("tcp", address)
	must(t, err)
	wantEnd(t, silent)

	noSession := w.dial(w.key)
	_ = noSession.Wait() // or the test's own limit

	session, err := w.dial(w.key).NewSession()
	must(t, err)
	if err := session.Start("git-receive-pack 'shop.git'"); err != nil { // and then nothing
		t.Fatal(err)
	}
	if err := session.Wait(); err == nil {
		t.Error("a push of which nothing came ended well")
	}
	w.wantSound("shop")
}

func wantEnd(t *testing.T, conn net.Conn) {
	t.Helper()
	must(t, conn.SetReadDeadline(time.Now().Add(time.Minute)))
	buffer := make([]byte, 1<<10)
	for {
		_, err := conn.Read(buffer)
		if timeout := net.Error(nil); errors.As(err, &timeout) && timeout.Timeout() {
			t.Error("the connection stays open")
		}
		if err != nil {
			return
		}
	}
}

func TestA24_EndlessRequestsEndTheConnection(t *testing.T) {
	w := newWorld(t)
	client := w.dial(w.key)
	for range 10_000 { // until the connection is gone
		if _, _, err := client.SendRequest("nonsense", false, nil); err != nil {
			break
		}
	}
	_ = client.Wait()
	client = w.dial(w.key)
	channel, requests, err := client.OpenChannel("session", nil)
	must(t, err)
	go ssh.DiscardRequests(requests)
	for range 10_000 {
		if _, err := channel.SendRequest("env", false, nil); err != nil {
			break
		}
	}
	_ = client.Wait()
	client = w.dial(w.key)
	gone := make(chan struct{})
	go func() { defer close(gone); _ = client.Wait() }()
	var opened atomic.Int32
	for ended := false; !ended; { // the library may wait for ever for a channel that it asks for while the connection ends
		asked := make(chan struct{})
		go func() {
			defer close(asked)
			if _, _, err := client.OpenChannel("session", nil); err == nil {
				opened.Add(1)
			}
		}()
		select {
		case <-asked:
		case <-gone:
			ended = true
		}
	}
	if n := opened.Load(); n > mostAtOnce {
		t.Errorf("%d channels at once", n)
	}
}

func TestA53_AThrottledSourceWaitsUnlessARightKeyCameFromThere(t *testing.T) {
	w := newWorld(t)
	w.gate.most = 1
	wrong := &ssh.ClientConfig{User: "git", HostKeyCallback: ssh.InsecureIgnoreHostKey(), Auth: []ssh.AuthMethod{ssh.PublicKeys(w.signer(w.newKey("")))}}
	if _, err := ssh.Dial("tcp", w.sshAddress(), wrong); err == nil {
		t.Error("an unknown key is taken")
	}
	wait(t, "the failure to be counted", func() bool { return w.gate.failures("127.0.0.1") == 1 })
	conn, err := net.Dial("tcp", w.sshAddress())
	must(t, err)
	must(t, conn.SetReadDeadline(time.Now().Add(time.Minute)))
	text := make([]byte, 100)
	n, err := conn.Read(text)
	must(t, err)
	if !strings.HasPrefix(string(text[:n]), "There were too many wrong tries. Wait") {
		t.Errorf("it says %q", text[:n])
	}
	w.gate.mu.Lock()
	w.gate.most = 0
	w.gate.mu.Unlock()
	_ = w.dial(w.key)
	wait(t, "the right key to be noted", func() bool { return w.server.ssh.knows("127.0.0.1") })
	w.gate.mu.Lock()
	w.gate.most = 1
	w.gate.mu.Unlock()
	_ = w.dial(w.key) // a neighbour's wrong tries shut nobody out
}

func TestA24_SilentConnectionsKeepNobodyOut(t *testing.T) {
	w := newWorld(t)
	address := w.sshAddress()
	var silent []net.Conn
	defer func() {
		for _, c := range silent {
			_ = c.Close()
		}
	}()
	for i := range 2000 {
		// from 20 addresses, ours among them
		from := &net.TCPAddr{IP: net.IPv4(127, 0, 0, byte(1+i%20))}
		c, err := (&net.Dialer{LocalAddr: from, Timeout: 10 * time.Second}).Dial("tcp", address)
		must(t, err)
		if i%3 == 0 { // half a handshake
			_, _ = c.Write([]byte("SSH-2.0-half\r\n"))
		}
		silent = append(silent, c)
	}
	w.server.ssh.lobby.mu.Lock()
	waiting := len(w.server.ssh.lobby.guests)
	w.server.ssh.lobby.mu.Unlock()
	if waiting > mostGuests {
		t.Errorf("%d connections wait", waiting)
	}
	w.door = "ssh"
	dir := w.checkout("shop")
	w.push(dir, "main")
	w.door = "https"
	if answer, _ := w.request("GET", "/git/shop.git/info/refs?service=git-upload-pack", "right", ""); answer.StatusCode != 200 {
		t.Errorf("the other door answers %d", answer.StatusCode)
	}
}

func TestSSH_ATakenPortLeavesTheRestAlone(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	w := newWorld(t, func(c *Config) { c.SSH.Address = taken.Addr().String() })
	wait(t, "the trouble", func() bool { return w.server.SSHTrouble() != nil })
	w.push(w.checkout("shop"), "main") // the other door is open
	must(t, taken.Close())
	w.dial(w.key) // and this one, once it can be
	if w.server.SSHTrouble() != nil || !strings.HasPrefix(w.server.SSHFingerprint(), "SHA256:") {
		t.Errorf("%v, %s", w.server.SSHTrouble(), w.server.SSHFingerprint())
	}
}

func TestA81_HostKeyIsKeptClosedAndNeverReplaced(t *testing.T) {
	file := filepath.Join(t.TempDir(), "ssh", "host_key")
	first, repaired, err := LoadHostKey(file)
	if err != nil || repaired {
		t.Fatal(repaired, err)
	}
	must(t, os.Chmod(file, 0o644))
	again, repaired, err := LoadHostKey(file)
	if err != nil || !repaired || again.Fingerprint() != first.Fingerprint() {
		t.Errorf("%t, %v, %s became %s", repaired, err, first.Fingerprint(), again.Fingerprint())
	}
	if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	must(t, os.WriteFile(file, []byte("half"), 0o600))
	if _, _, err := LoadHostKey(file); !platform.IsKind(err, platform.Unavailable) || platform.AsError(err).Hint == "" {
		t.Errorf("a damaged key: %v", err)
	}
	if text, err := os.ReadFile(file); err != nil || string(text) != "half" {
		t.Errorf("it was replaced: %q, %v", text, err)
	}
}

// A client exchanges keys anew now and then, in a large push for example: that is no person at the door.
func TestSSH_KeysThatAreExchangedAnewEndNothing(t *testing.T) {
	w := newWorld(t, func(c *Config) { c.SSH.Person, c.SSH.Machine = 3*time.Second, time.Minute })
	w.sshAddress()
	w.push(w.checkout("shop"), "main")
	w.door = "ssh"
	conn, client := w.rekeying()
	defer client.Close()
	before := conn.came.Load()
	for range 40 { // each asks and is answered, far more than the threshold together
		_, _, err := client.SendRequest("keepalive@openssh.com", true, make([]byte, 2<<10))
		must(t, err)
	}
	wait(t, "the time of a person to pass", func() bool { return time.Since(conn.began) > 4*time.Second })
	session, err := client.NewSession()
	must(t, err)
	out, err := session.Output("git-upload-pack 'shop.git'")
	if !strings.Contains(string(out), "refs/heads/main") {
		t.Errorf("after %d bytes: %q, %v", conn.came.Load()-before, out, err)
	}
}

// counted is a connection that knows how much has come, and since when it is through.
type counted struct {
	net.Conn
	came  atomic.Int64
	began time.Time
}

func (c *counted) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	c.came.Add(int64(n))
	return n, err
}

// rekeying connects with a client that exchanges keys all the time. To come in may take several tries:
// a person has little time in that test, and the machine may be busy.
func (w *world) rekeying() (*counted, *ssh.Client) {
	w.t.Helper()
	var conn *counted
	var client *ssh.Client
	wait(w.t, "a connection", func() bool {
		c, err := net.Dial("tcp", w.sshAddress())
		must(w.t, err)
		conn = &counted{Conn: c}
		config := &ssh.ClientConfig{User: "git", Auth: []ssh.AuthMethod{ssh.PublicKeys(w.signer(w.key))}, HostKeyCallback: ssh.FixedHostKey(w.hostKey())}
		config.RekeyThreshold = 1024
		inner, channels, requests, err := ssh.NewClientConn(conn, w.sshAddress(), config)
		if err != nil {
			_ = c.Close()
			return false
		}
		client = ssh.NewClient(inner, channels, requests)
		return true
	})
	conn.began = time.Now()
	return conn, client
}

func FuzzParseCommand(f *testing.F) {
	for _, seed := range []string{"git-receive-pack 'shop.git'", "git-upload-pack '/shop.git'", "git upload-pack shop", "git-upload-archive 'x'", "git-receive-pack 'a.git'; id", "'", ""} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		service, app, err := parseCommand(text)
		if err != nil {
			if e := platform.AsError(err); e.Kind != platform.Invalid || e.Hint == "" {
				t.Fatalf("%v is no answer for people", err)
			}
			return
		}
		if service != uploadPack && service != receivePack || strings.Trim(app, "abcdefghijklmnopqrstuvwxyz0123456789-") != "" || app == "" {
			t.Fatalf("%q means %q of %q", text, service, app)
		}
	})
}

// What a path could mean to a shell or a file system means nothing here: it is the name of an app.
func TestA21_PathsOverSSHAreNamesOfApps(t *testing.T) {
	w := newWorld(t)
	w.push(w.checkout("shop"), "main")
	for _, path := range []string{"/../shop.git", "/x/../shop.git", "/..%2fshop.git", "//shop.git", "/SHOP.git", "/shop.git/.git/config", "/shop.git/objects", "/.hooks.git", "/shop.git.git", "/shop%00.git", "/~/shop.git", "/lshop.git"} {
		w.door = "ssh"
		if out, err := w.try(w.dir, "ls-remote", "ssh://git@"+w.sshAddress()+path); err == nil {
			t.Errorf("%s leads somewhere:\n%s", path, out)
		}
	}
	for _, path := range []string{"/shop.git", "/shop", "/shop.git/"} {
		if out, err := w.try(w.dir, "ls-remote", "ssh://git@"+w.sshAddress()+path); err != nil || !strings.Contains(out, "refs/heads/main") {
			t.Errorf("%s: %v\n%s", path, err, out)
		}
	}
}
