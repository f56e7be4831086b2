package blueprint

import (
	"archive/tar"
	"bytes"
	"cmp"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strings"

	"github.com/lugsail/lugsail/platform"
)

// Catalogue is the blueprints of a server.
type Catalogue struct {
	folders fs.FS
	own     fs.FS             // of the owner's; nil where there are none
	owned   map[string]string // the folder there, by name
	all     []platform.Blueprint
}

// Open reads all folders. One that is not right is an error: Lugsail brings them itself.
func Open(folders fs.FS) (*Catalogue, error) {
	entries, err := fs.ReadDir(folders, ".")
	if err != nil {
		return nil, fmt.Errorf("reading the blueprints: %w", err)
	}
	c := &Catalogue{folders: folders}
	for _, e := range entries {
		if !e.IsDir() {
			continue
		}
		sub, err := fs.Sub(folders, e.Name())
		if err != nil {
			return nil, fmt.Errorf("reading the blueprints: %w", err)
		}
		b, err := Read(sub, e.Name())
		if err != nil {
			return nil, err
		}
		c.all = append(c.all, b)
	}
	c.sort()
	return c, c.complete()
}

func (c *Catalogue) sort() {
	shelf := func(b platform.Blueprint) int { return slices.Index(platform.BlueprintCategories, b.Category) }
	slices.SortFunc(c.all, func(a, b platform.Blueprint) int {
		return cmp.Or(cmp.Compare(shelf(a), shelf(b)), strings.Compare(a.Title, b.Title))
	})
}

// complete refuses a blueprint whose add-ons are not there.
func (c *Catalogue) complete() error {
	for _, b := range c.all {
		for _, a := range b.Addons {
			if needed, err := c.Blueprint(a.Blueprint); err != nil || !needed.IsAddon() {
				return wrong(b.Name, []string{fmt.Sprintf("there is no add-on %s", a.Blueprint)})
			}
		}
	}
	return nil
}

// Blueprints gives them all, by category and title.
func (c *Catalogue) Blueprints() []platform.Blueprint { return slices.Clone(c.all) }

// Blueprint finds one; NotFound, code blueprint_not_found, when there is none.
func (c *Catalogue) Blueprint(name string) (platform.Blueprint, error) {
	for _, b := range c.all {
		if b.Name == name {
			return b, nil
		}
	}
	return platform.Blueprint{}, platform.Errorf(platform.NotFound, "blueprint_not_found", "There is no blueprint %q.", cut(name)).
		WithHint("See which there are: lugsail blueprints")
}

func cut(name string) string {
	if len(name) > 40 {
		return name[:40] + "…"
	}
	return name
}

// inStarter ends the names of files that would mean something to Lugsail's own source: with a go.mod the folder of a
// blueprint would be another module, and not be embedded. An app gets them without it.
const inStarter = ".starter"

// Source gives what an app of the blueprint is made of, as a tar archive.
func (c *Catalogue) Source(name string) (io.Reader, int64, error) {
	folder, err := fs.Sub(c.folders, name)
	if at, owners := c.owned[name]; owners {
		folder, err = fs.Sub(c.own, at)
	}
	if err != nil {
		return nil, 0, fmt.Errorf("reading a blueprint: %w", err)
	}
	var out bytes.Buffer
	w := tar.NewWriter(&out)
	err = fs.WalkDir(folder, ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || path == File {
			return err
		}
		data, err := fs.ReadFile(folder, path)
		if err != nil {
			return err
		}
		if err := w.WriteHeader(&tar.Header{Name: strings.TrimSuffix(path, inStarter), Mode: 0o644, Size: int64(len(data)), Typeflag: tar.TypeReg}); err != nil {
			return err
		}
		_, err = w.Write(data)
		return err
	})
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		return nil, 0, fmt.Errorf("packing a blueprint: %w", err)
	}
	return &out, int64(out.Len()), nil
}
