package cli

import (
	"bufio"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/lugsail/lugsail/platform"
)

// ignoreFiles say what is not sent. Both have git's form; the second has the last word, also
// with ! for what git ignores and the app needs.
var ignoreFiles = []string{".gitignore", ".lugsailignore"}

// never are names that are not sent, whatever the files say: the build makes them, or nobody needs them.
var never = map[string]bool{".git": true, "node_modules": true, ".DS_Store": true, ".hg": true, ".svn": true}

// ignored knows what is not sent of a folder. In a git work tree the rules of the folders above
// hold, too, up to its top.
type ignored struct {
	base  []string // from the work tree's top to the folder
	rules []rule
}

func newIgnored(dir string) (*ignored, error) {
	whole, err := filepath.Abs(dir)
	if err != nil {
		return nil, fmt.Errorf("finding %s: %w", dir, err)
	}
	top := workTree(whole)
	rel, err := filepath.Rel(top, whole)
	if err != nil {
		return nil, fmt.Errorf("finding %s: %w", dir, err)
	}
	i := &ignored{}
	if err := i.read(filepath.Join(top, ".git", "info", "exclude"), nil); err != nil {
		return nil, err
	}
	if rel == "." {
		return i, nil
	}
	for part := range strings.SplitSeq(filepath.ToSlash(rel), "/") {
		if err := i.enter(filepath.Join(top, filepath.Join(i.base...)), i.base); err != nil {
			return nil, err
		}
		i.base = append(i.base, part)
	}
	return i, nil
}

// workTree is the top of the git work tree that a folder lies in, or the folder itself.
func workTree(dir string) string {
	for at := dir; ; at = filepath.Dir(at) {
		if _, err := os.Lstat(filepath.Join(at, ".git")); err == nil {
			return at
		}
		if at == filepath.Dir(at) {
			return dir
		}
	}
}

// enter reads the rules that a folder has for itself and what is below. path leads to it from the top.
func (i *ignored) enter(dir string, path []string) error {
	for _, name := range ignoreFiles {
		if err := i.read(filepath.Join(dir, name), path); err != nil {
			return err
		}
	}
	return nil
}

func (i *ignored) read(file string, path []string) error {
	f, err := os.Open(file)
	if errors.Is(err, fs.ErrNotExist) || err == nil && isDir(f) {
		return nil
	}
	if err != nil {
		return unreadableFile(file, err)
	}
	defer func() { _ = f.Close() }() // nothing was written
	below := ""
	if len(path) > 0 {
		below = strings.Join(path, "/") + "/"
	}
	lines := bufio.NewScanner(f)
	for first := true; lines.Scan(); first = false {
		line := lines.Text()
		if first {
			line = strings.TrimPrefix(line, "\ufeff")
		}
		if r, ok := parseRule(line, below); ok {
			i.rules = append(i.rules, r)
		}
	}
	if err := lines.Err(); err != nil {
		return unreadableFile(file, err)
	}
	return nil
}

func isDir(f *os.File) bool {
	info, err := f.Stat()
	return err == nil && info.IsDir()
}

// match reports whether something in the folder is not sent. Of the rules the last one counts.
// What is in a folder that is not sent is never asked for.
func (i *ignored) match(rel string, dir bool) bool {
	if never[filepath.Base(rel)] {
		return true
	}
	path := strings.Join(i.pathOf(rel), "/")
	for _, r := range slices.Backward(i.rules) {
		if r.says(path, dir) {
			return !r.include
		}
	}
	return false
}

func unreadableFile(name string, err error) error {
	return platform.Errorf(platform.Invalid, "file_unreadable", "%s cannot be read.", clean(name)).
		WithHint("Allow yourself to read it, or leave it out: write its name into .lugsailignore.").Because(err)
}
