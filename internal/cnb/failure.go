package cnb

import (
	"context"
	"errors"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"

	"github.com/lugsail/lugsail/platform"
)

// Exit statuses of the lifecycle.
const (
	exitNoneDetected    = 20
	exitDetectionFailed = 21
	exitBuildFailed     = 51
	exitExportFailed    = 62
)

// explain turns the failure of a build into a sentence for the person who pushed.
func (r *run) explain(ctx context.Context, err error) error {
	if stopped := r.stopped(ctx); stopped != nil {
		return stopped
	}
	var known *platform.Error
	if errors.As(err, &known) || r.session == nil {
		return err
	}
	status, killed := r.session.outcome()
	said, reportErr := r.space.report()
	switch {
	case killed:
		return platform.Errorf(platform.Invalid, "build_out_of_memory", "The build needed more than its %d MB of memory and was stopped.", r.request.Limits.Memory>>20).
			WithHint("Make the build smaller: fewer dependencies, or build on your machine and push the result.").Because(err)
	case status == exitNoneDetected || status == exitDetectionFailed:
		return unknownLanguage(r.request.Dir)
	case reportErr == nil && said.Failure != nil:
		return failure(said)
	case status == exitBuildFailed:
		return platform.Errorf(platform.Invalid, "build_failed", "The build failed.").WithHint("The lines above say why.").Because(err)
	case status == exitExportFailed:
		return platform.Errorf(platform.Unavailable, "image_not_stored", "The image was built, but could not be stored.").
			WithHint("Look whether the server's disk is full, then push again.").Because(fmt.Errorf("%w: %s", err, r.said.last()))
	}
	return fmt.Errorf("building: %w: %s", err, r.said) // the whole end, for the log
}

// stopped is for builds that were ended from outside.
func (r *run) stopped(ctx context.Context) error {
	cause := context.Cause(ctx)
	switch {
	case cause == nil:
		return nil
	case errors.Is(cause, errOutput):
		return platform.Errorf(platform.Invalid, "build_output_limit", "The build printed more than %d MB and was stopped.", r.request.Limits.Output>>20).
			WithHint("Make the build print less.")
	case errors.Is(cause, errTime):
		return platform.Errorf(platform.Invalid, "build_timeout", "The build took longer than %s and was stopped.", r.request.Limits.Timeout).
			WithHint("Look in the log where it hangs; a build must not wait for input or start a server.")
	}
	return fmt.Errorf("building: %w", ctx.Err())
}

var failureCode = regexp.MustCompile(`^[a-z][a-z0-9_]{0,40}$`)

func failure(said report) error {
	code := said.Failure.Code
	if !failureCode.MatchString(code) {
		code = "build_failed"
	}
	e := platform.Errorf(platform.Invalid, code, "%s", plain(said.Failure.Message, 600))
	if hint := plain(said.Failure.Hint, 400); hint != "" {
		return e.WithHint("%s", hint)
	}
	return e
}

// signs are files that say which language a folder is in.
var signs = []string{"package.json", "go.mod", "index.html", "Procfile"}

// foreign are languages that are told apart but not built yet.
var foreign = map[string]string{
	"requirements.txt": "Python", "pyproject.toml": "Python", "Pipfile": "Python", "manage.py": "Python", "composer.json": "PHP", "index.php": "PHP",
	"Gemfile": "Ruby", "pom.xml": "Java", "build.gradle": "Java", "build.gradle.kts": "Java", "Cargo.toml": "Rust", "mix.exs": "Elixir", "deno.json": "Deno",
}

// unknownLanguage says what was looked for and what is there instead.
func unknownLanguage(dir string) error {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return fmt.Errorf("reading the source: %w", err)
	}
	defer func() { _ = root.Close() }() // read only
	names, below := look(root)
	e := platform.Errorf(platform.Invalid, "language_unknown",
		"Lugsail found no language that it can build. It looked for package.json or server.js (Node), go.mod (Go), index.html (a static site) and a Procfile; the top folder has %s.", listing(names))
	for _, name := range names {
		if language := foreign[name]; language != "" {
			return e.WithHint("This looks like %s, which Lugsail cannot build yet.", language)
		}
	}
	if below != "" {
		return e.WithHint("%s is in a folder below the top. Push that folder as the top of a repository of its own.", below)
	}
	if len(names) == 0 {
		return e.WithHint("Commit your files first: git add . && git commit.")
	}
	return e.WithHint("Add one of these files to the top folder, commit and push again.")
}

// look lists the top folder and finds a sign one folder below.
func look(root *os.Root) (names []string, below string) {
	top, err := root.Open(".")
	if err != nil {
		return nil, ""
	}
	defer func() { _ = top.Close() }() // read only
	entries, err := top.ReadDir(200)
	if err != nil {
		return nil, ""
	}
	for _, entry := range entries {
		name := entry.Name()
		if !entry.IsDir() {
			names = append(names, name)
			continue
		}
		names = append(names, name+"/")
		for _, sign := range signs {
			if info, err := root.Lstat(name + "/" + sign); below == "" && err == nil && info.Mode().IsRegular() {
				below = name + "/" + sign
			}
		}
	}
	slices.Sort(names)
	return names, below
}

func listing(names []string) string {
	if len(names) == 0 {
		return "no files"
	}
	const most = 12
	var quoted []string
	for _, name := range names[:min(most, len(names))] {
		quoted = append(quoted, plain(name, 60))
	}
	if more := len(names) - most; more > 0 {
		return fmt.Sprintf("%s and %d more", strings.Join(quoted, ", "), more)
	}
	return strings.Join(quoted, ", ")
}
