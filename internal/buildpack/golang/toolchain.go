package golang

import (
	"go/version"
	"os"
	"path/filepath"
	"strings"

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
		return t.version + " (go.mod names no version)"
	case version.Compare("go"+wanted, "go"+t.version) > 0:
		return wanted + " (go.mod says \"" + line + "\"; the go command fetches it)"
	}
	return t.version + " (go.mod says \"" + line + "\")"
}

func (t toolchain) env() []string {
	return []string{
		"CGO_ENABLED=0", "GOTOOLCHAIN=auto", "GOFLAGS=", "GOWORK=off", "GO111MODULE=on", "GOENV=off", "GOTELEMETRY=off",
		"GOOS=linux", "GOARCH=" + arch(), "GOROOT=" + filepath.Dir(filepath.Dir(t.program)),
		"GOCACHE=" + filepath.Join(buildpack.Keep, "go-cache"), "GOPATH=" + filepath.Join(buildpack.Keep, "go"),
		"GOMODCACHE=" + filepath.Join(buildpack.Keep, "go-mod"),
	}
}

// explain turns a failed build into a sentence with the compiler's own words.
func explain(err error, tail *buildpack.Tail) error {
	if buildpack.Killed(err) {
		return err
	}
	lines := tail.Lines()
	for _, line := range lines {
		switch {
		case strings.Contains(line, "missing go.sum entry"), strings.Contains(line, "updates to go.mod needed"), strings.Contains(line, "no required module provides package"):
			return buildpack.Failf("go_mod_untidy", "Run: go mod tidy, then commit go.mod and go.sum.", "go.mod or go.sum does not match the code: %s", line)
		case strings.Contains(line, "inconsistent vendoring"):
			return buildpack.Failf("go_vendor", "Run: go mod vendor, then commit the folder vendor.", "The folder vendor does not match go.mod.")
		case strings.Contains(line, "requires go >="), strings.Contains(line, "toolchain not available"):
			return buildpack.Failf("go_version", "Lower the go line in go.mod to a released version.", "%s", line)
		case strings.Contains(line, "dial tcp"), strings.Contains(line, "i/o timeout"):
			return buildpack.Failf("go_network", "Try again; if it happens again, check the server's network.", "A module could not be fetched: %s", line)
		}
	}
	for _, line := range lines {
		if strings.Contains(line, ".go:") {
			return buildpack.Failf("go_compile", "Correct it, commit and push again.", "The code does not compile: %s", line)
		}
	}
	if len(lines) > 0 {
		return buildpack.Failf("go_build", "The lines above say more.", "go build failed: %s", lines[len(lines)-1])
	}
	return err
}
