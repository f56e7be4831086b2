package node

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	goruntime "runtime"
	"strings"
	"syscall"
	"time"

	"github.com/lugsail/lugsail/internal/buildpack"
)

// modules installs what package.json and the lock file name.
type modules struct {
	c    buildpack.Context
	p    pkg
	r    runtime
	site bool   // only the build needs them
	dev  string // a module for development that the app needs when it runs, "" when there is none
	lock string // name of npm's lock file, "" when there is none
	yarn bool   // yarn.lock says the versions
	why  string // why they depend on the whole tree, "" when they do not
	key  string
}

var inApp = filepath.Join(buildpack.AppDir, "node_modules")

func newModules(c buildpack.Context, p pkg, r runtime, s start) *modules {
	m := &modules{c: c, p: p, r: r, site: s.site, dev: s.dev, why: p.local()}
	for _, name := range []string{"npm-shrinkwrap.json", "package-lock.json"} {
		if c.Tree.Has(name) {
			m.lock = name
			break
		}
	}
	m.yarn = m.lock == "" && yarnClassic(c.Tree)
	return m
}

// yarnClassic reports whether there is a yarn.lock that npm understands: one of Yarn 1.
func yarnClassic(tree buildpack.Tree) bool {
	text, err := tree.Read("yarn.lock")
	return err == nil && bytes.Contains(text[:min(len(text), 300)], []byte("# yarn lockfile v1"))
}

// files are what npm reads, but for modules.
func (m *modules) files() []string {
	names := []string{"package.json", ".npmrc"}
	if m.yarn {
		names = append(names, "yarn.lock")
	}
	if m.lock != "" {
		names = append(names, m.lock)
	}
	return names
}

// build installs the modules, runs the build script and leaves the production modules in a layer.
func (m *modules) build() error {
	if exists(inApp) {
		buildpack.Say("node_modules is in the repository; it is not used. Add it to .gitignore.")
		if err := os.RemoveAll(inApp); err != nil {
			return errorAt("removing node_modules", err)
		}
	}
	if m.p.empty() {
		if m.p.buildScript() == "" {
			return nil
		}
		return m.script()
	}
	if err := m.identify(); err != nil {
		return err
	}
	if m.dev != "" {
		buildpack.Say("The app needs %s when it runs, which is in devDependencies: those modules stay in the image too.", m.dev)
	}
	if m.p.buildScript() == "" && !m.installNeedsAll() {
		return m.plain()
	}
	return m.withScript()
}

// installNeedsAll is for scripts such as "prepare": "husky": what they run is a module for development.
func (m *modules) installNeedsAll() bool {
	return m.p.whileInstalling() != "" && len(m.p.DevDependencies) > 0
}

// kinds tells npm which modules the image gets.
func (m *modules) kinds() string {
	if m.dev != "" {
		return "--include=dev"
	}
	return "--omit=dev"
}

// identify reckons the key of the modules.
func (m *modules) identify() error {
	if m.lock == "" {
		m.warn()
	}
	parts := []string{"modules", m.p.modulesKey(), m.r.version, goruntime.GOARCH, m.kinds()}
	for _, name := range m.files()[1:] {
		text, err := m.c.Tree.Read(name)
		if err != nil {
			return err
		}
		parts = append(parts, name, string(text))
	}
	if m.why != "" {
		digest, err := m.c.Tree.Digest()
		if err != nil {
			return err
		}
		parts = append(parts, digest)
	}
	m.key = buildpack.Key(parts...)
	return nil
}

func (m *modules) warn() {
	if m.yarn {
		buildpack.Say("yarn.lock says the versions; npm installs them")
		return
	}
	for file, tool := range map[string]string{"yarn.lock": "Yarn 2 and later", "pnpm-lock.yaml": "pnpm", "bun.lock": "Bun", "bun.lockb": "Bun"} {
		if m.c.Tree.Has(file) {
			buildpack.Say("%s is not used: %s is not supported yet, npm installs instead. To fix the versions: npm install, then commit package-lock.json.", file, tool)
			return
		}
	}
	buildpack.Say("There is no package-lock.json, so npm chooses the versions. To fix them: npm install, then commit package-lock.json.")
}

// verb is what npm is asked for.
func (m *modules) verb() string {
	if m.lock == "" {
		return "install"
	}
	return "ci"
}

// plain is for apps without a build script: production modules, straight into the layer.
func (m *modules) plain() error {
	reused, err := m.c.Layer("modules", m.key, func(layer buildpack.Layer) error {
		if m.why != "" {
			return m.viaTree(layer)
		}
		return m.inLayer(layer)
	})
	if err != nil {
		return err
	}
	if reused {
		buildpack.Say("npm %s: modules unchanged, reused", m.verb())
	}
	return m.link()
}

