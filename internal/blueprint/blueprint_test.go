package blueprint_test

import (
	"encoding/json"
	"io/fs"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/lugsail/lugsail/blueprints"
	"github.com/lugsail/lugsail/internal/blueprint"
	"github.com/lugsail/lugsail/platform"
)

func TestOpen_AllThatLugsailBringsAreRight(t *testing.T) {
	c, err := blueprint.Open(blueprints.Folders)
	if err != nil {
		t.Fatal(err)
	}
	if len(c.Blueprints()) < 3 {
		t.Fatalf("only %d", len(c.Blueprints()))
	}
	for _, b := range c.Blueprints() {
		if _, size, err := c.Source(b.Name); err != nil || size == 0 {
			t.Errorf("%s: %v", b.Name, err)
		}
	}
	if _, err := c.Blueprint("nothing"); !platform.IsKind(err, platform.NotFound) {
		t.Error(err)
	}
}

const good = `title: Shop
sentence: Sells things.
category: site
`

func TestRead_SaysWhatIsWrongByLine(t *testing.T) {
	for name, c := range map[string]struct{ text, want string }{
		"unknown key":          {good + "colour: red\n", "line 4: nobody knows the key colour"},
		"unknown key inside":   {good + "volumes:\n  - name: data\n    path: /data\n    size: 5\n", "line 7: nobody knows the key size"},
		"no yaml":              {"title: [\n", "line 1"},
		"not what is expected": {good + "volumes: 5\n", "line 4"},
		"nothing":              {"", "title must be one line"},
		"category":             {"title: a\nsentence: b\ncategory: garden\n", "line 3: the category must be one of"},
		"root volume":          {good + "volumes:\n  - name: data\n    path: /\n", "line 6: A volume at / would hide"},
		"volume that escapes":  {good + "volumes:\n  - name: data\n    path: /data/../../etc\n", "line 6"},
		"volume name":          {good + "volumes:\n  - name: a'b\n    path: /data\n", "line 5"},
		"placeholder":          {good + "config:\n  A: x\n  B: \"{nobody}\"\n", "line 6: nobody fills {nobody}"},
		"plan":                 {good + "plan: huge\n", "line 4: There is no plan"},
		"health":               {good + "health:\n  path: health\n", "line 5: The health path must start with /"},
		"question":             {good + "asks:\n  - name: Title\n    label: Title\n", "line 5: a question's name"},
		"question without":     {good + "asks:\n  - name: title\n", "line 5: the question title has no label"},
		"pattern":              {good + "asks:\n  - name: title\n    label: Title\n    pattern: \"(\"\n", "line 7: the pattern of title"},
		"config name":          {good + "config:\n  a b: x\n", "line 5"},
		"gives of a site":      {good + "gives:\n  URL: x\n", "line 3: gives, check and prefix are for"},
		"database without":     {"title: a\nsentence: b\ncategory: database\n", "line 3: a database needs"},
		"add-on":               {good + "addons:\n  - blueprint: ../x\n", "line 5"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := blueprint.Read(fstest.MapFS{blueprint.File: {Data: []byte(c.text)}}, "shop")
			if err == nil || !strings.Contains(err.Error(), c.want) || !platform.IsKind(err, platform.Invalid) {
				t.Errorf("want %q, got %v", c.want, err)
			}
		})
	}
	if _, err := blueprint.Read(fstest.MapFS{}, "shop"); platform.AsError(err).Code != "blueprint_missing" {
		t.Error(err)
	}
	if _, err := blueprint.Read(fstest.MapFS{blueprint.File: {Data: []byte(good)}}, "../shop"); platform.AsError(err).Code != "blueprint_name_invalid" {
		t.Error(err)
	}
	if b, err := blueprint.Read(fstest.MapFS{blueprint.File: {Data: []byte(good)}}, "shop"); err != nil || b.Title != "Shop" {
		t.Error(b, err)
	}
}

// Each key that is read is described, and nothing else is.
func TestSchema_SaysWhatIsRead(t *testing.T) {
	var schema struct {
		Properties map[string]struct {
			Properties map[string]any
			Items      struct{ Properties map[string]any }
		}
	}
	if err := json.Unmarshal(blueprint.Schema, &schema); err != nil {
		t.Fatal(err)
	}
	for key, of := range schema.Properties {
		if _, err := blueprint.Read(fstest.MapFS{blueprint.File: {Data: []byte(key + ": ~\n")}}, "shop"); err != nil && strings.Contains(err.Error(), "nobody knows") {
			t.Errorf("%s is described and not read", key)
		}
		for inner := range of.Items.Properties {
			if _, err := blueprint.Read(fstest.MapFS{blueprint.File: {Data: []byte(key + ":\n  - " + inner + ": ~\n")}}, "shop"); err != nil && strings.Contains(err.Error(), "nobody knows") {
				t.Errorf("%s.%s is described and not read", key, inner)
			}
		}
	}
	for _, b := range keysOf(t) {
		if _, ok := schema.Properties[b]; !ok {
			t.Errorf("%s is read and not described", b)
		}
	}
}

// keysOf gives the keys that the blueprints of Lugsail itself have.
func keysOf(t *testing.T) []string {
	t.Helper()
	var keys []string
	files, err := fs.Glob(blueprints.Folders, "*/"+blueprint.File)
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		data, err := fs.ReadFile(blueprints.Folders, file)
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(data)) {
			if key, _, ok := strings.Cut(line, ":"); ok && !strings.HasPrefix(line, " ") && !strings.HasPrefix(line, "#") && !strings.HasPrefix(line, "-") {
				keys = append(keys, key)
			}
		}
	}
	return keys
}

func FuzzRead(f *testing.F) {
	f.Add(good)
	f.Add(good + "asks:\n  - name: t\n    label: T\n    default: \"{app}\"\nconfig:\n  A: \"{t}{secret}\"\n")
	f.Fuzz(func(t *testing.T, text string) {
		_, err := blueprint.Read(fstest.MapFS{blueprint.File: {Data: []byte(text)}}, "shop")
		if err != nil && platform.AsError(err).Kind == platform.Internal {
			t.Error(err)
		}
	})
}
