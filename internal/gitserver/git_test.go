package gitserver

import (
	"os"
	"path/filepath"
	"testing"
)

func TestWriteHome_LeavesAFileThatIsRightAsItIs(t *testing.T) {
	home := t.TempDir()
	var before os.FileInfo
	for range 2 {
		if err := writeHome(home); err != nil {
			t.Fatal(err)
		}
		info, err := os.Stat(filepath.Join(home, ".gitconfig"))
		if err != nil {
			t.Fatal(err)
		}
		if before != nil && !os.SameFile(before, info) {
			t.Error("the file was written anew")
		}
		before = info
	}
}
