package dockerfile

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"regexp"
	"runtime"
	"strconv"
	"strings"

	"github.com/distribution/reference"
	"github.com/moby/buildkit/frontend/dockerfile/instructions"
	"github.com/moby/buildkit/frontend/dockerfile/parser"
	"github.com/moby/buildkit/frontend/dockerfile/shell"

	"github.com/lugsail/lugsail/platform"
)

// maxDockerfile bounds a Dockerfile's bytes.
const maxDockerfile = 256 << 10

// recipe is a Dockerfile that was read.
type recipe struct {
	path    string // in the source
	lines   []string
	remarks []string // for the log
	places  []place
	images  []named
	onBase  []int // lines with FROM lugsail/base, 1 for the first
}

// read reads and checks the Dockerfile; "" means the one at the top.
func (b *Builder) read(dir, file string) (recipe, error) {
	file, err := platform.CleanDockerfile(file)
	if err != nil {
		return recipe{}, err
	}
	data, err := readFile(dir, file)
	if err != nil {
		return recipe{}, err
	}
	r := recipe{path: file, lines: strings.Split(string(data), "\n")}
	if err := r.syntax(data); err != nil {
		return recipe{}, err
	}
	err = b.check(&r, data)
	return r, err
}

func readFile(dir, file string) ([]byte, error) {
	root, err := open(dir)
	if err != nil {
		return nil, err
	}
	defer func() { _ = root.Close() }() // read only
	info, err := root.Stat(file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, platform.Errorf(platform.Invalid, "dockerfile_missing", "The source has no file %s.", file).
			WithHint("Add it and push again, or let Lugsail look by itself: lugsail builder auto")
	}
	if err != nil || !info.Mode().IsRegular() { // a link that leads out is an error of the root
		return nil, platform.Errorf(platform.Invalid, "dockerfile_unreadable", "%s is no file inside of the source.", file).
			WithHint("It must be a plain file, no folder and no link to somewhere else.").Because(err)
	}
	f, err := root.Open(file)
	if err != nil {
		return nil, fmt.Errorf("reading the Dockerfile: %w", err)
	}
	defer func() { _ = f.Close() }() // read only
	data, err := io.ReadAll(io.LimitReader(f, maxDockerfile+1))
	if err != nil {
		return nil, fmt.Errorf("reading the Dockerfile: %w", err)
	}
	if len(data) > maxDockerfile || bytes.IndexByte(data, 0) >= 0 {
		return nil, platform.Errorf(platform.Invalid, "dockerfile_invalid", "%s is larger than %d KiB or no text file.", file, maxDockerfile>>10)
	}
	return data, nil
}

// syntax refuses frontends that are programs of strangers. That of Docker is the engine's own.
func (r *recipe) syntax(data []byte) error {
	wanted, _, ranges, ok := parser.DetectSyntax(data)
	if !ok {
		return nil
	}
	line := 1
	if len(ranges) > 0 {
		line = ranges[0].Start.Line
	}
	repository, _, _ := strings.Cut(strings.TrimPrefix(wanted, "docker.io/"), ":")
	repository, _, _ = strings.Cut(repository, "@")
	if repository != "docker/dockerfile" {
		return platform.Errorf(platform.Invalid, "dockerfile_syntax", "Line %d of %s asks for another builder, %s.", line, r.path, plain(wanted, 100)).
			WithHint("Remove the line that begins with # syntax=; Lugsail builds with the Docker Engine's own.")
	}
	r.remarks = append(r.remarks, fmt.Sprintf("Line %d of %s (# syntax=%s) is passed over: the Docker Engine's own builder is used", line, r.path, plain(wanted, 100)))
	return nil
}

// check refuses what cannot be read and images that are not the app's to use, and tells what stands where.
func (b *Builder) check(r *recipe, data []byte) error {
	parsed, err := parser.Parse(bytes.NewReader(data))
	if err != nil {
		return unreadable(r.path, err)
	}
	stages, args, err := instructions.Parse(parsed.AST, nil)
	if err != nil {
		return unreadable(r.path, err)
	}
	names := expander(parsed.EscapeToken, args)
	known := map[string]bool{"scratch": true, "context": true}
	needed := needed(stages, names)
	for i, stage := range stages {
		before := len(r.images)
		if err := b.checkStage(r, stage, known, names); err != nil {
			return err
		}
		if !needed[i] {
			r.images = r.images[:before]
		}
		known[strings.ToLower(stage.Name)] = true
	}
	r.places = placesOf(stages)
	return nil
}

