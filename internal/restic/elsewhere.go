package restic

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"
	"time"

	"github.com/lugsail/lugsail/platform"
)

// Kept is a snapshot as the repository lists it.
type Kept struct {
	ID   string    `json:"id"`
	Time time.Time `json:"time"`
}

// Init makes the repository; one that is there already is opened with the password instead.
func (r Repository) Init(ctx context.Context) error {
	err := r.run(ctx, "opening the repository", "", "cat", "config")
	var e *platform.Error
	for range 2 { // restic may be gone before it has read why ssh was
		if errors.As(err, &e) && e.Code == "backup_session" {
			err = r.run(ctx, "opening the repository", "", "cat", "config")
		}
	}
	if !errors.As(err, &e) || e.Code != "backup_repository_missing" {
		return err
	}
	return r.run(ctx, "making the repository", "", "init")
}

// Keep stores paths below a directory with tags. Files whose size and time are those of the last time are not read
// again, also when links to them were made since.
func (r Repository) Keep(ctx context.Context, dir string, paths, tags []string, progress func(float64)) (platform.Stored, error) {
	return r.keep(ctx, "storing the backup", dir, nil, progress, tags, append([]string{"--ignore-ctime", "--"}, paths...)...)
}

// KeepStream stores what produce writes as one file. What a producer that failed has written is not kept.
func (r Repository) KeepStream(ctx context.Context, name string, tags []string, produce func(io.Writer) error) (platform.Stored, error) {
	in, out := io.Pipe()
	produced := make(chan error, 1)
	go func() {
		err := produce(out)
		produced <- err
		_ = out.Close() // never fails
	}()
	stored, err := r.keep(ctx, "storing the backup", "", in, nil, tags, "--stdin", "--stdin-filename", name)
	_ = in.Close() // ends a producer whose reader has gone
	if failed := <-produced; failed != nil && err == nil {
		return platform.Stored{}, errors.Join(failed, r.Forget(context.WithoutCancel(ctx), stored.ID))
	}
	return stored, err
}

// Read writes one file of a snapshot. Each piece is checked on the way.
func (r Repository) Read(ctx context.Context, id, name string, to io.Writer) error {
	return r.start(ctx, "reading the backup", "", to, "dump", "--", id, name)
}

// RestoreVerified writes all of a snapshot below a directory, and reads it there once more.
func (r Repository) RestoreVerified(ctx context.Context, id, dir string) error {
	return r.run(ctx, "reading the backup", "", "restore", "--verify", "--target", dir, "--", id)
}

// Tagged lists the snapshots that have a tag, the oldest first.
func (r Repository) Tagged(ctx context.Context, name string) ([]Kept, error) {
	var out bytes.Buffer
	if err := r.start(ctx, "listing the backups", "", &out, "snapshots", "--json", "--tag", name); err != nil {
		return nil, err
	}
	var all []Kept
	if err := json.Unmarshal(out.Bytes(), &all); err != nil {
		return nil, fmt.Errorf("listing the backups: %w", err)
	}
	return all, nil
}

// explainElsewhere is explain for a repository that is not on this server.
func explainElsewhere(doing, said string, err error) error {
	cause := fmt.Errorf("%s: %w: %s", doing, err, tail(said))
	unavailable := func(code, message, hint string) error {
		return platform.Errorf(platform.Unavailable, code, "%s", message).WithHint("%s", hint).Because(cause)
	}
	switch {
	case says(said, "wrong password or no key found"):
		return unavailable("backup_password_wrong", "The password does not open the backups.", "Give the one that was shown when backups were set up: lugsail backups set ADDRESS --password-file FILE")
	case says(said, "no space left on device", "disk quota exceeded"):
		return platform.Errorf(platform.NoRoom, "backup_full", "There is no room where the backups go.").WithHint("Make some room there, or let them go elsewhere: lugsail backups set ADDRESS").Because(cause)
	case says(said, "Access Denied", "InvalidAccessKeyId", "SignatureDoesNotMatch", "AccessDenied", "Access Key Id you provided does not exist", "request signature we calculated does not match", "No user exists with the provided access key"):
		return unavailable("backup_denied", "The storage does not accept the access key.", "Look whether the key and its secret are right and may read, write and delete in the bucket: lugsail backups set ADDRESS")
	case says(said, "RequestTimeTooSkewed", "request time and the current time is too large", "request time and the server's time is too large"):
		return unavailable("backup_clock", "The storage refuses this server because its clock is wrong.", "Set the clock, as root on the server: apt-get install systemd-timesyncd")
	case says(said, "Permission denied (publickey", "Permission denied, please try again", "Too many authentication failures"):
		return unavailable("backup_denied", "The SFTP server does not let this server log in.", "Add this server's key there, as `lugsail backups key` shows it, to ~/.ssh/authorized_keys.")
	case says(said, "Host key verification failed", "REMOTE HOST IDENTIFICATION HAS CHANGED"):
		return unavailable("backup_host_changed", "The SFTP server shows another host key than the first time.", "If that is meant to be so, say again where backups go: lugsail backups set ADDRESS --new-host-key")
	case says(said, "no such host", "Could not resolve hostname", "connection refused", "Connection refused", "i/o timeout", "Connection timed out", "No route to host", "network is unreachable", "connection reset"):
		return unavailable("backup_unreachable", "The place where the backups go does not answer.", "Look whether the address is right and the machine is up. The next backup tries again by itself.")
	case says(said, "unable to start the sftp session"):
		return unavailable("backup_session", "The SFTP server did not let a session begin.", "Look whether the address is right and the server offers SFTP. The next backup tries again by itself.")
	case says(said, "Is there a repository at the following location", "repository does not exist", "unable to open config file"):
		return unavailable("backup_repository_missing", "There are no backups at that address.", "If it is a disk, look whether it is mounted. A new place for backups is made by: lugsail backups set ADDRESS")
	case says(said, "already locked"):
		return unavailable("backup_busy", "Something else is being done with the backups just now.", "Try again when it is over: lugsail backups")
	case says(said, "no matching ID found", "no snapshot found"):
		return platform.Errorf(platform.NotFound, "backup_lost", "The backup is not there any more.").WithHint("Take another one: lugsail backups").Because(cause)
	case says(said, damage...):
		return unavailable("backup_damaged", "What was stored of the backups is damaged: the storage did not keep a part of what was written"+damagedFile(said)+".", "Make a new place for them: lugsail backups set ADDRESS. Backups that do not need that part can still be restored.")
	}
	if answer := storageSaid.FindStringSubmatch(said); answer != nil {
		return unavailable("backup_refused", "The storage does not do what the backups need. It says: "+strings.TrimSuffix(answer[1], ".")+".", "Look whether the address, the bucket and what the key may do are right: lugsail backups set ADDRESS")
	}
	return cause
}

// storageSaid finds what an S3 server answers in what restic says.
var storageSaid = regexp.MustCompile(`client\.\w+: (.{1,200})`)

var packName = regexp.MustCompile(`(?i)\bpack (?:id does not match, want )?([0-9a-f]{8,64})`)

// damagedFile names the file that restic complains of, where it does.
func damagedFile(said string) string {
	found := packName.FindStringSubmatch(said)
	if found == nil {
		return ""
	}
	return fmt.Sprintf(", in data/%.2s/%s", found[1], found[1])
}
