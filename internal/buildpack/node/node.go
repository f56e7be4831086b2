// Package node builds Node apps with npm.
//
// Three layers: the runtime, the production modules, the start command. Each carries a key, and one
// whose key the previous image has is taken over unread; a changed line of code touches none of them.
//
// What surprises: modules are a link into their layer, so that the app's own layer stays small. While a
// build script runs they are a real directory, because some bundlers refuse links out of the tree. The
// modules with the ones for development are kept in the app's directory for the next build.
package node

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/lugsail/lugsail/internal/buildpack"
	"github.com/lugsail/lugsail/internal/buildpack/static"
)

// Buildpack builds what has a package.json, or a server.js at least.
var Buildpack = buildpack.Buildpack{ID: "lugsail/node", Detect: detect, Build: build}

// mains are files that are started when nothing else is said.
var mains = []string{"server.js", "index.js", "app.js", "main.js", "server.mjs", "index.mjs"}

// others are files that say that the app is written in another language.
var others = []string{"composer.json", "Gemfile", "manage.py", "mix.exs", "pom.xml"}

func detect(tree buildpack.Tree) bool {
	if !tree.Has("package.json") {
		return !tree.Has("index.html") && slices.ContainsFunc(mains[:3], tree.Has)
	}
	p, err := readPackage(tree)
	if err == nil && tree.Has("go.mod") && p.Scripts["start"] == "" && mainFile(tree, p) == "" {
		return false // a Go app that makes its pages with npm
	}
	if err != nil || p.Scripts["start"] != "" || tree.Has("Procfile") || mainFile(tree, p) != "" {
		return true
	}
	if slices.ContainsFunc(others, tree.Has) {
		return false // its pages are made with npm
	}
	if p.buildScript() != "" {
		return true
	}
	_, site := static.Folder(tree, static.Folders...)
	return !site // such as a static site that has tools in its package.json
}

func build(c buildpack.Context) error {
	p, err := readPackage(c.Tree)
	if err != nil {
		return err
	}
	lines, err := c.Tree.Procfile()
	if err != nil {
		return err
	}
	start, err := chooseStart(c.Tree, p, lines)
	if err != nil {
		return err
	}
	r, err := chooseRuntime(c.Tree, p)
	if err != nil {
		return err
	}
	if err := r.contribute(c); err != nil {
		return err
	}
	modules := newModules(c, p, r, start)
	if err := modules.build(); err != nil {
		return err
	}
	if start.site {
		return serveSite(c, r, p)
	}
	detected := []string{"Node " + r.version, "npm"}
	if p.buildScript() != "" {
		detected = append(detected, "npm run "+p.buildScript())
	}
	if start.why != "" {
		detected = append(detected, start.why)
	}
	c.Detected("%s", strings.Join(detected, " · "))
	if start.command == "" {
		return nil // the Procfile says it
	}
	buildpack.Say("Start command: %s (%s)", start.command, start.why)
	return c.Scripts("start", []buildpack.Line{{Type: "web", Command: start.command}})
}

// built are the folders that build scripts write sites into.
var built = []string{"dist", "build", "out", "public", "_site", ".output/public", "dist/client", "www"}

// servers are what frameworks make when they do not make files.
var servers = []string{".output/server/index.mjs", "dist/server/entry.mjs", "build/index.js", "build/server/index.js"}

// serveSite serves what the build script made.
func serveSite(c buildpack.Context, r runtime, p pkg) error {
	if program := servers[0]; c.Tree.Has(program) { // Nuxt and others that build on Nitro: it has its modules in it
		buildpack.Say("The build made a server in %s", program)
		c.Detected("Node %s · npm run %s · server in %s", r.version, p.buildScript(), program)
		return c.Scripts("start", []buildpack.Line{{Type: "web", Command: "node " + program}})
	}
	folders := slices.Clone(built)
	if entries, err := os.ReadDir(filepath.Join(buildpack.AppDir, "dist")); err == nil {
		for _, entry := range entries { // Angular: dist/NAME/browser
			folders = append(folders, filepath.Join("dist", entry.Name(), "browser"), filepath.Join("dist", entry.Name()))
		}
	}
	folder, ok := static.Folder(c.Tree, folders...)
	if !ok {
		return noSite(c.Tree, p)
	}
	buildpack.Say("The build made a static site in %s", folder)
	c.Detected("Node %s · npm run %s · static site in %s", r.version, p.buildScript(), folder)
	return static.Serve(c, folder)
}

func noSite(tree buildpack.Tree, p pkg) error {
	hint := p.startHint(`"start": "node server.js"`)
	if i := slices.IndexFunc(servers, tree.Has); i >= 0 {
		hint = p.startHint(`"start": "node ` + servers[i] + `"`)
	}
	return buildpack.Failf("node_no_site", hint,
		"npm run %s made no index.html in any of %s, and package.json has no start script.", p.buildScript(), strings.Join(built[:4], ", "))
}

func keepDir(parts ...string) string {
	return filepath.Join(append([]string{buildpack.Keep, "node"}, parts...)...)
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}

func errorAt(doing string, err error) error { return fmt.Errorf("%s: %w", doing, err) }
