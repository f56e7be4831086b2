package store

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/lugsail/lugsail/platform"
)

// lostKey is the key of another server.
type lostKey struct{ testKey }

func (lostKey) Open(_, _, _ string) ([]byte, error) {
	return nil, errors.New("sealed with another key")
}

func TestA82_CopyThatWasEditedOrSealedElsewhereIsRefusedAndNothingChanges(t *testing.T) {
	dir := t.TempDir()
	s := openTest(t, dir)
	app := furnish(t, s)
	path, err := s.Copy(t.Context())
	must(t, err)
	must(t, s.writer.Exec("UPDATE config_vars SET sealed = 'AAAA' WHERE app_id = ? AND name = 'SECRET'", app.ID).Error)
	edited, err := s.Copy(t.Context())
	must(t, err)
	must(t, s.Close())
	before, err := os.ReadFile(filepath.Join(dir, File))
	must(t, err)
	whole, err := os.ReadFile(path)
	must(t, err)
	flipped := filepath.Join(t.TempDir(), "flipped.db")
	for at := 4096; at+64 < len(whole); at += 4096 { // the heads of all pages but the first
		for i := range 64 {
			whole[at+i] ^= 0xff
		}
	}
	must(t, os.WriteFile(flipped, whole, 0o600))
	for name, c := range map[string]struct {
		path string
		key  Sealer
	}{"flipped bits": {flipped, testKey{}}, "edited secret": {edited, testKey{}}, "another key": {path, lostKey{}}} {
		_, err := StageRestore(t.Context(), Config{Dir: dir, Key: c.key}, c.path)
		if wantKind(t, err, platform.Invalid, "copy_unusable"); platform.AsError(err).Hint == "" {
			t.Errorf("%s: no hint", name)
		}
	}
	after, err := os.ReadFile(filepath.Join(dir, File))
	must(t, err)
	if _, err := os.Stat(filepath.Join(dir, restoreName)); !bytes.Equal(before, after) || !errors.Is(err, os.ErrNotExist) {
		t.Errorf("something was changed (%v)", err)
	}
	if _, err := StageRestore(t.Context(), Config{Dir: dir, Key: testKey{}}, path); err != nil {
		t.Errorf("the whole copy is refused: %v", err)
	}
}
