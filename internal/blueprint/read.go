package blueprint

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"regexp"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"

	"github.com/lugsail/lugsail/platform"
	"github.com/lugsail/lugsail/platform/plan"
)

// File is what it is called in the folder.
const File = "blueprint.yaml"

// maxFile bounds its bytes.
const maxFile = 64 << 10

// file is blueprint.yaml.
type file struct {
	Title    string            `yaml:"title"`
	Sentence string            `yaml:"sentence"`
	Category string            `yaml:"category"`
	Icon     string            `yaml:"icon"`
	Plan     string            `yaml:"plan"`
	Internet bool              `yaml:"internet"`
	Health   health            `yaml:"health"`
	Volumes  []volume          `yaml:"volumes"`
	Asks     []question        `yaml:"asks"`
	Config   map[string]string `yaml:"config"`
	Addons   []addon           `yaml:"addons"`
	Gives    map[string]string `yaml:"gives"`
	Prefix   string            `yaml:"prefix"`
	Check    []string          `yaml:"check"`
	Cache    bool              `yaml:"cache"`
	Note     string            `yaml:"note"`
}

type health struct {
	Path    string `yaml:"path"`
	Seconds int    `yaml:"seconds"`
}

type volume struct {
	Name   string `yaml:"name"`
	Path   string `yaml:"path"`
	Shared bool   `yaml:"shared"`
}

type question struct {
	Name    string `yaml:"name"`
	Label   string `yaml:"label"`
	Help    string `yaml:"help"`
	Default string `yaml:"default"`
	Pattern string `yaml:"pattern"`
}

type addon struct {
	Blueprint string `yaml:"blueprint"`
	Prefix    string `yaml:"prefix"`
}

// Read reads the blueprint in a folder of that name. What is wrong comes back as one error with all there is to say,
// a line each.
func Read(folder fs.FS, name string) (platform.Blueprint, error) {
	if err := platform.ValidateBlueprintName(name); err != nil {
		return platform.Blueprint{}, err
	}
	data, err := readFile(folder)
	if err != nil {
		return platform.Blueprint{}, err
	}
	var node yaml.Node
	var f file
	if err := yaml.Unmarshal(data, &node); err != nil {
		return platform.Blueprint{}, wrong(name, yamlLines(err))
	}
	strict := yaml.NewDecoder(bytes.NewReader(data))
	strict.KnownFields(true)
	if err := strict.Decode(&f); err != nil && !errors.Is(err, io.EOF) {
		return platform.Blueprint{}, wrong(name, yamlLines(err))
	}
	c := &checker{root: &node}
	b := c.blueprint(name, f)
	if len(c.said) > 0 {
		return platform.Blueprint{}, wrong(name, c.said)
	}
	return b, nil
}

func readFile(folder fs.FS) ([]byte, error) {
	data, err := fs.ReadFile(folder, File)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, platform.Errorf(platform.Invalid, "blueprint_missing", "The folder has no file %s.", File).
			WithHint("See what belongs into it: lugsail blueprints schema")
	}
	if err != nil {
		return nil, fmt.Errorf("reading a blueprint: %w", err)
	}
	if len(data) > maxFile {
		return nil, platform.Errorf(platform.Invalid, "blueprint_too_large", "%s is larger than %d KiB.", File, maxFile>>10)
	}
	return data, nil
}

func wrong(name string, said []string) error {
	return platform.Errorf(platform.Invalid, "blueprint_invalid", "The blueprint %s is not right:\n  %s", name, strings.Join(said, "\n  ")).
		WithHint("See what belongs into it: lugsail blueprints schema")
}

var yamlField = regexp.MustCompile(`field (\S+) not found in type \S+`)

// yamlLines makes the library's words fit for people.
func yamlLines(err error) []string {
	said := []string{strings.TrimPrefix(err.Error(), "yaml: ")}
	var several *yaml.TypeError
	if errors.As(err, &several) {
		said = several.Errors
	}
	for i, text := range said {
		said[i] = yamlField.ReplaceAllString(text, "nobody knows the key $1")
	}
	return said
}

// checker collects what is wrong.
type checker struct {
	root *yaml.Node
	said []string
}

func (c *checker) blueprint(name string, f file) platform.Blueprint {
	b := platform.Blueprint{
		Name: name, Title: f.Title, Sentence: f.Sentence, Category: f.Category, Icon: f.Icon, Plan: f.Plan, Internet: f.Internet,
		Health: platform.Health{Path: f.Health.Path, TimeoutSeconds: f.Health.Seconds},
		Config: f.Config, Gives: f.Gives, Prefix: f.Prefix, Check: f.Check, Cache: f.Cache, Note: strings.TrimSpace(f.Note),
	}
	c.need(f.Title, "title")
	c.need(f.Sentence, "sentence")
	if !slices.Contains(platform.BlueprintCategories, f.Category) {
		c.say([]any{"category"}, "the category must be one of %s", strings.Join(platform.BlueprintCategories, ", "))
	}
	if f.Plan != "" {
		_, err := plan.Choose(f.Plan, b.IsAddon())
		c.take(err, "plan")
	}
	c.take(b.Health.Validate(), "health")
	for i, v := range f.Volumes {
		c.take(platform.ValidateVolumeName(v.Name), "volumes", i, "name")
		c.take(platform.ValidateVolumePath(v.Path), "volumes", i, "path")
		b.Volumes = append(b.Volumes, platform.BlueprintVolume(v))
	}
	for i, q := range f.Asks {
		c.question(q, f.Asks[:i], i)
		b.Asks = append(b.Asks, platform.BlueprintQuestion(q))
	}
	for i, a := range f.Addons {
		c.take(platform.ValidateBlueprintName(a.Blueprint), "addons", i, "blueprint")
		if a.Prefix != "" {
			c.take(platform.ValidatePrefix(a.Prefix), "addons", i, "prefix")
		}
		b.Addons = append(b.Addons, platform.BlueprintAddon(a))
	}
	c.take(platform.ValidateConfigVars(f.Config), "config")
	c.fills(f)
	c.addon(f)
	return b
}

