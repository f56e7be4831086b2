// Package static serves sites that are files only: the buildpack that finds them, and the
// small server that is put into their image.
package static

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/lugsail/lugsail/internal/buildpack"
)

// Buildpack serves a folder that has an index.html.
var Buildpack = buildpack.Buildpack{ID: "lugsail/static", Detect: detect, Build: build}

// Folders are where an index.html is looked for, in order.
var Folders = []string{".", "public", "dist", "build", "_site", "site", "www"}

// Folder finds the folder to serve among those.
func Folder(tree buildpack.Tree, folders ...string) (string, bool) {
	for _, folder := range folders {
		if tree.Has(filepath.Join(folder, "index.html")) {
			return folder, true
		}
	}
	return "", false
}

func detect(tree buildpack.Tree) bool {
	_, ok := Folder(tree, Folders...)
	return ok
}

func build(c buildpack.Context) error {
	folder, ok := Folder(c.Tree, Folders...)
	if !ok {
		return buildpack.Failf("no_index", "", "There is no index.html.")
	}
	where := folder
	if folder == "." {
		where = "the top folder"
	}
	buildpack.Say("Static site: index.html is in %s", where)
	c.Detected("Static site · %s", where)
	return Serve(c, folder)
}

// Serve makes the web process a server of that folder of the tree.
func Serve(c buildpack.Context, folder string) error {
	program, err := os.Executable()
	if err != nil {
		return fmt.Errorf("finding the static server: %w", err)
	}
	info, err := os.Stat(program)
	if err != nil {
		return fmt.Errorf("finding the static server: %w", err)
	}
	key := buildpack.Key("static", ServerVersion, fmt.Sprint(info.Size()))
	_, err = c.Layer("server", key, func(layer buildpack.Layer) error {
		return buildpack.CopyFile(program, filepath.Join(layer.Path, "static-server"))
	})
	c.Process("web", "static files of "+folder, filepath.Join(c.Path("server"), "static-server"), ServeArgument, filepath.Join(buildpack.AppDir, folder))
	return err
}
