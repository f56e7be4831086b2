package node

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/Masterminds/semver/v3"

	"github.com/lugsail/lugsail/internal/buildpack"
)

func tree(t *testing.T, files map[string]string) buildpack.Tree {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		file := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	opened, err := buildpack.OpenTree(dir)
	if err != nil {
		t.Fatal(err)
	}
	return opened
}

func TestDetect(t *testing.T) {
	cases := []struct {
		name  string
		files map[string]string
		want  bool
	}{
		{"start script", map[string]string{"package.json": `{"scripts": {"start": "node x"}}`}, true},
		{"build script", map[string]string{"package.json": `{"scripts": {"build": "vite build"}}`, "index.html": ""}, true},
		{"main file", map[string]string{"package.json": `{"main": "lib/x"}`, "lib/x.js": "", "index.html": ""}, true},
		{"server.js alone", map[string]string{"server.js": ""}, true},
		{"script of a page", map[string]string{"index.js": "", "index.html": ""}, false},
		{"site with tools", map[string]string{"package.json": `{"devDependencies": {"prettier": "3"}}`, "index.html": ""}, false},
		{"package only", map[string]string{"package.json": `{}`}, true},
		{"broken package", map[string]string{"package.json": `{`, "index.html": ""}, true},
		{"Go with npm for pages", map[string]string{"package.json": `{"scripts": {"build": "tailwind"}}`, "go.mod": "module x", "main.go": ""}, false},
		{"PHP with npm for pages", map[string]string{"package.json": `{"scripts": {"build": "vite build"}}`, "composer.json": ""}, false},
		{"nothing", map[string]string{"README.md": ""}, false},
	}
	for _, c := range cases {
		if got := detect(tree(t, c.files)); got != c.want {
			t.Errorf("%s: detected %t", c.name, got)
		}
	}
}

func TestWish(t *testing.T) {
	versions := []string{"18.20.4", "20.18.0", "22.11.0", "24.11.0", "25.1.0"}
	cases := map[string]string{ // what is asked for, and which of these meet it
		`{"engines": {"node": ">=20"}}`:                 "20.18.0 22.11.0 24.11.0 25.1.0",
		`{"engines": {"node": "^18 || ^20"}}`:           "18.20.4 20.18.0",
		`{"engines": {"node": "20.x"}}`:                 "20.18.0",
		`{"engines": {"node": "20"}}`:                   "20.18.0",
		`{"engines": {"node": ">=18 <21"}}`:             "18.20.4 20.18.0",
		`{"engines": {"node": "18 - 20"}}`:              "18.20.4 20.18.0",
		`{"engines": {"node": "~22.11"}}`:               "22.11.0",
		`{"engines": {"node": "v24.11.0"}}`:             "24.11.0",
		`{"engines": {"node": "*"}}`:                    "24.11.0 25.1.0",
		`{"engines": {"node": "lts/*"}}`:                "24.11.0 25.1.0",
		`{"engines": {"node": "lts/Jod"}}`:              "22.11.0",
		`{"engines": {"node": ">= 20.0.0 < 23.0.0"}}`:   "20.18.0 22.11.0",
		`{"engines": {"node": "18 || 20 || 22"}}`:       "18.20.4 20.18.0 22.11.0",
		`{"engines": {"node": "^18.18.0 || >=20.0.0"}}`: "18.20.4 20.18.0 22.11.0 24.11.0 25.1.0",
		`{"engines": {"node": ">=18.x"}}`:               "18.20.4 20.18.0 22.11.0 24.11.0 25.1.0",
		`{"engines": {"node": "22.x.x"}}`:               "22.11.0",
		`{"engines": {"node": "<=22"}}`:                 "18.20.4 20.18.0 22.11.0",
		`{"engines": {"node": ">=18.0.0 <=20.x"}}`:      "18.20.4 20.18.0",
		`{"engines": {"node": "=20"}}`:                  "20.18.0",
		`{"engines": {"node": "^20.x"}}`:                "20.18.0",
		`{"engines": {"node": "20.*"}}`:                 "20.18.0",
		`{}`:                                            "18.20.4 20.18.0 22.11.0 24.11.0 25.1.0",
	}
	for text, want := range cases {
		source := tree(t, map[string]string{"package.json": text})
		p, err := readPackage(source)
		if err != nil {
			t.Fatal(err)
		}
		w, err := readWish(source, p)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		var met []string
		for _, v := range versions {
			if w.meets(semver.MustParse(v)) {
				met = append(met, v)
			}
		}
		if got := strings.Join(met, " "); got != want {
			t.Errorf("%s is met by %s, want %s", text, got, want)
		}
	}
}