// needed tells the stages that the last one is made of; the others are not built.
func needed(stages []instructions.Stage, expand func(string) (string, string)) []bool {
	needed := make([]bool, len(stages))
	need := func(name string, before int) {
		for i := before - 1; i >= 0; i-- {
			if strings.EqualFold(stages[i].Name, name) || strconv.Itoa(i) == name {
				needed[i] = true
				return
			}
		}
	}
	for i := len(stages) - 1; i >= 0; i-- {
		if i < len(stages)-1 && !needed[i] {
			continue
		}
		needed[i] = true
		base, _ := expand(stages[i].BaseName)
		need(base, i)
		for _, command := range stages[i].Commands {
			for _, from := range sourcesOf(command) {
				need(from, i)
			}
		}
	}
	return needed
}

// expander fills in the arguments that stand before the first FROM.
func expander(escape rune, args []instructions.ArgCommand) func(string) (filled, unknown string) {
	lex := shell.NewLex(escape)
	env := environment{"TARGETOS": "linux", "TARGETARCH": runtime.GOARCH, "TARGETPLATFORM": "linux/" + runtime.GOARCH, "BUILDOS": "linux", "BUILDARCH": runtime.GOARCH, "BUILDPLATFORM": "linux/" + runtime.GOARCH}
	expand := func(text string) (filled, unknown string) {
		filled, unmatched, err := lex.ProcessWord(text, env)
		if err != nil {
			return text, "" // the engine says what is wrong with it
		}
		for name := range unmatched {
			unknown = name
		}
		return filled, unknown
	}
	for _, command := range args {
		for _, arg := range command.Args {
			if arg.Value == nil {
				continue
			}
			value, unknown := expand(*arg.Value)
			if delete(env, arg.Key); unknown == "" && arg.Key != argCacheNamespace {
				env[arg.Key] = value
			}
		}
	}
	return expand
}

// argCacheNamespace is an argument that every build gets, whatever a Dockerfile says of it.
const argCacheNamespace = "BUILDKIT_CACHE_MOUNT_NS"

type environment map[string]string

func (e environment) Get(key string) (string, bool) {
	value, ok := e[key]
	return value, ok
}

func (e environment) Keys() []string {
	var keys []string
	for key := range e {
		keys = append(keys, key)
	}
	return keys
}

func (b *Builder) checkStage(r *recipe, stage instructions.Stage, known map[string]bool, expand func(string) (string, string)) error {
	line := lineOf(stage.Location)
	base, unknown := expand(stage.BaseName)
	if unknown == "" && base == "" {
		unknown = strings.Trim(stage.BaseName, "${}")
	}
	if unknown != "" {
		return platform.Errorf(platform.Invalid, "image_variable", "Line %d of %s: the variable %s in FROM has no value.", line, r.path, plain(unknown, 60)).
			WithHint("Give it one above the first FROM, for example: ARG %s=24", plain(unknown, 60))
	}
	if isBase(base) {
		r.onBase = append(r.onBase, line)
	} else if err := b.checkImage(r, named{line, base, true}, known); err != nil {
		return err
	}
	for _, command := range stage.Commands {
		line := lineOf(command.Location())
		if add, ok := command.(*instructions.AddCommand); ok {
			if err := checkAdd(r.path, line, add.SourcePaths); err != nil {
				return err
			}
		}
		if later, ok := command.(*instructions.OnbuildCommand); ok {
			if away, err := reachesOut(later.Expression); err != nil || away {
				return platform.Errorf(platform.Invalid, "onbuild_remote", "Line %d of %s: ONBUILD takes files of the source only.", line, r.path).
					WithHint("Write the instruction into the stage that needs it.").Because(err)
			}
		}
		for _, from := range sourcesOf(command) {
			if strings.Contains(from, "$") {
				return platform.Errorf(platform.Invalid, "image_variable", "Line %d of %s: from= cannot hold variables.", line, r.path).
					WithHint("Name a stage: FROM %s AS files above, and then --from=files", plain(from, 60))
			}
			if err := b.checkImage(r, named{line, from, false}, known); err != nil {
				return err
			}
		}
	}
	return nil
}

