package config

import (
	"fmt"
	"math"
	"reflect"
	"strings"

	"gopkg.in/yaml.v3"

	"github.com/lugsail/lugsail/platform"
)

// Sealed begins a value that only the server's key opens: the file of settings is for the proxy to
// read too, which must not know the database's password.
const Sealed = "sealed:"

// Secret reports whether the setting's value must not be shown, passed as a flag, or repeated by an error.
func (f Field) Secret() bool { return f.Name == "database" }

func setDatabase(c *Config, v string) error {
	if v != "" && !strings.HasPrefix(v, "postgres://") && !strings.HasPrefix(v, "postgresql://") && !strings.HasPrefix(v, Sealed) {
		return fmt.Errorf("must be empty for SQLite, or an address such as postgres://user:password@host:5432/name")
	}
	c.Database = v
	return nil
}

// hidden is how a secret is shown.
func hidden(v string) string {
	if v == "" {
		return ""
	}
	return "(hidden)"
}

// without takes a setting out, over however many lines its owner wrote it. Comments behind it stay.
func without(text, name string) (string, error) {
	before, settings, err := readSettings(text)
	if err != nil {
		return "", err
	}
	from, to := linesOf(before, name)
	var kept strings.Builder
	number := 0
	for line := range strings.Lines(text) {
		number++
		if number < from || number >= to || number > from && strings.HasPrefix(line, "#") {
			kept.WriteString(strings.TrimSuffix(line, "\n") + "\n")
		}
	}
	delete(settings, name)
	_, after, err := readSettings(kept.String())
	if err != nil || !reflect.DeepEqual(settings, after) {
		return "", ownLines(name).Because(err)
	}
	return kept.String(), nil
}

func ownLines(name string) *platform.Error {
	return platform.Errorf(platform.Conflict, "settings_form", "The setting %s cannot be changed in the file, as its lines are not its own.", name).
		WithHint("Write each setting on a line of its own: name: value")
}

// readSettings reads the names and values, and where each name stands.
func readSettings(text string) (keys []*yaml.Node, settings map[string]any, err error) {
	settings = map[string]any{}
	if err := yaml.Unmarshal([]byte(text), &settings); err != nil {
		return nil, nil, err
	}
	var document yaml.Node
	if err := yaml.Unmarshal([]byte(text), &document); err != nil || len(document.Content) == 0 {
		return nil, settings, err
	}
	for i, node := range document.Content[0].Content {
		if i%2 == 0 {
			keys = append(keys, node)
		}
	}
	return keys, settings, nil
}

// linesOf are the first line of a setting and the first one behind it; none where there is no such setting.
func linesOf(keys []*yaml.Node, name string) (from, to int) {
	for i, key := range keys {
		if key.Value != name {
			continue
		}
		if i+1 < len(keys) {
			return key.Line, keys[i+1].Line
		}
		return key.Line, math.MaxInt
	}
	return math.MaxInt, math.MaxInt
}
