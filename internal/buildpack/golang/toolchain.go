package golang

import (
	"go/version"
	"os"
	"path/filepath"

	"github.com/lugsail/lugsail/internal/buildpack"
)

// toolchain is a Go toolchain of the depot.
type toolchain struct {
	version string // "1.26.8"
	program string
}

func newestToolchain() (toolchain, error) {
	dir := filepath.Join(buildpack.Depot, "go")
	entries, err := os.ReadDir(dir)
	if err != nil && !os.IsNotExist(err) {
		return toolchain{}, err
	}
	var newest toolchain
	for _, entry := range entries {
		v := entry.Name()
		if version.IsValid("go"+v) && (newest.version == "" || version.Compare("go"+v, "go"+newest.version) > 0) {
			newest = toolchain{v, filepath.Join(dir, v, "bin", "go")}
		}
	}
	if newest.version == "" {
		return newest, buildpack.Failf("depot_no_go", "Push again in a minute.", "The Go toolchain is not on the server yet.")
	}
	return newest, nil
}

// say explains which version builds and why.
func (t toolchain) say(m module) string {
	wanted, line := m.version, "go "+m.version
	if m.toolchain != "" && version.Compare("go"+m.toolchain, "go"+wanted) > 0 {
		wanted, line = m.toolchain, "toolchain go"+m.toolchain
	}
	switch {
	case wanted == "":
		return t.version + " (" + m.file + " names no version)"
	case version.Compare("go"+wanted, "go"+t.version) > 0:
		return wanted + " (" + m.file + " says \"" + line + "\"; the go command fetches it)"
	}
	return t.version + " (" + m.file + " says \"" + line + "\")"
}

func (t toolchain) env(m module) []string {
	work := "off"
	if len(m.work) > 0 {
		work = filepath.Join(buildpack.AppDir, "go.work")
	}
	return []string{
		"CGO_ENABLED=0", "GOTOOLCHAIN=auto", "GOFLAGS=", "GOWORK=" + work, "GO111MODULE=on", "GOENV=off", "GOTELEMETRY=off",
		"GOOS=linux", "GOARCH=" + arch(), "GOROOT=" + filepath.Dir(filepath.Dir(t.program)),
		"GOCACHE=" + cacheDir, "GOPATH=" + filepath.Join(buildpack.Keep, "go"),
		"GOMODCACHE=" + filepath.Join(buildpack.Keep, "go-mod"),
	}
}