func TestWish_FromFiles(t *testing.T) {
	source := tree(t, map[string]string{".nvmrc": "# ours\n\nv22.11.0\n", ".node-version": "20"})
	w, err := readWish(source, pkg{})
	if err != nil || w.rang != "22.11.0" || w.from != ".nvmrc" {
		t.Errorf("got %+v, %v", w, err)
	}
	if w, err = readWish(source, pkg{Engines: map[string]string{"node": "18"}}); err != nil || w.from != "engines.node" {
		t.Errorf("got %+v, %v", w, err)
	}
	for _, text := range []string{"bananas", "lts/banana", "20; rm", "--registry=x"} {
		if _, err := newWish(text, ".nvmrc"); err == nil {
			t.Errorf("%q is taken", text)
		}
	}
}

func TestStart(t *testing.T) {
	cases := []struct {
		name     string
		files    map[string]string
		procfile bool
		command  string
		site     bool
		fails    bool
	}{
		{"start script", map[string]string{"package.json": `{"scripts": {"start": "node --enable-source-maps s.js"}}`}, false, "node --enable-source-maps s.js", false, false},
		{"start with hooks", map[string]string{"package.json": `{"scripts": {"start": "node s.js", "prestart": "x"}}`}, false, "npm start", false, false},
		{"start of npm's variables", map[string]string{"package.json": `{"scripts": {"start": "node $npm_package_main"}}`}, false, "npm start", false, false},
		{"main", map[string]string{"package.json": `{"main": "./lib/app.js"}`, "lib/app.js": ""}, false, "node lib/app.js", false, false},
		{"main outside", map[string]string{"package.json": `{"main": "../../etc/passwd"}`, "index.js": ""}, false, "node index.js", false, false},
		{"main with a quote", map[string]string{"package.json": `{"main": "a'; id.js"}`, "a'; id.js": ""}, false, `node 'a'\''; id.js'`, false, false},
		{"usual file", map[string]string{"server.js": ""}, false, "node server.js", false, false},
		{"development server", map[string]string{"package.json": `{"scripts": {"start": "react-scripts start", "build": "react-scripts build"}}`}, false, "", true, false},
		{"vite with a port", map[string]string{"package.json": `{"scripts": {"start": "vite --port 80", "build": "vite build"}}`}, false, "", true, false},
		{"vite preview", map[string]string{"package.json": `{"scripts": {"start": "vite preview", "build": "vite build"}}`}, false, "vite preview", false, false},
		{"page with a script", map[string]string{"package.json": `{"scripts": {"build": "vite build"}}`, "index.html": "", "main.js": ""}, false, "", true, false},
		{"server with a page", map[string]string{"package.json": `{"main": "server.js", "scripts": {"build": "x"}}`, "index.html": "", "server.js": ""}, false, "node server.js", false, false},
		{"build only", map[string]string{"package.json": `{"scripts": {"build": "x"}}`}, false, "", true, false},
		{"development server behind others", map[string]string{"package.json": `{"scripts": {"start": "PORT=3000 npx react-scripts start", "build": "x"}}`}, false, "", true, false},
		{"Docusaurus", map[string]string{"package.json": `{"scripts": {"start": "docusaurus start", "build": "docusaurus build"}}`}, false, "", true, false},
		{"Nest", map[string]string{"package.json": `{"scripts": {"start": "nest start", "start:prod": "node dist/main", "build": "nest build"}}`}, false, "node dist/main", false, false},
		{"main that the build makes", map[string]string{"package.json": `{"main": "./dist/index.js", "scripts": {"build": "tsc"}}`}, false, "node dist/index.js", false, false},
		{"main outside that no build makes", map[string]string{"package.json": `{"main": "../dist/index.js", "scripts": {"build": "tsc"}}`}, false, "", true, false},
		{"Procfile", map[string]string{"package.json": `{"scripts": {"start": "x"}}`}, true, "", false, false},
		{"nothing", map[string]string{"package.json": `{}`}, false, "", false, true},
	}
	for _, c := range cases {
		source := tree(t, c.files)
		p, err := readPackage(source)
		if err != nil {
			t.Fatal(err)
		}
		var lines []buildpack.Line
		if c.procfile {
			lines = []buildpack.Line{{Type: "web", Command: "node x.js"}}
		}
		s, err := chooseStart(source, p, lines)
		if (err != nil) != c.fails || s.command != c.command || s.site != c.site {
			t.Errorf("%s: got %+v, %v", c.name, s, err)
		}
	}
}