var questionName = regexp.MustCompile(`^[a-z][a-z0-9_]{0,29}$`)

func (c *checker) question(q question, before []question, i int) {
	switch {
	case !questionName.MatchString(q.Name) || slices.Contains(known, q.Name):
		c.say([]any{"asks", i, "name"}, "a question's name must be a word of its own, of lower-case letters, digits and underscores")
	case slices.ContainsFunc(before, func(o question) bool { return o.Name == q.Name }):
		c.say([]any{"asks", i, "name"}, "there are two questions named %s", q.Name)
	}
	if q.Label == "" {
		c.say([]any{"asks", i}, "the question %s has no label", q.Name)
	}
	if _, err := regexp.Compile(q.Pattern); err != nil {
		c.say([]any{"asks", i, "pattern"}, "the pattern of %s is no regular expression", q.Name)
	}
}

// known are the placeholders that Lugsail fills itself.
var known = []string{"app", "url", "host", "git", "secret"}

// fills checks that each placeholder is one that somebody fills.
func (c *checker) fills(f file) {
	names := slices.Clone(known)
	for i, q := range f.Asks {
		c.placeholders(q.Default, names, "asks", i, "default")
		names = append(names, q.Name)
	}
	for _, key := range slices.Sorted(maps.Keys(f.Config)) {
		c.placeholders(f.Config[key], names, "config", key)
		names = append(names, strings.ToLower(key))
	}
	c.placeholders(f.Note, names, "note")
	for _, key := range slices.Sorted(maps.Keys(f.Gives)) {
		c.placeholders(f.Gives[key], names, "gives", key)
	}
}

func (c *checker) placeholders(text string, names []string, at ...any) {
	for _, p := range platform.Placeholders(text) {
		if !slices.Contains(names, p) {
			c.say(at, "nobody fills {%s}; there are {%s}", p, strings.Join(names, "}, {"))
		}
	}
}

// addon holds what belongs to databases and to nothing else.
func (c *checker) addon(f file) {
	isAddon := f.Category == "database"
	switch {
	case !isAddon && (len(f.Gives) > 0 || len(f.Check) > 0 || f.Prefix != ""):
		c.say([]any{"category"}, "gives, check and prefix are for the category database")
	case isAddon && (len(f.Gives) == 0 || len(f.Check) == 0):
		c.say([]any{"category"}, "a database needs gives (what bound apps get) and check (a command that says that it is ready)")
	case isAddon && len(f.Addons) > 0:
		c.say([]any{"addons"}, "a database has no add-ons of its own")
	case isAddon:
		c.take(platform.ValidatePrefix(f.Prefix), "prefix")
	}
	for _, key := range slices.Sorted(maps.Keys(f.Gives)) {
		if err := platform.ValidateConfigVars(map[string]string{"X_" + key: ""}); err != nil {
			c.say([]any{"gives", key}, "%s cannot be part of the name of a config var", key)
		}
	}
}

func (c *checker) need(text, key string) {
	if strings.TrimSpace(text) == "" || strings.Contains(text, "\n") {
		c.say([]any{key}, "%s must be one line of text", key)
	}
}

func (c *checker) take(err error, at ...any) {
	if err != nil {
		c.say(at, "%s", platform.AsError(err).Message)
	}
}

// say notes what is wrong, with the line of the nearest thing that is there.
func (c *checker) say(at []any, format string, args ...any) {
	c.said = append(c.said, fmt.Sprintf("line %d: ", c.line(at))+fmt.Sprintf(format, args...))
}

func (c *checker) line(steps []any) int {
	node := c.root
	if node.Kind == yaml.DocumentNode && len(node.Content) > 0 {
		node = node.Content[0]
	}
	line := max(1, node.Line)
	for _, step := range steps {
		next := child(node, step)
		if next == nil {
			break
		}
		node, line = next, next.Line
	}
	return line
}

func child(node *yaml.Node, step any) *yaml.Node {
	switch step := step.(type) {
	case int:
		if node.Kind == yaml.SequenceNode && step < len(node.Content) {
			return node.Content[step]
		}
	case string:
		for i := 0; node.Kind == yaml.MappingNode && i+1 < len(node.Content); i += 2 {
			if node.Content[i].Value == step {
				return node.Content[i+1]
			}
		}
	}
	return nil
}
