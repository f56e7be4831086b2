package store

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/lugsail/lugsail/platform"
)

// maxLogFile is how long a file of an endless log gets. The file before it is kept too.
const maxLogFile = maxLogBytes / 2

// endless reports whether a log is one that goes on for as long as its app.
func endless(id string) bool { return strings.HasPrefix(id, platform.AppLog("")) }

// olderFiles lists the files that a log had before its present one, the newest first. Such a one is
// named after the offset at which the present one begins.
func (l *Logs) olderFiles(path string) ([]string, error) {
	if !endless(filepath.Base(path)) {
		return nil, nil
	}
	if known, ok := l.older.Load(path); ok {
		return known.([]string), nil
	}
	entries, err := os.ReadDir(l.dir)
	if err != nil {
		return nil, fmt.Errorf("looking for the files of the log: %w", err)
	}
	found := []string{}
	for _, entry := range entries {
		name := filepath.Join(l.dir, entry.Name())
		if strings.HasPrefix(name, path+".") && beginsAt(name) > 0 {
			found = append(found, name)
		}
	}
	slices.SortFunc(found, func(a, b string) int { return cmp.Compare(beginsAt(b), beginsAt(a)) })
	l.older.Store(path, found)
	return found, nil
}

func beginsAt(name string) int64 {
	n, err := strconv.ParseInt(strings.TrimPrefix(filepath.Ext(name), "."), 10, 64)
	if err != nil {
		return -1
	}
	return n
}

// rotate lets a log go on in a new file. After a crash in between there is no present file, which
// reads as an empty one, or there are two older ones, of which the newest counts.
func (l *Logs) rotate(f *logFile) error {
	l.seams.Lock()
	defer l.seams.Unlock()
	path := f.f.Name()
	older, err := l.olderFiles(path)
	if err != nil {
		return err
	}
	begin := f.size
	if len(older) > 0 {
		begin += beginsAt(older[0])
	}
	before := path + "." + strconv.FormatInt(begin, 10)
	if err := os.Rename(path, before); err != nil {
		return fmt.Errorf("beginning a new file of the log: %w", err)
	}
	next, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return errors.Join(fmt.Errorf("beginning a new file of the log: %w", logError(filepath.Dir(path), err)), os.Rename(before, path))
	}
	errs := []error{f.f.Close()}
	f.f, f.size = next, 0
	l.older.Store(path, []string{before})
	for _, name := range older {
		errs = append(errs, os.Remove(name))
	}
	return errors.Join(errs...)
}

// opened is a file of a log, and where in the log it begins.
type opened struct {
	*os.File
	begin int64
}

// openForReading opens the log's files, the oldest first.
func (l *Logs) openForReading(path string) (files []opened, err error) {
	l.seams.RLock()
	defer l.seams.RUnlock()
	defer func() {
		if err != nil {
			closeAll(files)
		}
	}()
	begin := int64(0)
	older, err := l.olderFiles(path)
	if err != nil {
		return nil, err
	}
	if len(older) > 0 {
		begin = beginsAt(older[0])
		f, err := os.Open(older[0])
		if err != nil {
			return files, fmt.Errorf("opening the log: %w", err)
		}
		files = append(files, opened{File: f})
		info, err := f.Stat()
		if err != nil {
			return files, fmt.Errorf("opening the log: %w", err)
		}
		files[0].begin = begin - info.Size()
	}
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return files, nil
	}
	if err != nil {
		return files, fmt.Errorf("opening the log: %w", err)
	}
	return append(files, opened{f, begin}), nil
}

func closeAll(files []opened) {
	for _, f := range files {
		_ = f.Close() // nothing was written
	}
}

// readLines reads what is there from an offset on, or from the oldest line that is kept; a line
// without its end counts only when it is the last for ever.
func (l *Logs) readLines(ctx context.Context, path string, from int64, last bool, fn func(int64, string) error) (int64, error) {
	files, err := l.openForReading(path)
	if err != nil {
		return from, err
	}
	defer closeAll(files)
	for i, f := range files {
		if i+1 < len(files) && from >= files[i+1].begin {
			continue
		}
		if from, err = f.readLines(ctx, max(from, f.begin), last, fn); err != nil {
			return from, err
		}
	}
	return from, nil
}

func (f opened) readLines(ctx context.Context, from int64, last bool, fn func(int64, string) error) (int64, error) {
	if _, err := f.Seek(from-f.begin, io.SeekStart); err != nil {
		return from, fmt.Errorf("reading the log: %w", err)
	}
	lines := bufio.NewReaderSize(f, 64<<10)
	for ctx.Err() == nil {
		line, err := lines.ReadString('\n')
		if err != nil && !errors.Is(err, io.EOF) {
			return from, fmt.Errorf("reading the log: %w", err)
		}
		if line == "" || (err != nil && !last) {
			return from, nil
		}
		from += int64(len(line))
		if err := fn(from, strings.TrimSuffix(line, "\n")); err != nil {
			return from, err
		}
	}
	return from, fmt.Errorf("reading the log: %w", ctx.Err())
}
