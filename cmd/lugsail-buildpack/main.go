// Command lugsail-buildpack is every buildpack of Lugsail in one static program, and the server of
// static sites that some of them put into images. The folder that it is called from says which one
// it is.
package main

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/BurntSushi/toml"

	"github.com/lugsail/lugsail/internal/buildpack"
	"github.com/lugsail/lugsail/internal/buildpack/golang"
	"github.com/lugsail/lugsail/internal/buildpack/node"
	"github.com/lugsail/lugsail/internal/buildpack/procfile"
	"github.com/lugsail/lugsail/internal/buildpack/static"
)

var all = []buildpack.Buildpack{node.Buildpack, golang.Buildpack, static.Buildpack, procfile.Buildpack}

func main() {
	if len(os.Args) == 3 && os.Args[1] == static.ServeArgument {
		if err := static.Run(os.Args[2]); err != nil {
			fail(err)
		}
		return
	}
	chosen, err := choose(os.Getenv("CNB_BUILDPACK_DIR"))
	if err != nil {
		fail(err)
	}
	buildpack.Main(chosen, os.Args)
}

// choose finds the buildpack that a buildpack.toml names.
func choose(dir string) (buildpack.Buildpack, error) {
	var descriptor struct {
		Buildpack struct {
			ID string `toml:"id"`
		} `toml:"buildpack"`
	}
	if _, err := toml.DecodeFile(filepath.Join(dir, "buildpack.toml"), &descriptor); err != nil {
		return buildpack.Buildpack{}, fmt.Errorf("reading buildpack.toml: %w", err)
	}
	for _, b := range all {
		if b.ID == descriptor.Buildpack.ID {
			return b, nil
		}
	}
	return buildpack.Buildpack{}, fmt.Errorf("there is no buildpack %q", descriptor.Buildpack.ID)
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}
