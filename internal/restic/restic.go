// Package restic keeps snapshots in a restic repository: encrypted, each piece once, checked when it is read. The
// program is Debian's, and is driven by lists of arguments.
//
// What surprises: a repository elsewhere (S3, SFTP) differs from the one in our directory by little but its address.
// Passwords are in a file or in the environment and never an argument, which everybody on the machine could read. A
// restic that we started ends with us: one that wrote files on would do so under the feet of the next start. And a
// repository elsewhere is never made by the way: an address where there is none any more is a disk that is not mounted.
package restic

import (
	"bufio"
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"github.com/lugsail/lugsail/internal/atomicfile"
	"github.com/lugsail/lugsail/internal/command"
	"github.com/lugsail/lugsail/platform"
)

// tag marks the snapshots that are ours.
const tag = "lugsail"

// Repository is where snapshots lie.
type Repository struct {
	Address  string // as restic takes it: a directory, sftp:…, s3:…
	KeyFile  string // holds the password
	Password string // in the place of a key file: the repository is for backups, and elsewhere
	Env      []string
	Options  []string // of restic's backends, NAME=VALUE
	CacheDir string   // of what the repository lists, so that it is not fetched each time; "" means none
	TempDir  string   // "" means the system's
}

func (r Repository) elsewhere() bool { return r.Password != "" }

// Open makes the repository and its password where they are missing, and drops locks that a crash has left.
func (r Repository) Open(ctx context.Context) error {
	if r.elsewhere() {
		return r.run(ctx, "opening the repository", "", "unlock")
	}
	if err := r.makeKey(); err != nil {
		return err
	}
	if _, err := os.Stat(filepath.Join(r.Address, "config")); errors.Is(err, fs.ErrNotExist) {
		return r.run(ctx, "making the repository", "", "init")
	}
	return r.run(ctx, "opening the repository", "", "unlock")
}

func (r Repository) makeKey() error {
	if _, err := os.Stat(r.KeyFile); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if _, err := os.Stat(filepath.Join(r.Address, "config")); err == nil {
		return platform.Errorf(platform.NotFound, "snapshot_key_missing", "The password of the snapshots, %s, is not there.", r.KeyFile).
			WithHint("Restore it from your copy. Without it, no snapshot can be read.")
	}
	return atomicfile.Write(r.KeyFile, []byte(rand.Text()+rand.Text()+"\n"), 0o600)
}

// Backup stores paths below a directory, under the names that they have there. parent is a snapshot whose unchanged
// files need not be read again; "" for none. progress hears which part of it is done, from 0 to 1.
func (r Repository) Backup(ctx context.Context, dir string, paths []string, parent string, progress func(float64)) (platform.Stored, error) {
	var args []string
	if parent != "" {
		args = append(args, "--parent", parent)
	}
	return r.keep(ctx, "storing the snapshot", dir, nil, progress, []string{tag}, append(append(args, "--"), paths...)...)
}

// keep is how both kinds of repositories take something in.
func (r Repository) keep(ctx context.Context, doing, dir string, in io.Reader, progress func(float64), tags []string, rest ...string) (platform.Stored, error) {
	args := []string{"backup", "--json", "--host", tag}
	for _, t := range tags {
		args = append(args, "--tag", t)
	}
	told := &messages{progress: progress}
	err := r.feed(ctx, doing, dir, in, told, append(args, rest...)...)
	stored := platform.Stored{ID: told.summary.SnapshotID, Bytes: told.summary.Bytes}
	if incomplete(err) && stored.ID != "" {
		stored.Incomplete, err = true, nil
	}
	if err == nil && stored.ID == "" {
		err = fmt.Errorf("%s: restic names none", doing)
	}
	return stored, err
}

// incomplete is how restic says that it has stored what it could read.
func incomplete(err error) bool {
	var ended *command.ExitError
	return errors.As(err, &ended) && ended.Code == 3
}

// Restore writes all of a snapshot below a directory. Each piece is checked on the way.
func (r Repository) Restore(ctx context.Context, id, dir string) error {
	return r.run(ctx, "reading the snapshot", "", "restore", "--target", dir, "--", id)
}

// Forget removes snapshots, with all that no other one holds.
func (r Repository) Forget(ctx context.Context, ids ...string) error {
	if len(ids) == 0 {
		return nil
	}
	return r.run(ctx, "removing snapshots", "", append([]string{"forget", "--prune", "--quiet", "--"}, ids...)...)
}

// Snapshots lists the whole ids of all that are ours. Backup may have told the beginning of one only.
func (r Repository) Snapshots(ctx context.Context) ([]string, error) {
	var out bytes.Buffer
	if err := r.start(ctx, "listing the snapshots", "", &out, "snapshots", "--json", "--tag", tag); err != nil {
		return nil, err
	}
	var all []struct {
		ID string `json:"id"`
	}
	if err := json.Unmarshal(out.Bytes(), &all); err != nil {
		return nil, fmt.Errorf("listing the snapshots: %w", err)
	}
	ids := make([]string, len(all))
	for i, s := range all {
		ids[i] = s.ID
	}
	return ids, nil
}

