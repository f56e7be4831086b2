package platform

import (
	"path"
	"regexp"
	"strings"
	"time"
)

// Volume is a directory of an app that outlives its replicas: what an app writes anywhere else goes with
// the replica that wrote it.
type Volume struct {
	ID        string      `gorm:"primaryKey"` // never changes, and names it on the engine
	AppID     string      `gorm:"uniqueIndex:volume_name;not null"`
	Name      string      `gorm:"uniqueIndex:volume_name;not null"` // for people
	Path      string      `gorm:"not null"`                         // where the app's processes find it: "/data"
	Shared    bool        `gorm:"not null"`                         // several replicas may have it at once; false: one at a time
	State     VolumeState `gorm:"not null"`
	TrashedAt *time.Time  // since when it is in the trash; nil when it is not
	CreatedAt time.Time
	CreatedBy string // the account's e-mail address
}

// VolumeState is where a volume is in its life.
type VolumeState string

// The states of a volume.
const (
	VolumeActive  VolumeState = "active"
	VolumeTrashed VolumeState = "trashed" // no replica gets it; its files are kept until TrashEnds
)

// TrashEnds is when a volume in the trash is removed for good; the zero time when it is not in the trash.
func (v Volume) TrashEnds() time.Time {
	if v.State != VolumeTrashed || v.TrashedAt == nil {
		return time.Time{}
	}
	return v.TrashedAt.Add(TrashTime)
}

// FreshVolume is the extended attribute of a volume's directory that no container had yet although it has files,
// which people put there: who starts the first one gives it, with all in it, to the user that it runs as. No
// container can set an attribute of this kind.
const FreshVolume = "trusted.lugsail.fresh"

// MaxVolumes bounds the volumes of one app, those in the trash too.
const MaxVolumes = 20

// Mount is a volume as a replica or a run gets it.
type Mount struct {
	VolumeID string
	Name     string // of the volume, for people
	Path     string
	Shared   bool
}

// Mounts gives what processes of the app get: its volumes that are not in the trash.
func Mounts(volumes []Volume) []Mount {
	var mounts []Mount
	for _, v := range volumes {
		if v.State == VolumeActive {
			mounts = append(mounts, Mount{VolumeID: v.ID, Name: v.Name, Path: v.Path, Shared: v.Shared})
		}
	}
	return mounts
}

var (
	volumeName = regexp.MustCompile(`^[a-z](-?[a-z0-9]){0,29}$`)
	volumePath = regexp.MustCompile(`^(/[A-Za-z0-9._+@~=-]+)+$`) // it stands in commands that people copy
)

// ValidateVolumeName holds the rule for names: 1 to 30 lower-case letters, digits and single hyphens, a letter first.
func ValidateVolumeName(name string) error {
	if !volumeName.MatchString(name) || len(name) > 30 {
		return Errorf(Invalid, "volume_name_invalid", "%s cannot be the name of a volume.", quoteShort(name)).
			WithHint("Use up to 30 lower-case letters, digits and hyphens, starting with a letter, for example uploads.")
	}
	return nil
}

// ValidateVolumePath refuses a path at which a volume would hide the system or the app itself.
func ValidateVolumePath(p string) error {
	hint := "Give a directory of its own, for example /data or /var/www/uploads."
	if p != "/" && (len(p) > 255 || !volumePath.MatchString(p) || path.Clean(p) != p) {
		return Errorf(Invalid, "volume_path_invalid", "%s cannot be where a volume lies.", quoteShort(p)).
			WithHint("It must be a whole path from / on, of letters, digits and the signs . _ - + @ ~ =. %s", hint)
	}
	for _, taken := range []string{"/", "/bin", "/boot", "/etc", "/home", "/home/app", "/lib", "/lib32", "/lib64", "/opt", "/root", "/run", "/sbin", "/tmp", "/usr", "/usr/local", "/var", "/var/lib", "/.dockerenv", "/etc/group", "/etc/hostname", "/etc/hosts", "/etc/passwd", "/etc/resolv.conf", "/etc/shadow"} {
		if p == taken {
			return Errorf(Invalid, "volume_path_reserved", "A volume at %s would hide what is there.", p).WithHint("%s", hint)
		}
	}
	for _, taken := range []string{"/proc", "/sys", "/dev", "/cnb", "/layers", "/usr/bin", "/usr/sbin", "/usr/lib", "/etc/ssl"} {
		if Below(p, taken) {
			return Errorf(Invalid, "volume_path_reserved", "A volume at %s would hide a part of the system.", p).WithHint("%s", hint)
		}
	}
	return nil
}

// Below reports whether a path is a directory or lies in it.
func Below(p, directory string) bool {
	return p == directory || strings.HasPrefix(p, strings.TrimSuffix(directory, "/")+"/")
}
