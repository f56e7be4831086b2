package platform

// Room is what is left of a file system, as users other than root see it. Files counts entries
// that can still be made; a file system that does not count them has 0 of 0.
type Room struct {
	Free, Total      uint64 // bytes
	FreeFiles, Files uint64
}

// The headroom rule: on a full disk the engine does not start any more and apps that write stop,
// so nothing large begins below this. A tenth of a very large disk is more than anything needs.
const (
	leastFree = uint64(2) << 30
	mostFree  = uint64(20) << 30
)

// LeastFree is how many bytes must be free before something large begins.
func (r Room) LeastFree() uint64 { return min(max(leastFree, r.Total/10), mostFree) }

// LeastFiles is how many files must be left to be made.
func (r Room) LeastFiles() uint64 { return r.Files / 20 }

// Refuse answers NoRoom when there is not enough room to begin: code disk_low for bytes,
// disk_files for files. what is what would begin: "a build", "a push".
func (r Room) Refuse(what string) error { return r.RefuseBelow(r.LeastFree(), what) }

// RefuseBelow is Refuse with another number of bytes that must be free.
func (r Room) RefuseBelow(least uint64, what string) error {
	if r.Free < least {
		full := "nearly full"
		if r.Free < 50<<20 { // said as 0.0 GB
			full = "full"
		}
		return Errorf(NoRoom, "disk_low", "The server's disk is %s: %s are left of %s; %s needs %s.", full, gigabytes(r.Free), gigabytes(r.Total), what, gigabytes(least)).
			WithHint("`lugsail disk` shows what takes it. Remove apps or files that are not needed, or take a larger disk.")
	}
	if least := r.LeastFiles(); r.Files > 0 && r.FreeFiles < least {
		return Errorf(NoRoom, "disk_files", "The server's disk has room for %d more files, of %d; %s needs %d.", r.FreeFiles, r.Files, what, least).
			WithHint("Bytes are left, but every file needs an entry. Remove apps or folders with many small files, or take a larger disk. `lugsail disk` shows what takes it.")
	}
	return nil
}

func gigabytes(n uint64) string { return Bytes(int64(n)) }
