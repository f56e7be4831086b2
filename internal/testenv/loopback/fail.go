package loopback

import (
	"path/filepath"
	"testing"
)

// Fail lets a file system of Ext4 end as if its disk had died: it takes nothing more, whatever is
// open for writing.
func Fail(t testing.TB, dir string) {
	t.Helper()
	Run(t, "mount", "-o", "remount,abort", dir)
}

// Repair is what an owner does then. Nothing may be open there. It goes on with a copy of the image: somebody's
// mount namespace may keep the dead one mounted, and whoever mounts that again gets it as dead as it is.
func Repair(t testing.TB, dir string) {
	t.Helper()
	image := filepath.Join(filepath.Dir(dir), "image")
	Run(t, "umount", dir)
	Run(t, "sync")
	Run(t, "cp", "--sparse=always", image, image+".repaired")
	Run(t, "sh", "-c", `e2fsck -f -y -- "$0" >/dev/null 2>&1 || [ $? -lt 4 ]`, image+".repaired") // 1 and 2 are: errors were corrected
	Run(t, "mount", "-o", "loop", image+".repaired", dir)
}