func TestLocal_SaysWhyModulesNeedTheTree(t *testing.T) {
	for text, want := range map[string]string{
		`{"scripts": {"postinstall": "x"}}`: "postinstall", `{"workspaces": ["a"]}`: "workspaces",
		`{"dependencies": {"a": "file:./a"}}`: "a is a folder", `{"dependencies": {"a": "^1", "b": "npm:c@1"}, "scripts": {"test": "x"}}`: "",
	} {
		p, err := readPackage(tree(t, map[string]string{"package.json": text}))
		if err != nil {
			t.Fatal(err)
		}
		if got := p.local(); !strings.Contains(got, want) || (want == "") != (got == "") {
			t.Errorf("%s: %q", text, got)
		}
	}
}

func TestModulesKey_DependsOnWhatChoosesModulesOnly(t *testing.T) {
	key := func(text string) string {
		p, err := readPackage(tree(t, map[string]string{"package.json": text}))
		if err != nil {
			t.Fatal(err)
		}
		return p.modulesKey()
	}
	one := key(`{"version": "1.0.0", "dependencies": {"a": "1"}, "scripts": {"start": "x"}}`)
	if one != key(`{"version": "2.0.0", "dependencies": {"a":"1"}, "scripts": {"start": "y"}}`) {
		t.Error("a new version of the app installs again")
	}
	if one == key(`{"dependencies": {"a": "2"}}`) || one == key(`{"dependencies": {"a": "1"}, "overrides": {"b": "1"}}`) {
		t.Error("other modules do not install")
	}
}

func TestPackage_ForgivesOddFields(t *testing.T) {
	p, err := readPackage(tree(t, map[string]string{"package.json": "\ufeff" + `{"scripts": {"start": "x", "odd": {}}, "engines": ["node"], "main": 1, "dependencies": null}`}))
	if err != nil || p.Scripts["start"] != "x" || len(p.Engines) > 0 || p.Main != "" {
		t.Errorf("got %+v, %v", p, err)
	}
	for _, text := range []string{"[]", "", "{,}", "null x"} {
		if _, err := readPackage(tree(t, map[string]string{"package.json": text})); err == nil {
			t.Errorf("%q is taken", text)
		}
	}
}

func TestChatter_HidesNpmsManual(t *testing.T) {
	skip := chatter()
	var shown []string
	for _, line := range []string{"npm error code EUSAGE", "npm error", "npm error the reason", "npm error gyp ERR! find Python -", "npm error node-pre-gyp ERR! stack x", "npm error Usage:", "npm error npm ci", "added 1 package", "", "npm error A complete log of this run can be found in: x"} {
		if !skip(line) {
			shown = append(shown, line)
		}
	}
	if got := strings.Join(shown, "|"); got != "npm error code EUSAGE|npm error the reason|added 1 package" {
		t.Errorf("shows %s", got)
	}
}

func TestDevIn_FindsModulesForDevelopmentThatTheAppRuns(t *testing.T) {
	p, err := readPackage(tree(t, map[string]string{"package.json": `{
		"scripts": {"start": "npm run serve", "serve": "NODE_ENV=production nodemon server.js", "prod": "node server.js", "preprod": "tsc"},
		"dependencies": {"express": "4", "tsx": "4"},
		"devDependencies": {"nodemon": "3", "typescript": "5", "ts-node": "10", "@swc-node/register": "1", "tsx": "4", "server": "1"}}`}))
	if err != nil {
		t.Fatal(err)
	}
	for line, want := range map[string]string{
		"node server.js": "", "tsx index.ts": "", "nodemon": "nodemon", "npm start": "nodemon", "npm run prod": "typescript",
		"tsc && node dist/index.js": "typescript", "node -r ts-node/register x.ts": "ts-node", "node --import @swc-node/register/esm x.ts": "@swc-node/register",
		"./node_modules/.bin/nodemon x": "nodemon", "npm run missing": "", `sh -c "nodemon x"`: "nodemon",
	} {
		if got := p.devIn("", line); got != want {
			t.Errorf("%q needs %q, want %q", line, got, want)
		}
	}
}

