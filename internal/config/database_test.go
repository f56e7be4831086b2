package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestDatabase_IsNeverShownOrRepeated(t *testing.T) {
	const canary = "s3cret-canary"
	c, err := load(t, "database: postgres://lugsail:"+canary+"@db.example.com/lugsail\n", nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(c.Database, canary) || strings.Contains(c.Setting("database"), canary) || c.Setting("database") == "" {
		t.Fatalf("shown as %q", c.Setting("database"))
	}
	if _, err := load(t, "database: mysql://lugsail:"+canary+"@db.example.com/lugsail\n", nil, nil); err == nil || strings.Contains(err.Error(), canary) {
		t.Fatalf("got %v", err)
	}
}

func TestReplace_ChangesOneLineAndLeavesTheOthers(t *testing.T) {
	path := filepath.Join(t.TempDir(), "config.yaml")
	for _, step := range []struct{ before, value, after string }{
		{"# mine\ndatabase: postgres://a\nhttp_port: 80 # mine too", "sealed:xyz", "# mine\nhttp_port: 80 # mine too\ndatabase: sealed:xyz\n"},
		{"# mine\ndatabase: postgres://a\n", "", "# mine\n"},
		{"", "sealed:x", "database: sealed:x\n"},
	} {
		if err := os.WriteFile(path, []byte(step.before), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := Replace(path, "database", step.value); err != nil {
			t.Fatal(err)
		}
		got, err := os.ReadFile(path)
		if err != nil || string(got) != step.after {
			t.Errorf("got %q, %v, want %q", got, err, step.after)
		}
		if _, err := Load(Sources{File: path}); err != nil {
			t.Error(err)
		}
	}
}
