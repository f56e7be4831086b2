package restic

import (
	"bytes"
	"crypto/rand"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/lugsail/lugsail/internal/testenv/loopback"
	"github.com/lugsail/lugsail/platform"
)

// elsewhere makes a repository for backups with one backup of a file, and one image.
func elsewhere(t *testing.T) (r Repository, dir string, files, image platform.Stored) {
	t.Helper()
	dir = t.TempDir()
	r = Repository{Address: filepath.Join(dir, "disk"), Password: "correct horse battery", CacheDir: filepath.Join(dir, "cache"), TempDir: dir}
	if err := r.Open(t.Context()); code(err) != "backup_repository_missing" {
		t.Fatalf("a repository that is not there: %v", err)
	}
	must(t, os.MkdirAll(r.Address, 0o700))
	must(t, r.Init(t.Context()))
	must(t, r.Init(t.Context())) // is there already
	must(t, os.MkdirAll(filepath.Join(dir, "staging"), 0o700))
	must(t, os.WriteFile(filepath.Join(dir, "staging", "one"), []byte("first"), 0o600))
	files, err := r.Keep(t.Context(), dir, []string{"staging"}, []string{"files"}, func(float64) {})
	must(t, err)
	image, err = r.KeepStream(t.Context(), "image.tar", []string{"image"}, func(to io.Writer) error {
		_, err := io.Copy(to, bytes.NewReader(bytes.Repeat([]byte("layer"), 1<<18)))
		return err
	})
	must(t, err)
	return r, dir, files, image
}

func TestElsewhere_WhatWasStoredComesBack(t *testing.T) {
	r, dir, files, image := elsewhere(t)
	must(t, r.Open(t.Context()))
	must(t, r.RestoreVerified(t.Context(), files.ID, filepath.Join(dir, "out")))
	if got, err := os.ReadFile(filepath.Join(dir, "out", "staging", "one")); err != nil || string(got) != "first" {
		t.Errorf("the file is %q, %v", got, err)
	}
	var tar bytes.Buffer
	must(t, r.Read(t.Context(), image.ID, "image.tar", &tar))
	if !bytes.Equal(tar.Bytes(), bytes.Repeat([]byte("layer"), 1<<18)) {
		t.Errorf("the image has %d bytes", tar.Len())
	}
	kept, err := r.Tagged(t.Context(), "files")
	if err != nil || len(kept) != 1 || !strings.HasPrefix(kept[0].ID, files.ID) || kept[0].Time.IsZero() {
		t.Errorf("kept: %+v, %v", kept, err)
	}
	must(t, r.Check(t.Context(), "100%"))
	must(t, r.Forget(t.Context(), files.ID, image.ID))
	if err := r.Read(t.Context(), image.ID, "image.tar", io.Discard); code(err) != "backup_lost" {
		t.Errorf("one that was removed: %v", err)
	}
}

func TestElsewhere_WhatAProducerThatFailedHasWrittenIsNotKept(t *testing.T) {
	r, _, _, _ := elsewhere(t)
	broken := errors.New("the engine is gone")
	_, err := r.KeepStream(t.Context(), "image.tar", []string{"half"}, func(to io.Writer) error {
		_, _ = to.Write([]byte("half of it"))
		return broken
	})
	if !errors.Is(err, broken) {
		t.Errorf("the error is %v", err)
	}
	if kept, err := r.Tagged(t.Context(), "half"); err != nil || len(kept) != 0 {
		t.Errorf("kept: %+v, %v", kept, err)
	}
}

func TestElsewhere_AWrongPasswordAndADamagedByteAreNamed(t *testing.T) {
	r, dir, files, _ := elsewhere(t)
	wrong := r
	wrong.Password, wrong.CacheDir = "another one", ""
	if err := wrong.Init(t.Context()); code(err) != "backup_password_wrong" {
		t.Errorf("a wrong password: %v", err)
	}
	packs, err := filepath.Glob(filepath.Join(r.Address, "data", "*", "*"))
	must(t, err)
	for _, pack := range packs {
		content, err := os.ReadFile(pack)
		must(t, err)
		content[len(content)/3] ^= 1
		must(t, os.Chmod(pack, 0o600))
		must(t, os.WriteFile(pack, content, 0o600))
	}
	err = r.Check(t.Context(), "100%")
	if code(err) != "backup_damaged" || !strings.Contains(err.Error(), "in data/") {
		t.Errorf("a damaged byte: %v", err)
	}
	if err := r.RestoreVerified(t.Context(), files.ID, filepath.Join(dir, "out")); err == nil {
		t.Error("a damaged backup is restored")
	}
}

