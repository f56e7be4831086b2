package e2e

import (
	"os"
	"testing"
)

// What a person downloads, and what a small server reads at each start.
func TestBinary_IsAtMost70MB(t *testing.T) {
	binary := os.Getenv("LUGSAIL_TEST_BINARY")
	if binary == "" {
		t.Fatal("LUGSAIL_TEST_BINARY names no program: run these tests with make e2e")
	}
	info, err := os.Stat(binary)
	check(t, err)
	if size := info.Size(); size > 70_000_000 {
		t.Errorf("the program has %d bytes; go tool nm -size -sort size of a build without -s tells whose they are", size)
	}
}
