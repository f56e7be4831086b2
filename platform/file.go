package platform

import "time"

// VolumeFile is what lies in a directory of a volume.
type VolumeFile struct {
	Name       string // as its program named it: any bytes but / and NUL
	Kind       FileKind
	Bytes      int64 // of a file's contents; 0 for everything else
	ModifiedAt time.Time
}

// FileKind is what something in a volume is.
type FileKind string

// The kinds.
const (
	FileDirectory FileKind = "directory"
	FileRegular   FileKind = "file"
	FileLink      FileKind = "link"  // symbolic
	FileOther     FileKind = "other" // a pipe, a socket, a device
)

// MaxFilesListed bounds how many files of a directory are told of at once.
const MaxFilesListed = 1000

// Order is what lists of files are sorted by: directories first, then by name. It also says where a list goes on.
func (f VolumeFile) Order() string {
	if f.Kind == FileDirectory {
		return "0" + f.Name
	}
	return "1" + f.Name
}