// elsewhere are sources of ADD that the engine would fetch: with the network of the host, past
// every guard.
var elsewhere = regexp.MustCompile(`(?i)^([a-z][a-z0-9+.-]*:|[^/]*@|github\.com/)`)

// checkAdd lets ADD take files of the source only. What a variable leads to is not known before the build.
func checkAdd(file string, line int, sources []string) error {
	for _, source := range sources {
		switch {
		case strings.Contains(source, "$"):
			return platform.Errorf(platform.Invalid, "add_variable", "Line %d of %s: the sources of ADD cannot hold variables.", line, file).
				WithHint("Write COPY instead of ADD: it takes files of the source, with variables too.")
		case elsewhere.MatchString(source):
			return platform.Errorf(platform.Invalid, "add_remote", "Line %d of %s: ADD fetches nothing from elsewhere here.", line, file).
				WithHint("Put the file into the source, or fetch it in a step, for example: RUN curl -fsSL -o /file %s", plain(source, 100))
		}
	}
	return nil
}

// sourcesOf are the images and stages that a command takes files from.
func sourcesOf(command instructions.Command) []string {
	switch c := command.(type) {
	case *instructions.CopyCommand:
		return []string{c.From}
	case *instructions.RunCommand:
		var from []string
		for _, mount := range instructions.GetMounts(c) {
			from = append(from, mount.From)
		}
		return from
	}
	return nil
}

// named is an image of somebody else that a Dockerfile names.
type named struct {
	line  int
	image string
	base  bool // of a stage
}

func (b *Builder) checkImage(r *recipe, n named, known map[string]bool) error {
	file, line, image := r.path, n.line, n.image
	if image == "" || known[strings.ToLower(image)] || !n.base && isNumber(image) {
		return nil
	}
	named, err := reference.ParseNormalizedNamed(image)
	if err == nil && strings.HasPrefix(reference.Path(named), "lugsail-images/") {
		return imageOfLugsail(file, line)
	}
	if err != nil {
		return platform.Errorf(platform.Invalid, "image_invalid", "Line %d of %s: %s is not the name of an image.", line, file, plain(image, 100)).
			WithHint("Write a name such as debian:13-slim or docker.io/library/node:24.")
	}
	host := reference.Domain(named)
	_, port, _ := strings.Cut(host, ":")
	ours := port == portOf(b.registry()) && (!strings.Contains(strings.Trim(host, "0123456789.:"), ".") || strings.HasPrefix(host, "127."))
	if !ours {
		r.images = append(r.images, n)
		return nil
	}
	if path.Dir(reference.Path(named)) != "base" {
		return imageOfLugsail(file, line)
	}
	return nil
}

func imageOfLugsail(file string, line int) error {
	return platform.Errorf(platform.Forbidden, "image_of_lugsail", "Line %d of %s: images of other apps cannot be used.", line, file).
		WithHint("Build on a public image, for example debian:13-slim.")
}

func portOf(host string) string { return host[strings.LastIndexByte(host, ':')+1:] }

// isNumber tells stages that are named by their number.
func isNumber(s string) bool { return strings.Trim(s, "0123456789") == "" }

func lineOf(ranges []parser.Range) int {
	if len(ranges) == 0 {
		return 1
	}
	return ranges[0].Start.Line
}

// unreadable says which line cannot be read.
func unreadable(file string, err error) error {
	line, text := 0, err.Error()
	var located *parser.LocationError
	if errors.As(err, &located) && len(located.Locations) > 0 {
		line = lineOf(located.Locations[0])
		text = located.Unwrap().Error()
	}
	text = plain(strings.TrimPrefix(text, "dockerfile parse error: "), 300)
	e := platform.Errorf(platform.Invalid, "dockerfile_invalid", "%s cannot be read: %s.", file, strings.TrimSuffix(text, "."))
	if line > 0 {
		e = platform.Errorf(platform.Invalid, "dockerfile_invalid", "Line %d of %s cannot be read: %s.", line, file, strings.TrimSuffix(text, "."))
	}
	return e.WithHint("Correct it and push again.").Because(err)
}

// plain makes one line of printable characters.
func plain(text string, most int) string {
	text = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || (r >= 0x80 && r < 0xa0) {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(text, "?"))
	if runes := []rune(text); len(runes) > most {
		text = string(runes[:most]) + "…"
	}
	return strings.TrimSpace(text)
}
