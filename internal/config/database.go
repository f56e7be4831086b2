package config

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"gopkg.in/yaml.v3"

	"github.com/lugsail/lugsail/internal/atomicfile"
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

// Replace writes one setting into a file of settings and leaves all other lines as they are; an
// empty value takes the setting out.
func Replace(path, name, value string) error {
	data, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("reading %s: %w", path, err)
	}
	var kept strings.Builder
	for line := range strings.Lines(string(data)) {
		if !strings.HasPrefix(line, name+":") {
			kept.WriteString(strings.TrimSuffix(line, "\n") + "\n")
		}
	}
	if value != "" {
		line, err := yaml.Marshal(map[string]any{name: plain(value)})
		if err != nil {
			return fmt.Errorf("writing %s: %w", path, err)
		}
		kept.Write(line)
	}
	return atomicfile.Write(path, []byte(kept.String()), 0o644)
}
