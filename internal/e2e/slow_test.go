package e2e

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// slowly is longer than the connection's pings wait for answers.
const slowly = 25 * time.Second

// testSlowSides lets each side of a command be slow to read: nothing is lost, and signals go through.
func testSlowSides(t *testing.T, app *repo) {
	var sides sync.WaitGroup
	for _, side := range []func(*testing.T, *server){slowPager, slowCommand, fullInput} {
		sides.Go(func() { side(t, app.server) })
	}
	sides.Wait()
	app.server.noRuns(t, 10*time.Second)
}

func (s *server) command(args ...string) *exec.Cmd {
	cmd := exec.Command(s.binary(), append([]string{"run", "--app", "shop", "--"}, args...)...)
	cmd.Dir, cmd.Env = s.home(), s.env()
	return cmd
}

const slowSize = 32 << 20

func slowPager(t *testing.T, s *server) {
	cmd := s.command("sh", "-c", "head -c 33554432 /dev/zero | tr '\\0' x; exit 9")
	var errs bytes.Buffer
	cmd.Stderr = &errs
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Error(err)
		return
	}
	time.Sleep(slowly) // the person looks at the first page
	n, err := io.Copy(io.Discard, out)
	_ = cmd.Wait() // its state tells
	if code := cmd.ProcessState.ExitCode(); err != nil || n != slowSize || code != 9 {
		t.Errorf("a pager got %d bytes and exit code %d: %v %s", n, code, err, errs.String())
	}
}

func slowCommand(t *testing.T, s *server) {
	dump := bytes.Repeat([]byte("insert into t values (1);\n"), slowSize/26)
	sum := sha256.Sum256(dump)
	cmd := s.command("sh", "-c", "sleep 25; sha256sum; exit 8")
	var out, errs bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = bytes.NewReader(dump), &out, &errs
	_ = cmd.Run() // its state tells
	if code := cmd.ProcessState.ExitCode(); code != 8 || !strings.HasPrefix(out.String(), hex.EncodeToString(sum[:])) {
		t.Errorf("a slow command ended with %d, %q %s", code, out.String(), errs.String())
	}
}

func fullInput(t *testing.T, s *server) {
	cmd := s.command("node", "-e", "process.on('SIGINT', () => process.exit(42)); setInterval(() => {}, 1000); console.log('ready')")
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Error(err)
		return
	}
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Error(err)
		return
	}
	go func() {
		_, _ = in.Write(make([]byte, slowSize)) // cut off at the end
		_ = in.Close()
	}()
	ready := make([]byte, 6)
	if _, err := io.ReadFull(out, ready); err != nil {
		t.Errorf("a command whose input is full says %q: %v", ready, err)
	}
	time.Sleep(slowly)
	if err := cmd.Process.Signal(syscall.SIGINT); err != nil {
		t.Error(err)
	}
	_ = cmd.Wait() // its state tells
	if code := cmd.ProcessState.ExitCode(); code != 42 {
		t.Errorf("Ctrl-C at a command whose input is full ends it with %d", code)
	}
}