func (m *modules) inLayer(layer buildpack.Layer) error {
	for _, name := range m.files() {
		if !m.c.Tree.Has(name) {
			continue
		}
		if err := buildpack.CopyFile(filepath.Join(buildpack.AppDir, name), filepath.Join(layer.Path, name)); err != nil {
			return errorAt("copying "+name, err)
		}
	}
	if err := m.install(layer.Path, m.kinds()); err != nil {
		return err
	}
	for _, name := range m.files() {
		if err := os.RemoveAll(filepath.Join(layer.Path, name)); err != nil {
			return errorAt("removing "+name, err)
		}
	}
	return nil
}

// viaTree is for modules that need the tree while they are installed.
func (m *modules) viaTree(layer buildpack.Layer) error {
	buildpack.Say("Modules are installed anew with each change: %s", m.why)
	if err := m.install(buildpack.AppDir, m.kinds()); err != nil {
		return err
	}
	return m.moveTo(layer)
}

// moveTo copies the modules into the layer and removes them from the tree.
func (m *modules) moveTo(layer buildpack.Layer) error {
	if !exists(inApp) {
		return os.MkdirAll(filepath.Join(layer.Path, "node_modules"), 0o755) // none for production
	}
	if err := buildpack.CopyTree(inApp, filepath.Join(layer.Path, "node_modules")); err != nil {
		return err
	}
	if err := absolute(filepath.Join(layer.Path, "node_modules")); err != nil {
		return err
	}
	return os.RemoveAll(inApp)
}

// absolute lets links to folders of the app, as workspaces have them, lead there from the layer too.
func absolute(dir string) error {
	return filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.Type()&fs.ModeSymlink == 0 {
			return err
		}
		target, err := os.Readlink(path)
		if err != nil || filepath.IsAbs(target) {
			return err
		}
		inside, err := filepath.Rel(dir, filepath.Join(filepath.Dir(path), target))
		if err != nil || filepath.IsLocal(inside) {
			return err
		}
		if err := os.Remove(path); err != nil {
			return err
		}
		return os.Symlink(filepath.Join(inApp, inside), path)
	})
}

// link leads from the tree to the layer.
func (m *modules) link() error {
	if err := os.Symlink(filepath.Join(m.c.Path("modules"), "node_modules"), inApp); err != nil {
		return errorAt("linking node_modules", err)
	}
	return nil
}

func (m *modules) install(dir string, extra ...string) error {
	args := []string{m.verb(), "--prefer-offline"}
	switch {
	case m.yarn:
		args = append(args, "--no-save") // without a package-lock.json npm would not look at yarn.lock either
	case m.lock == "":
		args = append(args, "--no-package-lock")
	}
	args = append(args, extra...)
	buildpack.Say("npm %s", m.verb())
	tail := &buildpack.Tail{}
	npm := m.r.npm(dir, tail, args...)
	npm.Skip = chatter()
	if err := npm.Run(); err != nil {
		return explainInstall(err, tail, m.verb())
	}
	return nil
}

// script runs the build script.
func (m *modules) script() error {
	name := m.p.buildScript()
	buildpack.Say("npm run %s", name)
	tail := &buildpack.Tail{}
	run := m.r.npm(buildpack.AppDir, tail, "run", name)
	run.Env = append(run.Env, "NODE_ENV=production")
	run.Skip = chatter()
	err := run.Run()
	switch {
	case err == nil:
		return nil
	case buildpack.Killed(err):
		return buildpack.OutOfMemory("npm run " + name + " was ended by the server.")
	}
	return explainScript(name, tail)
}

// changed is a digest of the module files that were written since, "" when there are none. Some build
// scripts generate code there, and then the layer must have it.
func changed(since time.Time) (string, error) {
	sum := sha256.New()
	any := false
	err := filepath.WalkDir(inApp, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && path != inApp && (d.Name() == ".cache" || strings.HasPrefix(d.Name(), ".vite")) {
			return fs.SkipDir
		}
		if !d.Type().IsRegular() {
			return nil
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		stat, ok := info.Sys().(*syscall.Stat_t)
		if !ok || time.Unix(stat.Ctim.Unix()).Before(since) {
			return nil
		}
		any = true
		return hashFile(sum, path)
	})
	if err != nil || !any {
		return "", err
	}
	return hex.EncodeToString(sum.Sum(nil)), nil
}

func hashFile(sum io.Writer, path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()      // read only
	_, _ = fmt.Fprintf(sum, "%q\n", path) // a hash takes everything
	_, err = io.Copy(sum, f)
	return err
}