func TestElsewhere_PasswordsAreNoArguments(t *testing.T) {
	r := Repository{Address: "s3:https://example.com/bucket", Password: "the password", Env: []string{"AWS_SECRET_ACCESS_KEY=the secret"}, Options: []string{"sftp.command=ssh"}}
	if args := strings.Join(r.where(), " "); strings.Contains(args, "the password") || strings.Contains(args, "the secret") {
		t.Errorf("A81: the arguments are %s", args)
	}
}

func TestElsewhere_APlaceThatIsFullIsSaidAndKeepsWhatItHas(t *testing.T) {
	disk := loopback.Ext4(t, 48, 0)
	dir := t.TempDir()
	r := Repository{Address: filepath.Join(disk, "backups"), Password: "correct horse battery", CacheDir: filepath.Join(dir, "cache"), TempDir: dir}
	must(t, os.Mkdir(r.Address, 0o700))
	must(t, r.Init(t.Context()))
	must(t, os.Mkdir(filepath.Join(dir, "staging"), 0o700))
	must(t, os.WriteFile(filepath.Join(dir, "staging", "one"), []byte("first"), 0o600))
	first, err := r.Keep(t.Context(), dir, []string{"staging"}, []string{"files"}, func(float64) {})
	must(t, err)
	large := make([]byte, 64<<20)
	_, _ = rand.Read(large) // never fails (Go 1.24)
	must(t, os.WriteFile(filepath.Join(dir, "staging", "large"), large, 0o600))
	if _, err := r.Keep(t.Context(), dir, []string{"staging"}, []string{"files"}, func(float64) {}); code(err) != "backup_full" || !strings.Contains(platform.AsError(err).Hint, "room") {
		t.Errorf("what does not fit: %v", err)
	}
	// With room again, what was there is there, and goes on.
	must(t, os.Remove(filepath.Join(dir, "staging", "large")))
	must(t, r.Open(t.Context()))
	must(t, r.RestoreVerified(t.Context(), first.ID, filepath.Join(dir, "out")))
	must(t, r.Forget(t.Context()))
	must(t, os.WriteFile(filepath.Join(dir, "staging", "two"), []byte("second"), 0o600))
	second, err := r.Keep(t.Context(), dir, []string{"staging"}, []string{"files"}, func(float64) {})
	must(t, err)
	must(t, r.Check(t.Context(), "100%"))
	must(t, r.RestoreVerified(t.Context(), second.ID, filepath.Join(dir, "again")))
	if got, err := os.ReadFile(filepath.Join(dir, "again", "staging", "two")); err != nil || string(got) != "second" {
		t.Errorf("the file is %q, %v", got, err)
	}
}

// The texts are what restic said of versitygw, MinIO and Amazon's servers.
func TestExplainElsewhere_AnswersOfS3Servers(t *testing.T) {
	for said, code := range map[string]string{
		"client.BucketExists: The request signature we calculated does not match the signature you provided. Check your key and signing method.": "backup_denied",
		"client.BucketExists: No user exists with the provided access key ID.":                                                                   "backup_denied",
		"client.BucketExists: The Access Key Id you provided does not exist in our records.":                                                     "backup_denied",
		"client.MakeBucket: Access Denied.": "backup_denied",
		"client.BucketExists: The difference between the request time and the current time is too large.": "backup_clock",
		"client.MakeBucket: The specified bucket is not valid.":                                           "backup_refused",
		"ciphertext verification failed":                                                                  "backup_damaged",
	} {
		err := explainElsewhere("making the repository", "Fatal: create repository at s3:https://example.com/b failed: "+said+"\n", errors.New("exit status 1"))
		if e := platform.AsError(err); e.Code != code || e.Hint == "" {
			t.Errorf("%s: %s %s %s", said, e.Code, e.Message, e.Hint)
		}
	}
}