// Check looks the repository over, and reads a part of its data: "100%" is all. Damage answers Unavailable, code
// snapshot_damaged or backup_damaged.
func (r Repository) Check(ctx context.Context, part string) error {
	return r.run(ctx, "checking the repository", "", "check", "--quiet", "--read-data-subset="+part)
}

func (r Repository) run(ctx context.Context, doing, dir string, args ...string) error {
	return r.start(ctx, doing, dir, nil, args...)
}

func (r Repository) start(ctx context.Context, doing, dir string, out io.Writer, args ...string) error {
	return r.feed(ctx, doing, dir, nil, out, args...)
}

func (r Repository) feed(ctx context.Context, doing, dir string, in io.Reader, out io.Writer, args ...string) error {
	if command.Find("restic") == "" {
		return platform.Errorf(platform.Unavailable, "restic_missing", "The program restic is not installed, which snapshots and backups need.").
			WithHint("As root on the server: apt-get install restic")
	}
	var errs bytes.Buffer
	c := command.Command{
		Name: "restic", Args: append(r.where(), args...), Dir: dir, Env: r.env(), Stdin: in, Stdout: out, Stderr: &errs,
		Attr: &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL},
	}
	err := c.Run(ctx)
	if err == nil || ctx.Err() != nil {
		return err
	}
	if r.elsewhere() {
		return explainElsewhere(doing, errs.String(), err)
	}
	return explain(doing, errs.String(), err)
}

func (r Repository) where() []string {
	args := []string{"--repo", r.Address}
	if r.CacheDir != "" {
		args = append(args, "--cleanup-cache", "--cache-dir", r.CacheDir)
	} else {
		args = append(args, "--no-cache")
	}
	for _, o := range r.Options {
		args = append(args, "--option", o)
	}
	return args
}

func (r Repository) env() []string {
	password := "RESTIC_PASSWORD_FILE=" + r.KeyFile
	if r.elsewhere() {
		password = "RESTIC_PASSWORD=" + r.Password
	}
	return append([]string{password, "RESTIC_PROGRESS_FPS=1", "HOME=/nonexistent", "LC_ALL=C.UTF-8", "TMPDIR=" + r.TempDir}, r.Env...)
}

// explain turns what restic says into what a person can act on. It has no codes for it, but for the newest versions.
func explain(doing, said string, err error) error {
	has := func(texts ...string) bool { return says(said, texts...) }
	cause := fmt.Errorf("%s: %w: %s", doing, err, tail(said))
	switch {
	case has("no space left on device", "disk quota exceeded"):
		return platform.Errorf(platform.NoRoom, "disk_full", "The disk became full while %s.", doing).
			WithHint("`lugsail disk` shows what takes it. Free some space and try again. The app runs as before.").Because(cause)
	case has(damage...):
		return platform.Errorf(platform.Unavailable, "snapshot_damaged", "What was stored of the snapshots is damaged: the disk did not keep a part of what was written.").
			WithHint("Snapshots that do not need that part can still be restored. Make a new one, and check the disk: dmesg shows its errors.").Because(cause)
	case has("wrong password or no key found"):
		return platform.Errorf(platform.Unavailable, "snapshot_key_wrong", "The password file is not the one that the snapshots were stored with.").
			WithHint("Put back the snapshots.key that lay beside the server's master key.").Because(cause)
	case has("no matching ID found", "no snapshot found"):
		return platform.Errorf(platform.NotFound, "snapshot_lost", "The repository does not have the snapshot any more.").
			WithHint("Restore another one.").Because(cause)
	}
	return cause
}

// damage is what restic says when a part of what was stored is not as it was.
var damage = []string{"ciphertext verification failed", "does not match", "repository contains errors", "invalid data returned", "hash mismatch", "unexpected EOF", "not found in repository", "not found in index"}

func says(said string, texts ...string) bool {
	return slices.ContainsFunc(texts, func(t string) bool { return strings.Contains(said, t) })
}

func tail(said string) string {
	said = strings.TrimSpace(said)
	return said[max(0, len(said)-600):]
}

// messages reads what restic tells of its work, one JSON value in a line.
type messages struct {
	progress func(float64)
	rest     []byte
	summary  struct {
		SnapshotID string `json:"snapshot_id"`
		Bytes      int64  `json:"total_bytes_processed"`
	}
}

func (m *messages) Write(p []byte) (int, error) {
	m.rest = append(m.rest, p...)
	lines := bufio.NewScanner(bytes.NewReader(m.rest))
	lines.Buffer(nil, 1<<20)
	end := bytes.LastIndexByte(m.rest, '\n') + 1
	for at := 0; at < end && lines.Scan(); at += len(lines.Bytes()) + 1 {
		m.line(lines.Bytes())
	}
	m.rest = append([]byte(nil), m.rest[end:]...)
	return len(p), nil
}

func (m *messages) line(text []byte) {
	var said struct {
		Kind string  `json:"message_type"`
		Done float64 `json:"percent_done"`
	}
	if json.Unmarshal(text, &said) != nil {
		return // no line of ours
	}
	switch said.Kind {
	case "status":
		if m.progress != nil {
			m.progress(said.Done)
		}
	case "summary":
		_ = json.Unmarshal(text, &m.summary) // an empty id is told by Backup
	}
}
