package config

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"slices"

	"gopkg.in/yaml.v3"

	"github.com/lugsail/lugsail/internal/atomicfile"
	"github.com/lugsail/lugsail/platform"
)

// Replace writes one setting into a file of settings and leaves all other lines as they are; an
// empty value takes the setting out.
func Replace(path, name, value string) error {
	text, err := edited(path, map[string]string{name: value})
	if err != nil {
		return err
	}
	return atomicfile.Write(path, []byte(text), 0o644)
}

// Carry writes the settings of another machine into a file, without those that belong to that machine.
func Carry(from, to string) error {
	drop := map[string]string{}
	for _, name := range []string{"data_dir", "run_dir", "log_dir", "key_file", "database", "public_ip", "docker_host", "manage_docker", "instance", "former_domains"} {
		drop[name] = ""
	}
	text, err := edited(from, drop)
	if err != nil {
		return err
	}
	return atomicfile.Write(to, []byte(text), 0o644)
}

// edited is the text of a file of settings with some of them changed.
func edited(path string, changes map[string]string) (string, error) {
	data, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("reading %s: %w", path, err)
	}
	text := string(data)
	for _, name := range slices.Sorted(maps.Keys(changes)) {
		value := changes[name]
		if text, err = without(text, name); err != nil {
			return "", fmt.Errorf("changing %s: %w", path, err)
		}
		if value != "" {
			line, err := yaml.Marshal(map[string]any{name: plain(value)})
			if err != nil {
				return "", fmt.Errorf("writing %s: %w", path, err)
			}
			text += string(line)
		}
		if got, err := parse(path, []byte(text)); err == nil && got[name] != value { // behind the end of a document, for example
			return "", ownLines(name)
		}
	}
	return text, nil
}

// With gives the settings as they would be with these changes in the file, "" taking one out. A setting that a
// flag or the environment has fixed cannot be changed there, and is refused with that reason.
func (c Config) With(changes map[string]string) (Config, error) {
	next, _, err := c.with(changes)
	return next, err
}

// Change writes them into the file, in one step, and gives the settings as they are then.
func (c Config) Change(changes map[string]string) (Config, error) {
	next, text, err := c.with(changes)
	if err != nil {
		return c, err
	}
	return next, atomicfile.Write(c.file, []byte(text), 0o644)
}

func (c Config) with(changes map[string]string) (Config, string, error) {
	if c.sources == nil {
		return c, "", errors.New("these settings come from nowhere")
	}
	text, err := edited(c.file, changes)
	if err != nil {
		return c, "", err
	}
	inFile, err := parse(c.file, []byte(text))
	if err != nil {
		return c, "", err
	}
	alone, err := gather(Sources{File: c.file}, inFile)
	if err != nil {
		return c, "", err
	}
	next, err := gather(*c.sources, inFile)
	if err != nil {
		return c, "", err
	}
	for name := range changes {
		if next.Setting(name) != alone.Setting(name) {
			return c, "", platform.Errorf(platform.Conflict, "setting_fixed", "The setting %s is given where Lugsail is started, by a flag or by the environment variable %s, so it cannot be changed here.", name, field(name).Env()).
				WithHint("Take it out there, restart Lugsail, and try again.")
		}
	}
	return next, text, nil
}

func field(name string) Field {
	for _, f := range fields {
		if f.Name == name {
			return f
		}
	}
	return Field{Name: name}
}
