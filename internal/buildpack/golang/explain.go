package golang

import (
	"strings"

	"github.com/lugsail/lugsail/internal/buildpack"
)

// reason is what words in the go command's output mean.
type reason struct {
	words   []string
	code    string
	message string // before the line that has the words
	hint    string
}

// reasons, the more telling ones first.
var reasons = []reason{
	{
		[]string{"signal: killed", "cannot allocate memory"},
		"build_out_of_memory", "The build needed more memory than it may have: ",
		buildpack.MemoryHint,
	},
	{
		[]string{"replacement directory", "(replaced by ../", "(replaced by /"},
		"go_replace", "go.mod replaces a module by a folder that is not in the repository: ",
		"Remove the replace line, or put the folder into the repository.",
	},
	{
		[]string{`exec: "git": executable file not found`, "fatal: could not read Username", "terminal prompts disabled"},
		"go_private_module", "A module is not public: ",
		"Run: go mod vendor, then commit the folder vendor.",
	},
	{
		[]string{"build constraints exclude all Go files"},
		"go_cgo", "A package needs C or another system, which builds here do not have: ",
		"Use a module that is written in Go only.",
	},
	{
		[]string{"missing go.sum entry", "updates to go.mod needed", "no required module provides package"},
		"go_mod_untidy", "go.mod or go.sum does not match the code: ",
		"Run: go mod tidy, then commit go.mod and go.sum.",
	},
	{
		[]string{"is not in std"},
		"go_import", "An import leads nowhere: ",
		"Import the app's own packages by the name of the module in go.mod, for example example.com/app/handlers.",
	},
	{
		[]string{"inconsistent vendoring"},
		"go_vendor", "The folder vendor does not match go.mod: ",
		"Run: go mod vendor, then commit the folder vendor.",
	},
	{
		[]string{"dial tcp", "i/o timeout", "connection refused", "TLS handshake"},
		"go_network", "A module could not be fetched: ",
		"Try again; if it happens again, check the server's network.",
	},
	{
		[]string{"go: download go1", "requires go >=", "toolchain not available", "invalid go version"},
		"go_version", "",
		"Lower the go line in go.mod to a released version.",
	},
	{
		[]string{"unknown revision", "404 Not Found", "410 Gone"},
		"go_module_unknown", "A module cannot be found: ",
		"Check its name and version in go.mod. If it is private, run: go mod vendor, then commit the folder vendor.",
	},
	{
		[]string{"no space left on device"}, "disk_full", "The server's disk is full: ", "Remove apps or files that are not needed.",
	},
	{
		[]string{".go:"}, "go_compile", "The code does not compile: ", "Correct it, commit and push again.",
	},
}

// explain turns a failed build into a sentence with the go command's own words.
func explain(err error, tail *buildpack.Tail) error {
	if buildpack.Killed(err) {
		return buildpack.OutOfMemory("go build was ended by the server.")
	}
	lines := tail.Lines()
	for _, r := range reasons {
		for _, line := range lines {
			for _, words := range r.words {
				if strings.Contains(line, words) {
					return buildpack.Failf(r.code, r.hint, "%s%s", r.message, strings.TrimSuffix(line, "; to add:"))
				}
			}
		}
	}
	if len(lines) > 0 {
		return buildpack.Failf("go_build", "The lines above say more.", "go build failed: %s", lines[len(lines)-1])
	}
	return err
}
