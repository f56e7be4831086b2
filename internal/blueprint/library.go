package blueprint

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/lugsail/lugsail/platform"
)

const (
	maxFolder = 32 << 20 // bytes of a blueprint's files
	maxFiles  = 2000     // in a blueprint
	gone      = ".gone"  // ends the name of one that nothing new is made of; what was made of it needs it still
	draft     = ".draft"
)

// Library is the blueprints that Lugsail brings and those that the server's owner has added: folders below Dir. One
// of these that is not right, of an older Lugsail perhaps, is left out.
type Library struct {
	Dir string

	brings *Catalogue
	mu     sync.Mutex
	looked time.Time // when Dir was changed last, at the last look
	all    *Catalogue
}

// OpenLibrary reads what Lugsail brings; that has to be right.
func OpenLibrary(brings fs.FS, dir string) (*Library, error) {
	c, err := Open(brings)
	if err != nil {
		return nil, err
	}
	return &Library{Dir: dir, brings: c}, nil
}

// Blueprints gives them all, by category and title.
func (l *Library) Blueprints() []platform.Blueprint {
	return slices.DeleteFunc(slices.Clone(l.now().all), func(b platform.Blueprint) bool { return b.Gone })
}

// Blueprint finds one, also one that was removed: what was made of it needs it.
func (l *Library) Blueprint(name string) (platform.Blueprint, error) {
	return l.now().Blueprint(name)
}

// Source gives what an app of the blueprint is made of, as a tar archive.
func (l *Library) Source(name string) (io.Reader, int64, error) {
	return l.now().Source(name)
}

// now reads the owner's folders anew when there are others than at the last look.
func (l *Library) now() *Catalogue {
	l.mu.Lock()
	defer l.mu.Unlock()
	info, err := os.Stat(l.Dir)
	if err != nil {
		if !os.IsNotExist(err) {
			slog.Warn("the owner's blueprints cannot be read", "error", err)
		}
		return l.brings
	}
	if l.all == nil || !info.ModTime().Equal(l.looked) {
		l.all, l.looked = l.read(), info.ModTime()
	}
	return l.all
}

func (l *Library) read() *Catalogue {
	c := &Catalogue{folders: l.brings.folders, own: os.DirFS(l.Dir), owned: map[string]string{}}
	c.all = append(c.all, l.brings.all...)
	entries, err := os.ReadDir(l.Dir)
	if err != nil {
		slog.Warn("the owner's blueprints cannot be read", "error", err)
	}
	for _, e := range entries {
		name, removed := strings.CutSuffix(e.Name(), gone)
		if !e.IsDir() || strings.HasSuffix(name, draft) {
			continue
		}
		b, err := l.owners(filepath.Join(l.Dir, e.Name()), name)
		if err != nil {
			slog.Warn("a blueprint of the owner's is left out", "blueprint", name, "error", err)
			continue
		}
		if _, there := c.owned[name]; there {
			continue // added again: the folder without the ending comes first
		}
		b.Gone = removed
		c.all, c.owned[name] = append(c.all, b), e.Name()
	}
	c.sort()
	return c
}

// owners reads a blueprint of the owner's, which must not have the name of one that Lugsail brings.
func (l *Library) owners(folder, name string) (platform.Blueprint, error) {
	b, err := Read(os.DirFS(folder), name)
	if err != nil {
		return b, err
	}
	if _, err := l.brings.Blueprint(name); err == nil {
		return b, platform.Errorf(platform.Conflict, "blueprint_exists", "Lugsail has a blueprint %s already.", name).WithHint("Give the folder another name.")
	}
	for _, a := range b.Addons {
		if needed, err := l.brings.Blueprint(a.Blueprint); err != nil || !needed.IsAddon() {
			return b, wrong(name, []string{fmt.Sprintf("there is no add-on %s", a.Blueprint)})
		}
	}
	return b, nil
}

