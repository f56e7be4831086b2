// Package buildpack holds what Lugsail's own buildpacks share. Each language is a package
// below; cmd/lugsail-buildpack is the one program that they all are in.
//
// They run inside the build container, as the build's user, on files that anybody may have
// written: the tree is read through os.Root, so that a link leads nowhere outside. Programs
// are run by argument lists.
//
// What surprises: layers are for launch only and carry a key. When the key is the one of the
// previous image, the layer is not even read again, which is where the speed comes from. What
// a build itself wants to find again (npm's cache, compiled packages, all modules with the ones
// for development) lies in the app's own directory, Home, which outlives the build. The tree
// lies inside it too, so that big directories move by renaming.
package buildpack

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/buildpacks/libcnb/v2"
	"github.com/buildpacks/libcnb/v2/log"
)

// Places inside the build container.
const (
	Home      = "/home"          // the app's own directory, kept between builds
	AppDir    = "/home/app"      // the tree, here and in the image
	Keep      = "/home/.lugsail" // what our buildpacks keep between builds
	Depot     = "/depot"         // runtimes, read-only
	ReportDir = "/report"        // where we tell Lugsail what came out
)

// Version of all buildpacks. A new one makes every layer anew.
const Version = "1"

// Buildpack is one language.
type Buildpack struct {
	ID     string
	Detect func(Tree) bool
	Build  func(Context) error
}

// Context is one build by one buildpack.
type Context struct {
	Tree   Tree
	layers libcnb.Layers
	result *libcnb.BuildResult
	report *Report
}

// Report is what Lugsail wants to know.
type Report struct {
	Detected  string            `json:"detected,omitempty"`  // one line for people
	Processes map[string]string `json:"processes,omitempty"` // the commands, for people
	Failure   *Failure          `json:"failure,omitempty"`
}

// Failure is an error for the person who pushed: what happened, then what to do.
type Failure struct {
	Code    string `json:"code"`
	Message string `json:"message"`
	Hint    string `json:"hint,omitempty"`
}

func (f *Failure) Error() string { return f.Message }

// Failf makes a Failure; hint is text, message a format.
func Failf(code, hint, message string, args ...any) error {
	return &Failure{Code: code, Hint: hint, Message: fmt.Sprintf(message, args...)}
}

// Say prints a line of the build log.
func Say(format string, args ...any) { fmt.Printf(format+"\n", args...) }

// Main runs the buildpack as the lifecycle asks for: arguments[0] ends in detect or build.
func Main(b Buildpack, arguments []string) {
	exit := exitHandler{}
	libcnb.BuildpackMain(
		func(libcnb.DetectContext) (libcnb.DetectResult, error) {
			tree, err := OpenTree(".")
			if err != nil {
				return libcnb.DetectResult{}, err
			}
			return libcnb.DetectResult{Pass: b.Detect(tree)}, nil
		},
		func(c libcnb.BuildContext) (libcnb.BuildResult, error) { return run(b, c) },
		libcnb.WithArguments(arguments), libcnb.WithExitHandler(exit), libcnb.WithLogger(log.NewDiscard()),
	)
}

func run(b Buildpack, c libcnb.BuildContext) (libcnb.BuildResult, error) {
	result := libcnb.NewBuildResult()
	tree, err := OpenTree(c.ApplicationPath)
	if err != nil {
		return result, err
	}
	report, err := readReport()
	if err != nil {
		return result, err
	}
	if err := b.Build(Context{Tree: tree, layers: c.Layers, result: &result, report: &report}); err != nil {
		return result, err
	}
	return result, report.write()
}

// Detected tells in one line what was seen and chosen. The first buildpack's word counts.
func (c Context) Detected(format string, args ...any) {
	if c.report.Detected == "" {
		c.report.Detected = fmt.Sprintf(format, args...)
	}
}

func readReport() (Report, error) {
	r := Report{Processes: map[string]string{}}
	data, err := os.ReadFile(filepath.Join(ReportDir, "report.json"))
	if errors.Is(err, os.ErrNotExist) {
		return r, nil
	}
	if err != nil {
		return r, fmt.Errorf("reading the report: %w", err)
	}
	if err := json.Unmarshal(data, &r); err != nil {
		return r, fmt.Errorf("reading the report: %w", err)
	}
	return r, nil
}

func (r Report) write() error {
	data, err := json.Marshal(r)
	if err != nil {
		return fmt.Errorf("writing the report: %w", err)
	}
	if err := os.WriteFile(filepath.Join(ReportDir, "report.json"), data, 0o644); err != nil {
		return fmt.Errorf("writing the report: %w", err)
	}
	return nil
}

// exitHandler ends the program as the lifecycle expects.
type exitHandler struct{}

func (exitHandler) Error(err error) {
	var failure *Failure
	if !errors.As(err, &failure) {
		failure = &Failure{Code: "build_failed", Message: "The build failed: " + strings.TrimSpace(err.Error()) + "."}
	}
	if err := (Report{Failure: failure}).write(); err != nil {
		fmt.Fprintln(os.Stderr, failure.Message) // the log is the only place left
	}
	os.Exit(1)
}

func (exitHandler) Fail() { os.Exit(100) }
func (exitHandler) Pass() { os.Exit(0) }
