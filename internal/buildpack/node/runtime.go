package node

import (
	"encoding/json"
	"os"
	"path/filepath"
	goruntime "runtime"
	"strings"

	"github.com/Masterminds/semver/v3"

	"github.com/lugsail/lugsail/internal/buildpack"
)

// runtime is a Node with its npm: bin/node and lib/node_modules/npm.
type runtime struct {
	version string
	dir     string
}

// chooseRuntime takes the newest one of the depot that the app allows, else one that npm fetches.
func chooseRuntime(tree buildpack.Tree, p pkg) (runtime, error) {
	w, err := readWish(tree, p)
	if err != nil {
		return runtime{}, err
	}
	r := runtime{}
	for _, dir := range []string{filepath.Join(buildpack.Depot, "node"), keepDir("runtimes")} {
		if r.version, r.dir = w.best(dir); r.dir != "" {
			break
		}
	}
	if r.dir == "" {
		if r, err = fetch(w); err != nil {
			return r, err
		}
	}
	if w.text == "" {
		buildpack.Say("Node %s (package.json names no version in engines.node)", r.version)
	} else {
		buildpack.Say("Node %s (%s says %q)", r.version, w.from, w.text)
	}
	return r, nil
}

// fetch gets a Node by npm, which verifies it, into the app's own directory.
func fetch(w wish) (runtime, error) {
	depot := runtime{}
	if depot.version, depot.dir = (wish{}).best(filepath.Join(buildpack.Depot, "node")); depot.dir == "" {
		return depot, buildpack.Failf("depot_no_node", "Push again in a minute.", "Node is not on the server yet.")
	}
	buildpack.Say("Node for %q is not on this server yet: fetching it", w.text)
	name := "node-linux-" + npmArch()
	work := keepDir("fetch")
	if err := os.RemoveAll(work); err != nil {
		return depot, errorAt("emptying "+work, err)
	}
	if err := os.MkdirAll(work, 0o755); err != nil {
		return depot, errorAt("making "+work, err)
	}
	tail := &buildpack.Tail{}
	if err := depot.get(work, tail, name+"@"+w.rang); err != nil {
		return depot, buildpack.Failf("node_version_unknown", "Choose a released version, such as 24, 22 or 20.",
			"Node for %s %q could not be fetched: %s", w.from, w.text, npmError(tail))
	}
	return place(work, name, depot)
}

// get lets npm fetch and verify packages into work/node_modules.
func (r runtime) get(work string, tail *buildpack.Tail, packages ...string) error {
	npm := r.npm(work, tail, append([]string{"install", "--prefix", work, "--ignore-scripts", "--no-save", "--no-package-lock"}, packages...)...)
	npm.Mute = true
	return npm.Run()
}

// place makes a runtime of what npm has fetched.
func place(work, name string, depot runtime) (runtime, error) {
	from := filepath.Join(work, "node_modules", name)
	text, err := os.ReadFile(filepath.Join(from, "package.json"))
	if err != nil {
		return depot, errorAt("reading what npm fetched", err)
	}
	var fetched struct {
		Version string `json:"version"`
	}
	if err := json.Unmarshal(text, &fetched); err != nil {
		return depot, errorAt("reading what npm fetched", err)
	}
	version, err := semver.NewVersion(fetched.Version)
	if err != nil {
		return depot, errorAt("reading what npm fetched", err)
	}
	r := runtime{version: version.String(), dir: keepDir("runtimes", version.String())}
	tail := &buildpack.Tail{}
	if err := depot.get(work, tail, name+"@"+r.version, "npm@"+npmFor(version)); err != nil {
		return r, buildpack.Failf("npm_unknown", "Push again.", "npm for Node %s could not be fetched: %s", r.version, npmError(tail))
	}
	if err := os.MkdirAll(filepath.Join(from, "lib", "node_modules"), 0o755); err != nil {
		return r, errorAt("placing npm", err)
	}
	if err := os.Rename(filepath.Join(work, "node_modules", "npm"), filepath.Join(from, "lib", "node_modules", "npm")); err != nil {
		return r, errorAt("placing npm", err)
	}
	if err := linkNPM(filepath.Join(from, "bin")); err != nil {
		return r, err
	}
	return r, buildpack.Replace(from, r.dir)
}

