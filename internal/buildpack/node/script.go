package node

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/lugsail/lugsail/internal/buildpack"
)

// What is kept for the next build, beside the tree on the same mount, so that it moves by renaming.
var (
	keptModules = keepDir("modules")
	keptKey     = keepDir("modules.key")
	nextCache   = filepath.Join(buildpack.AppDir, ".next", "cache")
	keptNext    = keepDir("next-cache")
)

// withScript is for apps with a script that needs all modules; the image gets only some.
func (m *modules) withScript() (err error) {
	if err := m.allModules(); err != nil {
		return err
	}
	defer func() {
		if err != nil && exists(inApp) {
			err = errors.Join(err, m.keep()) // the next try shall not install again
		}
	}()
	if m.p.buildScript() == "" {
		return m.production("")
	}
	began := time.Now()
	if err := m.withNextCache(); err != nil {
		return err
	}
	if m.site {
		return m.keep()
	}
	written, err := changed(began)
	if err != nil {
		return errorAt("looking for generated modules", err)
	}
	return m.production(written)
}

// withNextCache runs the build script beside what Next.js kept of the last one.
func (m *modules) withNextCache() error {
	if exists(keptNext) {
		if err := buildpack.Replace(keptNext, nextCache); err != nil {
			return err
		}
	}
	if err := m.script(); err != nil {
		return err
	}
	if !exists(nextCache) {
		return nil
	}
	return buildpack.Replace(nextCache, keptNext)
}

// allModules brings the modules with the ones for development into the tree.
func (m *modules) allModules() error {
	known, err := os.ReadFile(keptKey)
	if err == nil && string(known) == m.key && exists(keptModules) {
		buildpack.Say("npm %s: modules unchanged, reused", m.verb())
		return buildpack.Replace(keptModules, inApp)
	}
	if m.why != "" {
		buildpack.Say("Modules are installed anew with each change: %s", m.why)
	}
	if err := errors.Join(os.RemoveAll(keptKey), os.RemoveAll(keptModules)); err != nil {
		return errorAt("removing old modules", err)
	}
	return m.install(buildpack.AppDir, "--include=dev")
}

// production leaves the modules that the running app needs in the layer and keeps all for the next build.
func (m *modules) production(written string) error {
	_, err := m.c.Layer("modules", buildpack.Key(m.key, "production", written), func(layer buildpack.Layer) error {
		if !exists(inApp) {
			return os.MkdirAll(filepath.Join(layer.Path, "node_modules"), 0o755)
		}
		if len(m.p.DevDependencies) > 0 && m.dev == "" {
			return m.pruneTo(layer)
		}
		if err := buildpack.CopyTree(inApp, filepath.Join(layer.Path, "node_modules")); err != nil {
			return err
		}
		return absolute(filepath.Join(layer.Path, "node_modules"))
	})
	if err != nil {
		return err
	}
	if exists(inApp) {
		if err := m.keep(); err != nil {
			return err
		}
	}
	return m.link()
}

// pruneTo keeps all modules and puts those for production into the layer.
func (m *modules) pruneTo(layer buildpack.Layer) error {
	all := keepDir("modules.all")
	if err := os.RemoveAll(all); err != nil {
		return errorAt("removing old modules", err)
	}
	// npm writes its own list in place, so that one must not be shared.
	shared := func(name string) bool { return !strings.HasSuffix(name, ".package-lock.json") }
	if err := buildpack.LinkTree(inApp, all, shared); err != nil {
		return err
	}
	tail := &buildpack.Tail{}
	prune := m.r.npm(buildpack.AppDir, tail, "prune", "--omit=dev", "--ignore-scripts", "--offline")
	prune.Mute = true
	if err := prune.Run(); err != nil {
		return explainInstall(err, tail, "prune")
	}
	if err := m.moveTo(layer); err != nil {
		return err
	}
	return buildpack.Replace(all, inApp)
}

// keep moves the modules out of the tree for the next build.
func (m *modules) keep() error {
	if err := buildpack.Replace(inApp, keptModules); err != nil {
		return err
	}
	if err := os.WriteFile(keptKey, []byte(m.key), 0o644); err != nil {
		return errorAt("keeping the modules", err)
	}
	return nil
}
