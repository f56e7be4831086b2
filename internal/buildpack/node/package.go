package node

import (
	"bytes"
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"strings"

	"github.com/lugsail/lugsail/internal/buildpack"
)

// pkg is what matters of a package.json.
type pkg struct {
	Name                 string            `json:"name"`
	Main                 string            `json:"-"`
	Scripts              map[string]string `json:"-"`
	Engines              map[string]string `json:"-"`
	Dependencies         map[string]string `json:"-"`
	DevDependencies      map[string]string `json:"-"`
	OptionalDependencies map[string]string `json:"-"`
	fields               map[string]json.RawMessage
}

func readPackage(tree buildpack.Tree) (pkg, error) {
	p := pkg{Scripts: map[string]string{}}
	text, err := tree.Read("package.json")
	if err != nil || text == nil {
		return p, err
	}
	text = bytes.TrimPrefix(text, []byte("\ufeff"))
	if err := json.Unmarshal(text, &p.fields); err != nil {
		return p, buildpack.Failf("package_json_invalid", "Check it for a missing comma or quote.", "package.json is not valid JSON: %s.", where(text, err))
	}
	for name, into := range map[string]*map[string]string{
		"scripts": &p.Scripts, "engines": &p.Engines, "dependencies": &p.Dependencies,
		"devDependencies": &p.DevDependencies, "optionalDependencies": &p.OptionalDependencies,
	} {
		*into = stringsOf(p.fields[name])
	}
	_ = json.Unmarshal(p.fields["main"], &p.Main) // anything but a string is none
	_ = json.Unmarshal(p.fields["name"], &p.Name) // anything but a string is none
	return p, nil
}

// stringsOf keeps the entries that are strings; npm does not mind others either.
func stringsOf(raw json.RawMessage) map[string]string {
	var values map[string]any
	if json.Unmarshal(raw, &values) != nil {
		return map[string]string{}
	}
	found := map[string]string{}
	for name, value := range values {
		if text, ok := value.(string); ok {
			found[name] = text
		}
	}
	return found
}

func where(text []byte, err error) string {
	var syntax *json.SyntaxError
	if errors.As(err, &syntax) {
		line := 1 + bytes.Count(text[:min(int(syntax.Offset), len(text))], []byte("\n"))
		return strings.TrimSuffix(syntax.Error(), ".") + ", line " + itoa(line)
	}
	return "it must be an object"
}

// buildScript is the name of the script that builds, "" when there is none.
func (p pkg) buildScript() string {
	for _, name := range []string{"heroku-postbuild", "build"} {
		if strings.TrimSpace(p.Scripts[name]) != "" {
			return name
		}
	}
	return ""
}

// startCommand runs the start script without npm where npm would add nothing.
func (p pkg) startCommand(script string) string {
	if p.Scripts["prestart"] != "" || p.Scripts["poststart"] != "" || strings.Contains(script, "npm_") || strings.ContainsAny(script, "\n\r") {
		return "npm start"
	}
	return script
}

// installScripts are run by npm while it installs, and may read anything in the tree.
var installScripts = []string{"preinstall", "install", "postinstall", "preprepare", "prepare", "postprepare", "dependencies"}

// whileInstalling is the name of a script that npm runs while it installs, "" when there is none.
func (p pkg) whileInstalling() string {
	for _, name := range installScripts {
		if p.Scripts[name] != "" {
			return name
		}
	}
	return ""
}

// local says why the modules depend on more than package.json and the lock file, "" when they do not.
func (p pkg) local() string {
	if name := p.whileInstalling(); name != "" {
		return "package.json has a script " + name
	}
	if p.workspaces() {
		return "package.json has workspaces"
	}
	for _, group := range []map[string]string{p.Dependencies, p.DevDependencies, p.OptionalDependencies} {
		for _, name := range slices.Sorted(maps.Keys(group)) {
			v := group[name]
			if strings.HasPrefix(v, "file:") || strings.HasPrefix(v, "link:") || strings.HasPrefix(v, ".") || strings.HasPrefix(v, "/") {
				return name + " is a folder of the app"
			}
		}
	}
	return ""
}

// modulesKey is over the fields that choose modules.
func (p pkg) modulesKey() string {
	var parts []string
	for _, name := range []string{
		"dependencies", "devDependencies", "optionalDependencies", "peerDependencies", "peerDependenciesMeta",
		"bundledDependencies", "bundleDependencies", "overrides", "engines", "os", "cpu", "workspaces",
	} {
		var compact bytes.Buffer
		if raw := p.fields[name]; raw != nil && json.Compact(&compact, raw) == nil {
			parts = append(parts, name, compact.String())
		}
	}
	return buildpack.Key(parts...)
}

// empty reports that there is nothing to install.
func (p pkg) empty() bool {
	return len(p.Dependencies)+len(p.DevDependencies)+len(p.OptionalDependencies) == 0 && !p.workspaces()
}

func (p pkg) workspaces() bool {
	_, ok := p.fields["workspaces"]
	return ok
}
