//go:build s3

package main

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/lugsail/lugsail/internal/command"
	"github.com/lugsail/lugsail/platform"
)

// TestBackupRepository_S3 keeps, finds a damaged object and restores by a real S3 server, which LUGSAIL_TEST_S3 names
// (make test-s3).
func TestBackupRepository_S3(t *testing.T) {
	buckets := filepath.Join(t.TempDir(), "buckets")
	if err := os.MkdirAll(filepath.Join(buckets, "kept"), 0o700); err != nil {
		t.Fatal(err)
	}
	address := fmt.Sprintf("127.0.0.1:%d", freePort(t))
	ctx, cancel := context.WithCancel(t.Context())
	server, err := command.Command{
		Name: os.Getenv("LUGSAIL_TEST_S3"), Args: []string{"--port", address, "--quiet", "posix", "--sidecar", t.TempDir(), buckets},
		Env: []string{"ROOT_ACCESS_KEY=ada", "ROOT_SECRET_KEY=the secret of ada"}, Stdout: os.Stderr, Stderr: os.Stderr,
	}.Start(ctx)
	if err != nil {
		t.Fatal(err)
	}
	end := func() { cancel(); _ = server.Wait() }
	t.Cleanup(end)
	for i := 0; ; i++ {
		if conn, err := net.Dial("tcp", address); err == nil {
			_ = conn.Close()
			break
		}
		if i == 300 {
			t.Fatal("the S3 server does not answer")
		}
		time.Sleep(20 * time.Millisecond)
	}
	target := platform.BackupTarget{Address: "s3:http://" + address + "/kept/lugsail", Password: "correct horse battery", KeyID: "ada", Secret: "the secret of ada"}
	wants := func(target platform.BackupTarget, code string) {
		t.Helper()
		r, err := backupRepository(t.TempDir(), target)
		if err == nil {
			err = r.Init(t.Context())
		}
		if got := platform.AsError(err); code == "" && err != nil || code != "" && (err == nil || got.Code != code) {
			t.Fatalf("got %v (%+v), want %q", err, got, code)
		} else if err != nil {
			t.Logf("%s %s", got.Message, got.Hint)
		}
	}
	wrong := target
	wrong.Secret = "another"
	wants(wrong, "backup_denied")
	wrong = target
	wrong.KeyID = "eve"
	wants(wrong, "backup_denied")
	wants(target, "")
	r, err := backupRepository(t.TempDir(), target)
	if err != nil {
		t.Fatal(err)
	}
	dir, out := t.TempDir(), t.TempDir()
	content := make([]byte, 3<<20)
	for i := range content {
		content[i] = byte(i * i >> 7)
	}
	if err := os.WriteFile(filepath.Join(dir, "kept"), content, 0o600); err != nil {
		t.Fatal(err)
	}
	stored, err := r.Keep(t.Context(), dir, []string{"kept"}, []string{"files"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := r.RestoreVerified(t.Context(), stored.ID, out); err != nil {
		t.Fatal(err)
	}
	if got, err := os.ReadFile(filepath.Join(out, "kept")); err != nil || string(got) != string(content) {
		t.Errorf("what came back has %d bytes, %v", len(got), err)
	}
	packs, err := filepath.Glob(filepath.Join(buckets, "kept", "lugsail", "data", "*", "*"))
	if err != nil || len(packs) == 0 {
		t.Fatalf("it keeps nothing in the bucket: %v, %v", packs, err)
	}
	for _, pack := range packs {
		text, err := os.ReadFile(pack)
		if err != nil {
			t.Fatal(err)
		}
		text[len(text)/2] ^= 1
		if err := os.WriteFile(pack, text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := r.RestoreVerified(t.Context(), stored.ID, t.TempDir()); err == nil {
		t.Error("a damaged object is not found")
	} else {
		t.Logf("damaged: %v", err)
	}
	end()
	wants(target, "backup_unreachable")
}
