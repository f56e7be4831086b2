// Package turn lets tests of several packages, which run side by side, take turns at what the machine has once.
package turn

import (
	"os"
	"syscall"
	"testing"
)

// Steps keeps other tests from building with Dockerfiles on this machine until the end of the test: engines before
// 23 have one control group and one bridge for the steps of all builds.
func Steps(t testing.TB) {
	t.Helper()
	file, err := os.OpenFile("/tmp/lugsail-steps.lock", os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = file.Close() }) // and with it the lock goes
	if err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX); err != nil {
		t.Fatal(err)
	}
}
