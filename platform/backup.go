package platform

import (
	"cmp"
	"net/url"
	"path"
	"slices"
	"strings"
	"time"
)

// Backup is a copy of the whole server that has left it: the database, keys and certificates, the repositories and
// images of all apps, and their snapshots.
type Backup struct {
	ID          string        `gorm:"primaryKey"`
	State       BackupState   `gorm:"not null"`
	Automatic   bool          `gorm:"not null"` // nobody asked for it: it goes when its time is over
	Repository  string        // its id where it is stored; "" until it is
	Images      []BackupImage `gorm:"serializer:json"`
	Apps        []BackupApp   `gorm:"serializer:json"`
	Bytes       int64         // of all in it but images, before the repository makes one of what is the same
	Gaps        string        // what is older in it than it should be, for people; "" for nothing
	FailureText string
	FailureHint string
	CreatedAt   time.Time
	CreatedBy   string // the account's e-mail address, or the system's name
	EndedAt     *time.Time
	Wanted      bool       `gorm:"not null"` // somebody has asked for a rehearsal of it
	RehearsedAt *time.Time // when it was last restored for a trial; nil: never
	Proof       string     // what the trial did, for people
	Fault       string     // what the trial found wrong; "" for nothing
}

// BackupImage is an image that is in a backup for itself, because nobody but the engine has it.
type BackupImage struct {
	Image  string `json:"image"`  // as releases name it
	Stored string `json:"stored"` // its id where it is stored
}

// BackupApp is an app in a backup.
type BackupApp struct {
	ID       string `json:"id"`
	Name     string `json:"name"`
	Snapshot string `json:"snapshot"` // id of the snapshot that its data return from; "" for an app without data
}

// BackupState is where a backup is in its life.
type BackupState string

// The states of a backup.
const (
	BackupMaking BackupState = "making"
	BackupReady  BackupState = "ready"
	BackupFailed BackupState = "failed"
)

// Proven reports whether a trial has restored it without finding a fault.
func (b Backup) Proven() bool { return b.RehearsedAt != nil && b.Fault == "" }

// OutdatedBackups tells which backups may go: automatic ones beyond the newest of 7 days, 4 weeks and 3 months, and
// after a week those that failed. What a person made stays, and so does the newest that is ready.
func OutdatedBackups(all []Backup, now time.Time) []Backup {
	sorted := slices.Clone(all)
	slices.SortFunc(sorted, func(a, b Backup) int { return b.CreatedAt.Compare(a.CreatedAt) })
	kept := newPeriods()
	return slices.DeleteFunc(sorted, func(b Backup) bool {
		switch b.State {
		case BackupMaking:
			return true
		case BackupFailed:
			return now.Sub(b.CreatedAt) < keptDays*24*time.Hour
		}
		return kept.keeps(b.CreatedAt) || !b.Automatic
	})
}

// BackupTarget is where backups go, and what opens it. The zero value is nowhere.
type BackupTarget struct {
	Address  string `json:"address"`  // as ParseBackupAddress takes it
	KeyID    string `json:"key_id"`   // of an S3 access key; "" for other targets
	Secret   string `json:"secret"`   // of that
	Password string `json:"password"` // of the repository: without it nobody reads a backup
}

// BackupPlace is the address of a target, taken apart.
type BackupPlace struct {
	Kind string // "path", "sftp" or "s3"
	Path string // absolute for a path; for sftp below the directory of the login, unless it begins with /; for s3 BUCKET/DIRECTORY
	User string // sftp
	Host string // sftp
	Port string // sftp; "" means 22
	URL  string // s3: of the endpoint
}

// AmazonS3 is the endpoint of s3:// addresses.
const AmazonS3 = "https://s3.amazonaws.com"

// ParseBackupAddress reads /a/directory, sftp://USER@HOST[:PORT]/DIRECTORY, s3:https://ENDPOINT/BUCKET[/DIRECTORY] or
// s3://BUCKET[/DIRECTORY], which is Amazon's. Anything else answers Invalid, code backup_address_invalid.
func ParseBackupAddress(text string) (BackupPlace, error) {
	text = strings.TrimSpace(text)
	refused := func(reason string) (BackupPlace, error) {
		return BackupPlace{}, Errorf(Invalid, "backup_address_invalid", "%s is no address for backups: %s.", quoteShort(text), reason).
			WithHint("Write /mnt/disk/backups, sftp://USER@HOST/DIRECTORY, s3://BUCKET/DIRECTORY, or s3:https://ENDPOINT/BUCKET/DIRECTORY.")
	}
	if strings.ContainsFunc(text, func(r rune) bool { return r <= ' ' || r == 0x7f || strings.ContainsRune(`"'\`, r) }) {
		return refused("it has a space, a quote or a backslash")
	}
	if strings.HasPrefix(text, "/") {
		if path.Clean(text) == "/" {
			return refused("the root directory holds everything else")
		}
		return BackupPlace{Kind: "path", Path: path.Clean(text)}, nil
	}
	kind, rest, _ := strings.Cut(text, ":")
	switch {
	case kind == "s3" && strings.HasPrefix(rest, "//"):
		rest = AmazonS3 + rest[1:]
	case kind == "sftp":
		rest = text
	case kind != "s3":
		return refused("it begins neither with / nor with sftp: or s3:")
	}
	u, err := url.Parse(rest)
	switch {
	case err != nil || u.Hostname() == "" || u.RawQuery != "" || u.Fragment != "":
		return refused("it names no host as it should")
	case u.User != nil && kind == "s3":
		return refused("an access key is given beside it, not in it")
	case strings.Trim(u.Path, "/") == "" || slices.Contains(strings.Split(u.Path, "/"), ".."):
		return refused("the directory or bucket is missing")
	case kind == "s3" && u.Scheme != "https" && u.Scheme != "http":
		return refused("the endpoint begins neither with https:// nor with http://")
	case kind == "s3":
		return BackupPlace{Kind: kind, URL: u.Scheme + "://" + u.Host, Path: strings.Trim(u.Path, "/")}, nil
	}
	if _, secret := u.User.Password(); secret || u.User.Username() == "" || strings.HasPrefix(u.User.Username(), "-") || strings.HasPrefix(u.Hostname(), "-") {
		return refused("it must name a user, without a password: this server logs in with a key of its own")
	}
	return BackupPlace{Kind: kind, User: u.User.Username(), Host: u.Hostname(), Port: cmp.Or(u.Port(), "22"), Path: u.Path[1:]}, nil
}
