// Package procfile takes the process types from a Procfile, whatever the language. They win
// over what the languages found.
package procfile

import (
	"strings"

	"github.com/lugsail/lugsail/internal/buildpack"
)

// Buildpack is the last one in every group.
var Buildpack = buildpack.Buildpack{ID: "lugsail/procfile", Detect: detect, Build: build}

func detect(tree buildpack.Tree) bool { return tree.Has("Procfile") }

func build(c buildpack.Context) error {
	lines, err := c.Tree.Procfile()
	if err != nil {
		return err
	}
	var types []string
	for _, line := range lines {
		types = append(types, line.Type)
		buildpack.Say("Procfile: %s runs %s", line.Type, line.Command)
	}
	c.Detected("Procfile · %s", strings.Join(types, ", "))
	return c.Scripts("commands", lines)
}
