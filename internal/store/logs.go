package store

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"sync"
	"time"

	"github.com/lugsail/lugsail/platform"
)

// Limits of logs.
const (
	maxLogBytes = 20 << 20
	maxLogLine  = 16 << 10 // longer lines are cut into several
)

// Logs keeps one file of lines for each deployment. Each line starts with its time. Followers
// in this process are woken by the writers; an offset is a position in the log, and stays valid.
// An app's own log has no end: of it the newest 10 to 20 MiB are kept, in two files.
type Logs struct {
	dir    string
	now    func() time.Time
	waiter *broadcast

	mu   sync.Mutex
	open map[string]*logFile

	older sync.Map     // the older files of endless logs, by the path of the present one
	seams sync.RWMutex // held while a log gets a new file, and while its files are opened for reading
}

var logID = regexp.MustCompile(`^[a-zA-Z0-9_-]{1,64}$`)

func newLogs(dir string, now func() time.Time) (*Logs, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("making the directory of logs: %w", err)
	}
	return &Logs{dir: dir, now: now, waiter: newBroadcast(), open: map[string]*logFile{}}, nil
}

func (l *Logs) path(deploymentID string) (string, error) {
	if !logID.MatchString(deploymentID) {
		return "", platform.Errorf(platform.NotFound, "deployment_not_found", "There is no such deployment.")
	}
	return filepath.Join(l.dir, deploymentID+".log"), nil
}

// Writer appends to the log of a deployment, line by line. Several writers of one log may be
// open; each keeps its own unfinished line. Over 20 MiB the rest of a
// deployment's is left out, and said so.
func (l *Logs) Writer(deploymentID string) (io.WriteCloser, error) {
	path, err := l.path(deploymentID)
	if err != nil {
		return nil, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	file, ok := l.open[deploymentID]
	if !ok {
		if file, err = openLogFile(path, endless(deploymentID)); err != nil {
			return nil, err
		}
		l.open[deploymentID] = file
	}
	file.writers++
	return &logWriter{logs: l, id: deploymentID, file: file}, nil
}

// release closes the file when its last writer has gone.
func (l *Logs) release(id string, file *logFile) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	file.writers--
	if file.writers > 0 {
		return nil
	}
	delete(l.open, id)
	if err := file.f.Close(); err != nil {
		return fmt.Errorf("closing the log: %w", err)
	}
	return nil
}

// Read calls fn for each line from the offset on, with the offset behind the line.
func (l *Logs) Read(ctx context.Context, deploymentID string, from int64, fn func(offset int64, line string) error) error {
	return l.Follow(ctx, deploymentID, from, fn, func() bool { return true })
}

// Follow calls fn for each line from the offset on, with the offset behind the line (give it as
// from to go on there), and waits for more until done says that no more will come, or ctx ends.
// done is asked again after each write and whenever the deployment's row changes.
func (l *Logs) Follow(ctx context.Context, deploymentID string, from int64, fn func(offset int64, line string) error, done func() bool) error {
	path, err := l.path(deploymentID)
	if err != nil {
		return err
	}
	for {
		var last bool
		if from, last, err = l.followOnce(ctx, deploymentID, path, from, fn, done); err != nil || last {
			return err
		}
	}
}

// followOnce reads what is there and, unless that was all, waits for a writer.
func (l *Logs) followOnce(ctx context.Context, id, path string, from int64, fn func(int64, string) error, done func() bool) (int64, bool, error) {
	writers := l.waiter.wait(id)
	defer l.waiter.leave(id, writers)
	last := done() // before reading: what was written before the end is still read
	from, err := l.readLines(ctx, path, from, last, fn)
	if err != nil || last {
		return from, last, err
	}
	select {
	case <-ctx.Done():
		return from, false, fmt.Errorf("following the log: %w", ctx.Err())
	case <-writers.woken:
		return from, false, nil
	}
}

// Remove deletes the log of a deployment; one that is not there is no error.
func (l *Logs) Remove(deploymentID string) error {
	path, err := l.path(deploymentID)
	if err != nil {
		return err
	}
	l.seams.Lock()
	defer l.seams.Unlock()
	older, err := l.olderFiles(path)
	errs := []error{err}
	l.older.Delete(path)
	for _, path := range append([]string{path}, older...) {
		if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			errs = append(errs, fmt.Errorf("removing the log: %w", err))
		}
	}
	return errors.Join(errs...)
}