func TestExplain_SaysWhatToDo(t *testing.T) {
	install := func(tail *buildpack.Tail) error { return explainInstall(errors.New("exit status 1"), tail, "ci") }
	script := func(tail *buildpack.Tail) error { return explainScript("build", tail) }
	for _, c := range []struct {
		explain            func(*buildpack.Tail) error
		output, code, says string
	}{
		{install, "npm error code 1\nnpm error path /layers/x/modules/node_modules/bcrypt\nnpm error command failed\nnpm error command sh -c node-gyp rebuild\nnpm error gyp ERR! find Python\n", "npm_native", "The module bcrypt must be compiled"},
		{install, "npm error code 127\nnpm error path /home/app\nnpm error command failed\nnpm error command sh -c prisma generate\nnpm error sh: 1: prisma: not found\nnpm error A complete log of this run can be found in: x\n", "npm_failed", "the script prisma generate failed: sh: 1: prisma: not found"},
		{install, "> prepare\n> huskyx\nsh: 1: huskyx: not found\nnpm error code 127\nnpm error path /home/app\nnpm error command failed\nnpm error command sh -c huskyx\nnpm error A complete log of this run can be found in: x\n", "npm_failed", "the script huskyx failed: sh: 1: huskyx: not found"},
		{install, "npm error path /x/node_modules/bcrypt\nnpm error command failed\nnpm error command sh -c y\nnpm error getaddrinfo ENOTFOUND z\nnpm error gyp ERR! stack\n", "npm_native", "check the server's network"},
		{install, "npm error code EUNSUPPORTEDPROTOCOL\nnpm error Unsupported URL Type \"workspace:\": workspace:*\n", "npm_protocol", "workspace:*"},
		{install, "npm error code ERESOLVE\nnpm error ERESOLVE could not resolve\nnpm error\nnpm error While resolving: a@1\n", "npm_failed", "ERESOLVE could not resolve"},
		{install, "npm error code ENOSPC\nnpm error nospc ENOSPC: no space left on device\n", "disk_full", "no space left"},
		{script, "vite v5\nerror during build:\nCould not resolve \"./x\" from \"src/main.js\"\n    at file:///x\n", "npm_script_failed", `error during build: Could not resolve "./x"`},
		{script, "src/a.ts(3,5): error TS2304: Cannot find name 'x'.\nFound 1 error.\n", "npm_script_failed", "src/a.ts(3,5): error TS2304"},
		{script, "/home/app/make.js:1\nthrow new Error(\"the sky\")\n^\n\nError: the sky\n    at Object.<anonymous>\n", "npm_script_failed", "failed: Error: the sky"},
		{script, "<--- Last few GCs --->\nFATAL ERROR: Reached heap limit Allocation failed - JavaScript heap out of memory\n", "build_out_of_memory", "npm run build"},
		{script, "Error: Cannot find module @rollup/rollup-linux-x64-gnu. npm has a bug related to optional dependencies (x). Please try\n", "npm_lock_foreign", "another system"},
		{script, "./app/page.js\nError: \x1b[31mx\x1b[0m Unterminated literal\n", "npm_script_failed", "failed: Error: x Unterminated literal"},
		{script, "", "npm_script_failed", "it said nothing"},
	} {
		tail := &buildpack.Tail{}
		if _, err := tail.Write([]byte(c.output)); err != nil {
			t.Fatal(err)
		}
		var failure *buildpack.Failure
		if err := c.explain(tail); !errors.As(err, &failure) || failure.Code != c.code || !strings.Contains(failure.Message+failure.Hint, c.says) {
			t.Errorf("%q gives %+v, want %s with %q", c.output, err, c.code, c.says)
		}
	}
}
