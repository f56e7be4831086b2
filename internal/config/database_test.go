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
		{"'database': \"postgres://a:b@c/\\\n  d\"\n# mine\nhttp_port: 80\n", "sealed:x", "# mine\nhttp_port: 80\ndatabase: sealed:x\n"},
		{"http_port: 80\ndatabase: >-\n  postgres://a:b@c/d\n\n# mine\n", "sealed:x", "http_port: 80\n# mine\ndatabase: sealed:x\n"},
		{"database:\n  'postgres://a:b@c/d'\nhttp_port: 80\n", "", "http_port: 80\n"},
		{"\"database\" : postgres://a\ndomain: a.example\n", "", "domain: a.example\n"},
		{"database: |-\n  postgres://a\n  \ndomain: a.example", "sealed:y", "domain: a.example\ndatabase: sealed:y\n"},
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

func TestReplace_RefusesWhatItWouldSpoil(t *testing.T) {
	for _, text := range []string{"{database: postgres://a, http_port: 80}\n", "database: &a postgres://a\ndomain: *a\n"} {
		path := filepath.Join(t.TempDir(), "config.yaml")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := Replace(path, "database", "sealed:x"); err == nil {
			t.Errorf("%q was changed", text)
		}
		if got, err := os.ReadFile(path); err != nil || string(got) != text {
			t.Errorf("now it is %q, %v", got, err)
		}
	}
}
