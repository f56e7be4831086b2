package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"

	"github.com/lugsail/lugsail/internal/atomicfile"
	"github.com/lugsail/lugsail/platform"
)

// Sources is where settings come from.
type Sources struct {
	File    string            // "" means DefaultFile; a missing file counts as empty
	Environ []string          // NAME=value, as os.Environ gives it
	Flags   map[string]string // those that were given, by Field.Flag
}

// value is a setting as text, and where it came from.
type value struct{ text, from string }

// Load gathers the settings and checks them. The error is a *platform.Error that names the setting and its source.
func Load(s Sources) (Config, error) {
	if s.File == "" {
		s.File = DefaultFile
	}
	inFile, err := readFile(s.File)
	if err != nil {
		return Config{}, err
	}
	return gather(s, inFile)
}

func gather(s Sources, inFile map[string]string) (Config, error) {
	environ := map[string]string{}
	for _, kv := range s.Environ {
		if name, v, ok := strings.Cut(kv, "="); ok {
			environ[name] = v
		}
	}
	c := Config{file: s.File, sources: &s}
	for _, f := range fields {
		v := value{f.Default, "the default"}
		if text, ok := inFile[f.Name]; ok {
			v = value{text, s.File}
		}
		if text, ok := environ[f.Env()]; ok {
			v = value{text, "the environment variable " + f.Env()}
		}
		if text, ok := s.Flags[f.Flag()]; ok {
			v = value{text, "the flag --" + f.Flag()}
		}
		if err := f.set(&c, v.text); err != nil {
			if f.Secret() {
				return Config{}, wrong(f.Name, "%s (from %s) %s.", f.Name, v.from, err)
			}
			return Config{}, wrong(f.Name, "%s is %q (from %s), but %s.", f.Name, v.text, v.from, err)
		}
	}
	return c, c.settle()
}

// settle checks what several settings say together, and finds the address.
func (c *Config) settle() error {
	switch {
	case c.HTTPPort == c.HTTPSPort:
		return wrong("https_port", "http_port and https_port are both %d.", c.HTTPPort)
	case c.RegistryPort == c.HTTPPort || c.RegistryPort == c.HTTPSPort:
		return wrong("registry_port", "registry_port is %d, which is also the port for visitors.", c.RegistryPort)
	case c.SSHPort != 0 && (c.SSHPort == c.HTTPPort || c.SSHPort == c.HTTPSPort || c.SSHPort == c.RegistryPort):
		return wrong("ssh_port", "ssh_port is %d, which another setting has too.", c.SSHPort)
	case c.AppPool.Overlaps(c.BuildSubnet):
		return wrong("build_subnet", "app_pool (%s) and build_subnet (%s) share addresses.", c.AppPool, c.BuildSubnet)
	case strings.HasPrefix(c.KeyFile, c.DataDir+"/"):
		return wrong("key_file", "key_file lies inside data_dir (%s), so that every copy of the data would carry its key.", c.DataDir)
	case c.Suffix == "" && c.Domain == "":
		return wrong("base_domain_suffix", "base_domain_suffix is empty and there is no domain.")
	}
	c.ip = address(c.PublicIP)
	return nil
}

func wrong(field, message string, args ...any) error {
	return platform.Errorf(platform.Invalid, "config_"+field, message, args...).
		WithHint("Correct it and start again. `lugsail host settings` shows every setting.")
}

func readFile(path string) (map[string]string, error) {
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, platform.Errorf(platform.Invalid, "config_unreadable", "The settings in %s cannot be read.", path).Because(err).
			WithHint("Run this as root: sudo lugsail …")
	}
	return parse(path, data)
}

func parse(path string, data []byte) (map[string]string, error) {
	nodes := map[string]yaml.Node{}
	if err := yaml.NewDecoder(bytes.NewReader(data)).Decode(&nodes); err != nil && !errors.Is(err, io.EOF) {
		return nil, platform.Errorf(platform.Invalid, "config_syntax", "%s is not valid: %s.", path, strings.TrimPrefix(err.Error(), "yaml: ")).
			WithHint("Each line is a name and a value, for example: https_port: 443")
	}
	values := map[string]string{}
	for name, node := range nodes {
		if !known(name) {
			return nil, platform.Errorf(platform.Invalid, "config_unknown", "%s has a setting %q that does not exist.", path, name).
				WithHint("The settings are: %s.", strings.Join(names(), ", "))
		}
		if node.Kind != yaml.ScalarNode {
			return nil, wrong(name, "%s in %s must be one value; several stand in it with commas, such as: %s: a, b", name, path, name)
		}
		if node.Tag != "!!null" {
			values[name] = node.Value
		}
	}
	return values, nil
}

func known(name string) bool {
	for _, f := range fields {
		if f.Name == name {
			return true
		}
	}
	return false
}

func names() []string {
	all := make([]string, 0, len(fields))
	for _, f := range fields {
		all = append(all, f.Name)
	}
	return all
}

// Write saves the settings that differ from their defaults to the file they came from.
func (c Config) Write() error {
	var b strings.Builder
	b.WriteString("# Settings of this Lugsail server. After a change: lugsail service restart\n")
	for _, f := range fields {
		text := f.get(c)
		if text == f.Default {
			continue
		}
		line, err := yaml.Marshal(map[string]any{f.Name: plain(text)})
		if err != nil {
			return fmt.Errorf("writing %s: %w", c.file, err)
		}
		b.Write(line)
	}
	return atomicfile.Write(c.file, []byte(b.String()), 0o644)
}

// Setting is one setting's value as text, for showing; a secret is hidden.
func (c Config) Setting(name string) string {
	for _, f := range fields {
		if f.Name == name && f.Secret() {
			return hidden(f.get(c))
		}
		if f.Name == name {
			return f.get(c)
		}
	}
	return ""
}

// plain keeps numbers and truth values from being written in quotes.
func plain(text string) any {
	if n, err := strconv.Atoi(text); err == nil {
		return n
	}
	if text == "true" || text == "false" {
		return text == "true"
	}
	return text
}