// Add takes a folder in as a blueprint of the owner's, in the place of one of the same name.
func (l *Library) Add(folder, name string) (platform.Blueprint, error) {
	b, err := l.owners(folder, name)
	if err != nil {
		return b, err
	}
	place, next := filepath.Join(l.Dir, name), filepath.Join(l.Dir, name+draft)
	err = errors.Join(os.MkdirAll(l.Dir, 0o700), os.RemoveAll(next), os.Mkdir(next, 0o700))
	if err == nil {
		err = copyFolder(next, folder, name)
	}
	if err != nil {
		_ = os.RemoveAll(next) // the first error is the one that counts
		return b, err
	}
	// The older one goes when the new one is in its place: cut off before, it is one that was removed.
	if err = os.RemoveAll(place + gone); err == nil {
		err = l.away(name)
	}
	if err == nil {
		err = os.Rename(next, place)
	}
	if err == nil {
		err = os.RemoveAll(place + gone)
	}
	if err != nil {
		return b, fmt.Errorf("putting a blueprint into its place: %w", err)
	}
	return b, nil
}

// Remove lets nothing new be made of a blueprint of the owner's. What was made of it keeps it.
func (l *Library) Remove(name string) error {
	if err := platform.ValidateBlueprintName(name); err != nil {
		return err
	}
	if _, err := l.brings.Blueprint(name); err == nil {
		return platform.Errorf(platform.Invalid, "blueprint_brought", "Lugsail brings the blueprint %s itself; only those that were added can be removed.", name)
	}
	if _, err := os.Stat(filepath.Join(l.Dir, name)); err != nil {
		return platform.Errorf(platform.NotFound, "blueprint_not_found", "No blueprint %s was added to this server.", name).WithHint("See which there are: lugsail blueprints")
	}
	if err := os.RemoveAll(filepath.Join(l.Dir, name+gone)); err != nil {
		return fmt.Errorf("removing a blueprint: %w", err)
	}
	return l.away(name)
}

func (l *Library) away(name string) error {
	err := os.Rename(filepath.Join(l.Dir, name), filepath.Join(l.Dir, name+gone))
	if os.IsNotExist(err) {
		return nil
	}
	return err
}

// copyFolder copies files and directories, and nothing else: a link could lead out.
func copyFolder(to, from, name string) error {
	files, bytes := 0, int64(0)
	return filepath.WalkDir(from, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return fmt.Errorf("reading the blueprint: %w", err)
		}
		rel, err := filepath.Rel(from, path)
		if err != nil || rel == "." {
			return err
		}
		switch {
		case d.IsDir() && d.Name() == ".git":
			return filepath.SkipDir
		case d.IsDir():
			return os.Mkdir(filepath.Join(to, rel), 0o700)
		case !d.Type().IsRegular():
			return platform.Errorf(platform.Invalid, "blueprint_entry", "%s in the blueprint %s is neither a file nor a folder.", rel, name).WithHint("Links and the like are not taken over: put the file itself there.")
		}
		content, err := os.ReadFile(path)
		if err != nil {
			return fmt.Errorf("reading the blueprint: %w", err)
		}
		files, bytes = files+1, bytes+int64(len(content))
		if files > maxFiles || bytes > maxFolder {
			return platform.Errorf(platform.Invalid, "blueprint_large", "The blueprint %s has more than %d files or %s.", name, maxFiles, platform.Bytes(maxFolder))
		}
		return os.WriteFile(filepath.Join(to, rel), content, 0o600) //nolint:gosec // below our own directory
	})
}

// Found are the folders below one that hold a blueprint, by name: itself, or those in it.
func Found(folder, name string) (map[string]string, error) {
	if _, err := os.Stat(filepath.Join(folder, File)); err == nil {
		return map[string]string{name: folder}, nil
	}
	all := map[string]string{}
	files, err := filepath.Glob(filepath.Join(folder, "*", File))
	if err != nil {
		return nil, fmt.Errorf("looking for blueprints: %w", err)
	}
	for _, file := range files {
		all[filepath.Base(filepath.Dir(file))] = filepath.Dir(file)
	}
	if len(all) == 0 {
		return nil, platform.Errorf(platform.Invalid, "blueprint_missing", "There is no file %s in the folder, nor in one that lies in it.", File).
			WithHint("See what belongs into it: lugsail blueprints schema")
	}
	return all, nil
}
