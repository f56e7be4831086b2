package node

import (
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/lugsail/lugsail/internal/buildpack"
)

// start is how the web process runs.
type start struct {
	command string
	why     string
	site    bool   // the build makes static files
	dev     string // a module for development that some process needs, "" when there is none
}

// devServers are start scripts that are for one's own machine only.
var devServers = []string{
	"react-scripts start", "ng serve", "vite", "vite dev", "vite serve", "vue-cli-service serve", "webpack serve", "webpack-dev-server", "parcel",
	"astro dev", "rsbuild dev", "gatsby develop", "docusaurus start", "vitepress dev", "rspack serve", "rspack dev", "nuxt dev", "nuxi dev",
}

func chooseStart(tree buildpack.Tree, p pkg, lines []buildpack.Line) (start, error) {
	s, err := chooseCommand(tree, p, buildpack.Complete(lines))
	if err != nil || s.site {
		return s, err
	}
	commands := []string{s.command}
	for _, line := range lines {
		commands = append(commands, line.Command)
	}
	s.dev = p.devIn(commands...)
	return s, nil
}

func chooseCommand(tree buildpack.Tree, p pkg, procfile bool) (start, error) {
	script := strings.TrimSpace(p.Scripts["start"])
	production := strings.TrimSpace(p.Scripts["start:prod"])
	switch {
	case procfile:
		return start{why: "Procfile"}, nil
	case production != "" && strings.HasPrefix(script, "nest start"): // which compiles at each start
		return start{command: production, why: "script start:prod"}, nil
	case p.buildScript() != "" && devServer(script):
		return start{site: true}, nil
	case script != "":
		return start{command: p.startCommand(script), why: "start script"}, nil
	case p.buildScript() != "" && p.Main == "" && tree.Has("index.html"):
		return start{site: true}, nil // a main.js beside a page is the page's
	case p.builtMain(tree) != "":
		return start{command: "node " + quote(p.builtMain(tree)), why: "main file, made by npm run " + p.buildScript()}, nil
	case mainFile(tree, p) != "":
		return start{command: "node " + quote(mainFile(tree, p)), why: "main file"}, nil
	case p.buildScript() != "":
		return start{site: true}, nil
	case tree.Has("Procfile"):
		return start{why: "Procfile"}, nil
	}
	return start{}, buildpack.Failf("node_no_start", p.startHint(`"start": "node server.js"`),
		"Lugsail does not know how to start this Node app: package.json has no start script, and there is no server.js or index.js.")
}

// startHint says how to tell what is started.
func (p pkg) startHint(example string) string {
	if p.workspaces() {
		return `Say in the package.json of the top folder which workspace serves, for example "scripts": {"start": "npm start --workspace=packages/api"}`
	}
	return `Add a start script to package.json, for example "scripts": {` + example + `}, or a Procfile with: web: node server.js`
}

var before = regexp.MustCompile(`^(?:[A-Za-z_][A-Za-z0-9_]*=\S*|npx|cross-env)\s+`)

func devServer(script string) bool {
	for before.MatchString(script) {
		script = before.ReplaceAllString(script, "")
	}
	for _, known := range devServers {
		if rest, ok := strings.CutPrefix(script, known); ok && (rest == "" || strings.HasPrefix(rest, " -") || (known == "parcel" && strings.HasPrefix(rest, " "))) {
			return true
		}
	}
	return false
}

// mainFile is what package.json names as main, or a file with a usual name.
func mainFile(tree buildpack.Tree, p pkg) string {
	if p.Main != "" && filepath.IsLocal(p.Main) {
		for _, name := range []string{p.Main, p.Main + ".js", filepath.Join(p.Main, "index.js")} {
			if tree.Has(filepath.Clean(name)) {
				return filepath.Clean(name)
			}
		}
	}
	for _, name := range mains {
		if tree.Has(name) {
			return name
		}
	}
	return ""
}

// builtMain is what package.json names as main when only the build script makes it, "" when not.
func (p pkg) builtMain(tree buildpack.Tree) string {
	name := filepath.Clean(p.Main)
	folder, _, _ := strings.Cut(name, "/")
	ending := filepath.Ext(name)
	if p.buildScript() == "" || !filepath.IsLocal(name) || tree.Has(name) || !slices.Contains([]string{"dist", "build", "lib", "out"}, folder) || (ending != ".js" && ending != ".mjs" && ending != ".cjs") {
		return ""
	}
	return name
}

func quote(word string) string {
	if strings.Trim(word, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._/-") == "" {
		return word
	}
	return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
}

// programs of modules that are not called like their module.
var programs = map[string]string{
	"tsc": "typescript", "nest": "@nestjs/cli", "ng": "@angular/cli", "babel-node": "@babel/node", "vue-cli-service": "@vue/cli-service",
	"sequelize": "sequelize-cli", "sequelize-cli": "sequelize-cli", "ts-node-esm": "ts-node", "remix-serve": "@remix-run/serve",
	"react-router-serve": "@react-router/serve", "dotenvx": "@dotenvx/dotenvx",
}

var (
	words     = regexp.MustCompile(`[^\s"';&|()=]+`)
	scriptRun = regexp.MustCompile(`\b(?:npm|yarn|pnpm)\s+(?:run\s+|run-script\s+)?([A-Za-z0-9:._-]+)`)
)

// devIn names a module for development that one of the command lines needs, "" when there is none: what
// they run, and what the scripts run that they name.
func (p pkg) devIn(commands ...string) string {
	seen := map[string]bool{}
	for len(commands) > 0 {
		line := commands[0]
		commands = commands[1:]
		for _, word := range words.FindAllString(line, -1) {
			if name := moduleOf(word); p.DevDependencies[name] != "" && p.Dependencies[name] == "" && p.OptionalDependencies[name] == "" {
				return name
			}
		}
		for _, match := range scriptRun.FindAllStringSubmatch(line, -1) {
			for _, name := range []string{"pre" + match[1], match[1], "post" + match[1]} {
				if text := p.Scripts[name]; text != "" && !seen[name] {
					seen[name] = true
					commands = append(commands, text)
				}
			}
		}
	}
	return ""
}

// moduleOf is the module that a word of a command line would be of: "tsx", "ts-node/register", "@swc-node/register".
func moduleOf(word string) string {
	word = strings.TrimPrefix(strings.TrimPrefix(word, "./"), "node_modules/.bin/")
	parts := strings.SplitN(word, "/", 3)
	if strings.HasPrefix(word, "@") && len(parts) > 1 {
		return parts[0] + "/" + parts[1]
	}
	if name, ok := programs[parts[0]]; ok {
		return name
	}
	return parts[0]
}
