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

func detect(tree buildpack.Tree) bool {
	if !tree.Has("package.json") {
		return !tree.Has("index.html") && slices.ContainsFunc(mains[:3], tree.Has)
	}
	p, err := readPackage(tree)
	if err == nil && tree.Has("go.mod") && p.Scripts["start"] == "" && mainFile(tree, p) == "" {
		return false // a Go app that makes its pages with npm
	}
	if err != nil || p.Scripts["start"] != "" || p.buildScript() != "" || tree.Has("Procfile") || mainFile(tree, p) != "" {
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
	start, err := chooseStart(c.Tree, p, buildpack.Web(lines))
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
	modules := newModules(c, p, r, start.site)
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

// start is how the web process runs.
type start struct {
	command string
	why     string
	site    bool // the build makes static files
}

// devServers are start scripts that are for one's own machine only.
var devServers = []string{"react-scripts start", "ng serve", "vite", "vite dev", "vite serve", "vue-cli-service serve", "webpack serve", "webpack-dev-server", "parcel", "astro dev", "rsbuild dev"}

func chooseStart(tree buildpack.Tree, p pkg, procfile bool) (start, error) {
	script := strings.TrimSpace(p.Scripts["start"])
	switch {
	case procfile:
		return start{why: "Procfile"}, nil
	case p.buildScript() != "" && devServer(script):
		return start{site: true}, nil
	case script != "":
		return start{command: p.startCommand(script), why: "start script"}, nil
	case p.buildScript() != "" && p.Main == "" && tree.Has("index.html"):
		return start{site: true}, nil // a main.js beside a page is the page's
	case mainFile(tree, p) != "":
		return start{command: "node " + quote(mainFile(tree, p)), why: "main file"}, nil
	case p.buildScript() != "":
		return start{site: true}, nil
	case tree.Has("Procfile"):
		return start{why: "Procfile"}, nil
	}
	return start{}, buildpack.Failf("node_no_start",
		`Add a start script to package.json, for example "scripts": {"start": "node server.js"}, or a Procfile with: web: node server.js`,
		"Lugsail does not know how to start this Node app: package.json has no start script, and there is no server.js or index.js.")
}

func devServer(script string) bool {
	for _, known := range devServers {
		if rest, ok := strings.CutPrefix(script, known); ok && (rest == "" || strings.HasPrefix(rest, " --") || strings.HasPrefix(rest, " -") || (known == "parcel" && strings.HasPrefix(rest, " "))) {
			return true
		}
	}
	return false
}

// mainFile is what package.json names as main, or a file with a usual name.
func mainFile(tree buildpack.Tree, p pkg) string {
	if p.Main != "" && filepath.IsLocal(p.Main) {
		for _, name := range []string{p.Main, p.Main + ".js", filepath.Join(p.Main, "index.js")} {
			if tree.Has(filepath.Clean(name)) {
				return filepath.Clean(name)
			}
		}
	}
	for _, name := range mains {
		if tree.Has(name) {
			return name
		}
	}
	return ""
}

func quote(word string) string {
	if strings.Trim(word, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._/-") == "" {
		return word
	}
	return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
}

// built are the folders that build scripts write sites into.
var built = []string{"dist", "build", "out", "public", "_site", ".output/public", "dist/client", "www"}

// serveSite serves what the build script made.
func serveSite(c buildpack.Context, r runtime, p pkg) error {
	folders := slices.Clone(built)
	if entries, err := os.ReadDir(filepath.Join(buildpack.AppDir, "dist")); err == nil {
		for _, entry := range entries { // Angular: dist/NAME/browser
			folders = append(folders, filepath.Join("dist", entry.Name(), "browser"), filepath.Join("dist", entry.Name()))
		}
	}
	folder, ok := static.Folder(c.Tree, folders...)
	if !ok {
		return buildpack.Failf("node_no_site", `Add a start script to package.json when the app is a server, for example "start": "node server.js".`,
			"npm run %s made no index.html in any of %s, and package.json has no start script.", p.buildScript(), strings.Join(built[:4], ", "))
	}
	buildpack.Say("The build made a static site in %s", folder)
	c.Detected("Node %s · npm run %s · static site in %s", r.version, p.buildScript(), folder)
	return static.Serve(c, folder)
}

func keepDir(parts ...string) string {
	return filepath.Join(append([]string{buildpack.Keep, "node"}, parts...)...)
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}

func errorAt(doing string, err error) error { return fmt.Errorf("%s: %w", doing, err) }