// npmFor is the npm that goes with a Node.
func npmFor(v *semver.Version) string {
	switch {
	case v.Major() >= 23, v.Major() == 22 && v.Minor() >= 9, v.Major() == 20 && v.Minor() >= 17:
		return "11"
	case v.Major() >= 21, v.Major() == 20 && v.Minor() >= 5, v.Major() == 18 && v.Minor() >= 17:
		return "10"
	case v.Major() >= 18, v.Major() == 16 && v.Minor() >= 14:
		return "9"
	case v.Major() >= 14:
		return "8"
	}
	return "6"
}

func npmArch() string {
	if goruntime.GOARCH == "amd64" {
		return "x64"
	}
	return goruntime.GOARCH
}

// contribute puts the runtime into its layer, the lowest one, so that apps share it.
func (r runtime) contribute(c buildpack.Context) error {
	_, err := c.Layer("a-runtime", buildpack.Key("node", r.version), func(layer buildpack.Layer) error {
		bin, lib := filepath.Join(layer.Path, "bin"), filepath.Join(layer.Path, "lib", "node_modules")
		if err := os.MkdirAll(bin, 0o755); err != nil {
			return errorAt("copying Node", err)
		}
		if err := os.MkdirAll(lib, 0o755); err != nil {
			return errorAt("copying Node", err)
		}
		if err := buildpack.CopyFile(r.program(), filepath.Join(bin, "node")); err != nil {
			return errorAt("copying Node", err)
		}
		if err := buildpack.CopyTree(filepath.Join(r.dir, "lib", "node_modules", "npm"), filepath.Join(lib, "npm")); err != nil {
			return err
		}
		if err := linkNPM(bin); err != nil {
			return err
		}
		layer.Default("NODE_ENV", "production")
		layer.Prepend("PATH", filepath.Join(buildpack.AppDir, "node_modules", ".bin"))
		return nil
	})
	return err
}

func linkNPM(bin string) error {
	for name, file := range map[string]string{"npm": "npm-cli.js", "npx": "npx-cli.js"} {
		if err := os.Symlink("../lib/node_modules/npm/bin/"+file, filepath.Join(bin, name)); err != nil {
			return errorAt("placing npm", err)
		}
	}
	return nil
}

func (r runtime) program() string { return filepath.Join(r.dir, "bin", "node") }

// npm is a call of npm in a directory.
func (r runtime) npm(dir string, tail *buildpack.Tail, args ...string) buildpack.Program {
	cli := filepath.Join(r.dir, "lib", "node_modules", "npm", "bin", "npm-cli.js")
	return buildpack.Program{Name: r.program(), Args: append([]string{cli}, args...), Dir: dir, Env: r.env(), Tail: tail}
}

// chatter tells which of npm's lines help nobody: its manual after an error, where its log is, how it looked
// for a compiler, empty ones.
func chatter() func(line string) bool {
	manual := false
	return func(line string) bool {
		text, isError := strings.CutPrefix(line, "npm error")
		text = strings.TrimSpace(text)
		if isError && (text == "Usage:" || text == "Clean install a project" || text == "Install a package") {
			manual = true
		}
		return text == "" || (isError && (manual || strings.HasPrefix(text, "gyp ERR!") || strings.HasPrefix(text, "node-pre-gyp ERR!") || strings.HasPrefix(text, "A complete log of this run") || strings.HasPrefix(text, "Run \"npm help")))
	}
}

// env is what programs of a build see. The certificates of the machine count, also the ones its owner added.
func (r runtime) env() []string {
	env := []string{
		"PATH=" + filepath.Join(r.dir, "bin") + ":" + os.Getenv("PATH"),
		"npm_config_cache=" + keepDir("npm"), "npm_config_audit=false", "npm_config_fund=false",
		"npm_config_update_notifier=false", "npm_config_loglevel=error", "npm_config_progress=false",
		"HUSKY=0", "NEXT_TELEMETRY_DISABLED=1", "ASTRO_TELEMETRY_DISABLED=1", "NO_COLOR=1", "TERM=dumb",
	}
	if certificates := "/etc/ssl/certs/ca-certificates.crt"; os.Getenv("NODE_EXTRA_CA_CERTS") == "" && exists(certificates) {
		env = append(env, "NODE_EXTRA_CA_CERTS="+certificates)
	}
	return env
}
