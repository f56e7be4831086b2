package cnb_test

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/moby/moby/client"

	"github.com/lugsail/lugsail/platform"
)

func (a *app) copy(dir string) *app {
	a.t.Helper()
	if err := os.CopyFS(a.dir, os.DirFS(dir)); err != nil {
		a.t.Fatal(err)
	}
	return a
}

func (a *app) replace(file, old, replacement string) {
	a.t.Helper()
	text, err := os.ReadFile(filepath.Join(a.dir, file))
	if err != nil {
		a.t.Fatal(err)
	}
	a.write(map[string]string{file: strings.ReplaceAll(string(text), old, replacement)})
}

func contains(t *testing.T, text string, parts ...string) {
	t.Helper()
	for _, part := range parts {
		if !strings.Contains(text, part) {
			t.Errorf("%q is not in:\n%s", part, text)
		}
	}
}

// fails checks that a build ends with that error.
func (a *app) fails(code string, parts ...string) {
	a.t.Helper()
	_, _, err := a.build()
	a.failed(err, code, parts...)
}

func (a *app) failed(err error, code string, parts ...string) {
	a.t.Helper()
	var e *platform.Error
	if !errors.As(err, &e) {
		a.t.Fatalf("got %v, want a platform.Error", err)
	}
	if e.Code != code {
		a.t.Errorf("code is %s, want %s: %s", e.Code, code, e)
	}
	contains(a.t, e.Message+" "+e.Hint, parts...)
	a.nothingLeft()
}

// nothingLeft checks that no part of a build has stayed.
func (a *app) nothingLeft() {
	a.t.Helper()
	filters := make(client.Filters).Add("label", "lugsail.build").Add("label", "lugsail.app="+a.id)
	for deadline := time.Now().Add(10 * time.Second); ; pause(a.t, 10*time.Millisecond) { // a build that went well does not wait for it
		found, err := shared.engine.ContainerList(context.Background(), client.ContainerListOptions{All: true, Filters: filters})
		if err != nil {
			a.t.Fatal(err)
		}
		if len(found.Items) == 0 {
			break
		}
		if time.Now().After(deadline) {
			a.t.Fatalf("%d containers are left", len(found.Items))
		}
	}
	work, err := os.ReadDir(filepath.Join(shared.dir, "builds", "work"))
	if err != nil {
		a.t.Fatal(err)
	}
	if len(work) > 0 {
		a.t.Errorf("%s is left", work[0].Name())
	}
	if _, err := os.Stat(filepath.Join(shared.dir, "builds", "apps", a.id, "home", "app")); !errors.Is(err, os.ErrNotExist) {
		a.t.Errorf("the source is left: %v", err)
	}
	volumes, err := shared.engine.VolumeList(context.Background(), client.VolumeListOptions{})
	if err != nil {
		a.t.Fatal(err)
	}
	for _, v := range volumes.Items {
		if strings.HasPrefix(v.Name, "pack-") {
			a.t.Errorf("the volume %s is left", v.Name)
		}
	}
}

func TestBuild_NodeWithModulesServesAndItsNextBuildReusesThem(t *testing.T) {
	a := newApp(t, nil).copy("testdata/node")
	result, log := a.mustBuild()
	contains(t, log, `Node 24.`, `(engines.node says ">=20")`, "npm ci", "Start command: node server.js (start script)", "Built in")
	contains(t, result.Detected, "Node 24.", "npm", "start script")
	if want := []platform.Process{{Type: "web", Command: "node server.js", Entrypoint: []string{"/cnb/process/web"}}}; len(result.Processes) != 1 || result.Processes[0].Command != want[0].Command || !slices.Equal(result.Processes[0].Entrypoint, want[0].Entrypoint) {
		t.Errorf("processes are %+v, want %+v", result.Processes, want)
	}
	if result.Builder != "buildpacks" || result.Bytes < 50<<20 || !strings.Contains(result.Image, "@sha256:") {
		t.Errorf("result is %+v", result)
	}
	serves(t, result, "version one v24.")
	serves(t, result, "production")

	a.replace("server.js", "version one", "version two")
	again, log := a.mustBuild()
	contains(t, log, "npm ci: modules unchanged, reused")
	serves(t, again, "version two")
	serves(t, result, "version one") // a release does not change
	a.nothingLeft()
}

func TestBuild_SameSourceGivesSameImage(t *testing.T) {
	files := map[string]string{"index.html": "<h1>Hello</h1>"}
	a, b := newApp(t, files), newApp(t, files)
	first, _ := a.mustBuild()
	second, _ := b.mustBuild()
	_, one, _ := strings.Cut(first.Image, "@")
	_, two, _ := strings.Cut(second.Image, "@")
	if one != two {
		t.Errorf("digests are %s and %s", one, two)
	}
}

func TestBuild_NodeBuildScriptHasModulesForDevelopmentThatTheImageHasNot(t *testing.T) {
	a := newApp(t, map[string]string{
		"package.json":  `{"name": "x", "scripts": {"build": "tsc", "start": "node dist/index.js"}, "dependencies": {"ms": "2.1.3"}, "devDependencies": {"typescript": "5.6.3"}}`,
		"tsconfig.json": `{"compilerOptions": {"outDir": "dist", "module": "commonjs", "target": "es2022", "types": [], "skipLibCheck": true}, "files": ["index.ts"]}`,
		"index.ts": `declare const require: any; declare const process: any;
const has = (name: string): boolean => { try { require(name); return true; } catch { return false; } };
require("http").createServer((q: any, r: any) => r.end("one ms:" + has("ms") + " typescript:" + has("typescript"))).listen(process.env.PORT);`,
	})
	result, log := a.mustBuild()
	contains(t, log, "There is no package-lock.json", "npm install", "npm run build")
	serves(t, result, "one ms:true typescript:false")

	a.replace("index.ts", `"one ms`, `"two ms`)
	result, log = a.mustBuild()
	contains(t, log, "npm install: modules unchanged, reused", "npm run build")
	serves(t, result, "two ms:true typescript:false")
}

func TestBuild_WhatABuildScriptGeneratesIntoModulesIsInTheImage(t *testing.T) {
	a := newApp(t, map[string]string{
		"package.json": `{"scripts": {"build": "node make.js", "start": "node index.js"}, "dependencies": {"ms": "2.1.3"}}`,
		"make.js":      `require("fs").mkdirSync("node_modules/.made", {recursive: true}); require("fs").writeFileSync("node_modules/.made/index.js", "module.exports = 'made one'");`,
		"index.js":     `require("http").createServer((q, r) => r.end(require("./node_modules/.made"))).listen(process.env.PORT);`,
	})
	result, _ := a.mustBuild()
	serves(t, result, "made one")
	a.replace("make.js", "made one", "made two")
	result, _ = a.mustBuild()
	serves(t, result, "made two")
}

func TestBuild_NodeWorkspaces(t *testing.T) {
	a := newApp(t, map[string]string{
		"package.json":                `{"workspaces": ["packages/*"], "scripts": {"start": "node index.js"}}`,
		"packages/greet/package.json": `{"name": "@x/greet", "version": "1.0.0", "main": "greet.js", "dependencies": {"ms": "2.1.3"}}`,
		"packages/greet/greet.js":     `module.exports = "greet one " + require("ms")(60000);`,
		"index.js":                    `require("http").createServer((q, r) => r.end(require("@x/greet"))).listen(process.env.PORT);`,
	})
	result, log := a.mustBuild()
	contains(t, log, "package.json has workspaces")
	serves(t, result, "greet one 1m")
	a.replace("packages/greet/greet.js", "greet one", "greet two")
	result, _ = a.mustBuild()
	serves(t, result, "greet two 1m")
}

func TestBuild_NodeSiteIsServedAsFiles(t *testing.T) {
	a := newApp(t, map[string]string{
		"package.json": `{"scripts": {"dev": "vite", "build": "node make.js"}, "devDependencies": {"ms": "2.1.3"}}`,
		"make.js":      `require("ms"); require("fs").mkdirSync("dist"); require("fs").writeFileSync("dist/index.html", "<h1>site</h1>");`,
		"index.html":   "<h1>source</h1>",
	})
	result, log := a.mustBuild()
	contains(t, log, "The build made a static site in dist")
	contains(t, result.Detected, "static site in dist")
	serves(t, result, "<h1>site</h1>")
}

func TestBuild_NodeOfAnotherVersionIsFetchedOnce(t *testing.T) {
	a := newApp(t, map[string]string{
		".nvmrc":    "v20.18.0\n",
		"server.js": `require("http").createServer((q, r) => r.end("one " + process.version)).listen(process.env.PORT);`,
	})
	result, log := a.mustBuild()
	contains(t, log, `.nvmrc says "v20.18.0"`, "fetching it")
	serves(t, result, "one v20.18.0")
	a.replace("server.js", "one", "two")
	result, log = a.mustBuild()
	if strings.Contains(log, "fetching it") {
		t.Error("it was fetched again")
	}
	serves(t, result, "two v20.18.0")
}

func TestBuild_GoModule(t *testing.T) {
	a := newApp(t, nil).copy("testdata/go")
	result, log := a.mustBuild()
	contains(t, log, `(go.mod says "go 1.24")`, "go build ./")
	contains(t, result.Detected, "Go 1.")
	serves(t, result, "version one 00000000-")
	a.replace("main.go", "version one", "version two")
	result, log = a.mustBuild()
	if strings.Contains(log, "downloading") {
		t.Error("modules were fetched again")
	}
	serves(t, result, "version two")

	a.replace("main.go", "http.HandleFunc", "http.Handlefunc")
	a.fails("go_compile", "main.go:", "Handlefunc")
}

func TestBuild_StaticSite(t *testing.T) {
	a := newApp(t, map[string]string{"public/index.html": "<h1>Hello</h1>", "public/about.html": "About", "README.md": "x"})
	result, log := a.mustBuild()
	contains(t, log, "Static site: index.html is in public")
	id, url := start(t, result, "web")
	for path, want := range map[string]string{"/": "Hello", "/about": "About", "/nothing.png": "not found"} {
		if _, body := get(t, id, url+path); !strings.Contains(body, want) {
			t.Errorf("%s answers %q, want %q", path, body, want)
		}
	}
}

func TestBuild_ProcfileOnlyWorker(t *testing.T) {
	a := newApp(t, map[string]string{"Procfile": "# what runs\nworker: ./work.sh \"$SAY world\" && echo \"end of $SAY\"\n", "work.sh": "#!/bin/sh\necho \"got $1\"\n"})
	if err := os.Chmod(filepath.Join(a.dir, "work.sh"), 0o755); err != nil {
		t.Fatal(err)
	}
	result, _ := a.mustBuild()
	if len(result.Processes) != 1 || result.Processes[0].Type != "worker" {
		t.Fatalf("processes are %+v", result.Processes)
	}
	id, _ := start(t, result, "worker")
	deadline := time.Now().Add(10 * time.Second)
	for !strings.Contains(output(t, id), "end of hello") {
		if time.Now().After(deadline) {
			t.Fatalf("it said %q", output(t, id))
		}
		pause(t, 20*time.Millisecond)
	}
	contains(t, output(t, id), "got hello world")
}

func TestBuild_ProcfileWinsOverTheStartScript(t *testing.T) {
	a := newApp(t, map[string]string{
		"package.json": `{"scripts": {"start": "node a.js"}}`, "Procfile": "web: node b.js\nworker: node a.js\n",
		"a.js": "", "b.js": `require("http").createServer((q, r) => r.end("from b")).listen(process.env.PORT);`,
	})
	result, _ := a.mustBuild()
	if len(result.Processes) != 2 {
		t.Errorf("processes are %+v", result.Processes)
	}
	serves(t, result, "from b")
}

func TestBuild_FailuresAreSentences(t *testing.T) {
	cases := []struct {
		name  string
		files map[string]string
		code  string
		says  []string
	}{
		{"python", map[string]string{"app.py": "", "requirements.txt": ""}, "language_unknown", []string{"package.json", "app.py, requirements.txt", "looks like Python"}},
		{"folder below", map[string]string{"web/package.json": "{}", "README.md": ""}, "language_unknown", []string{"README.md, web/", "web/package.json is in a folder below"}},
		{"nothing", nil, "language_unknown", []string{"the top folder has no files"}},
		{"json", map[string]string{"package.json": "{\n\"name\": \"x\",\n}"}, "package_json_invalid", []string{"line 3", "comma"}},
		{"no start", map[string]string{"package.json": `{"name": "x"}`}, "node_no_start", []string{"start script", "Procfile"}},
		{"version", map[string]string{"package.json": `{"engines": {"node": "bananas"}}`, "server.js": ""}, "node_version_invalid", []string{"bananas"}},
		{"unknown module", map[string]string{"package.json": `{"dependencies": {"ms": "99.99.99"}}`, "server.js": ""}, "npm_failed", []string{"No matching version", "ms@99.99.99"}},
		{"lock", map[string]string{"package.json": `{"dependencies": {"ms": "2.1.3"}}`, "package-lock.json": `{"lockfileVersion": 3, "packages": {}}`, "server.js": ""}, "npm_lock", []string{"npm install"}},
		{"build script", map[string]string{"package.json": `{"scripts": {"build": "node make.js", "start": "node make.js"}}`, "make.js": `throw new Error("the sky is falling")`}, "npm_script_failed", []string{"npm run build failed", "the sky is falling"}},
		{"no go.mod", map[string]string{"main.go": "package main"}, "go_mod_missing", []string{"go mod init"}},
		{"several mains", map[string]string{"go.mod": "module x", "cmd/one/main.go": "package main", "cmd/two/main.go": "package main"}, "go_many_mains", []string{"one, two", "web: one"}},
		{"procfile", map[string]string{"Procfile": "web node server.js"}, "procfile_invalid", []string{"Line 1 of the Procfile", "web node server.js"}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) { newApp(t, c.files).fails(c.code, c.says...) })
	}
}

func TestBuild_LinksOutOfTheSourceAreNotRead(t *testing.T) {
	a := newApp(t, map[string]string{"README.md": "x"})
	for name, target := range map[string]string{"Procfile": "/etc/passwd", "package.json": "/proc/self/environ", "index.html": "../../../../etc/hostname"} {
		if err := os.Symlink(target, filepath.Join(a.dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	a.fails("language_unknown")
}

// endless is an app whose build script does not end.
func endless(t *testing.T, script string) *app {
	return newApp(t, map[string]string{"package.json": `{"scripts": {"build": "node build.js", "start": "node build.js"}}`, "build.js": script})
}

// watcher cancels when a text appears.
type watcher struct {
	syncBuffer
	text string
	then func()
}

func (w *watcher) Write(p []byte) (int, error) {
	n, err := w.syncBuffer.Write(p)
	if strings.Contains(w.String(), w.text) {
		w.then()
	}
	return n, err
}

func TestBuild_CancelLeavesNothing(t *testing.T) {
	a := endless(t, `console.log("working"); setInterval(() => {}, 1000);`)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	_, err := shared.builder.Build(ctx, a.request(), &watcher{text: "working", then: cancel})
	if !errors.Is(err, context.Canceled) {
		t.Fatalf("got %v", err)
	}
	a.nothingLeft()
}

func TestBuild_CancelAtAnyMomentLeavesNothing(t *testing.T) {
	for _, after := range []time.Duration{0, 10 * time.Millisecond, 40 * time.Millisecond, 90 * time.Millisecond, 200 * time.Millisecond, 400 * time.Millisecond} {
		a := newApp(t, map[string]string{"index.html": "x"})
		ctx, cancel := context.WithTimeout(t.Context(), after)
		_, err := shared.builder.Build(ctx, a.request(), &syncBuffer{})
		cancel()
		if err != nil && !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("after %s: got %v", after, err)
		}
		if err != nil {
			a.nothingLeft()
		}
	}
}

func TestBuild_Limits(t *testing.T) {
	t.Run("time", func(t *testing.T) {
		a := endless(t, `setInterval(() => {}, 1000);`)
		req := a.request()
		req.Limits.Timeout = 4 * time.Second
		_, _, err := a.buildAs(t.Context(), req)
		a.failed(err, "build_timeout", "4s")
	})
	t.Run("output", func(t *testing.T) {
		a := endless(t, `const line = "x".repeat(1000); const more = () => { for (let i = 0; i < 100; i++) console.log(line); setImmediate(more); }; more();`)
		req := a.request()
		req.Limits.Output = 1 << 20
		var log syncBuffer
		_, err := shared.builder.Build(t.Context(), req, &log)
		a.failed(err, "build_output_limit", "1 MB")
		if n := len(log.String()); n > 1<<20 {
			t.Errorf("%d bytes came through", n)
		}
	})
	t.Run("memory", func(t *testing.T) {
		a := endless(t, `const all = []; for (;;) all.push(Buffer.alloc(10 << 20, 1));`)
		req := a.request()
		req.Limits.Memory = 192 << 20
		_, _, err := a.buildAs(t.Context(), req)
		a.failed(err, "build_out_of_memory", "192 MB")
	})
}

func TestBuild_VariablesAreForTheBuildOnly(t *testing.T) {
	a := newApp(t, map[string]string{
		"package.json": `{"scripts": {"build": "node make.js", "start": "node index.js"}}`,
		"make.js":      `console.log("secret has", process.env.SECRET.length, "characters; user", process.getuid(), "; auth", process.env.CNB_REGISTRY_AUTH);`,
		"index.js":     `require("http").createServer((q, r) => r.end("secret: " + process.env.SECRET)).listen(process.env.PORT);`,
	})
	req := a.request()
	req.Env = map[string]string{"SECRET": "canary-4711", "CNB_PLATFORM_API": "0.1", "PATH": "/nowhere"}
	result, log, err := a.buildAs(t.Context(), req)
	if err != nil {
		t.Fatal(err)
	}
	contains(t, log, "secret has 11 characters; user 1000 ; auth undefined")
	serves(t, result, "secret: undefined")
	found, err := shared.engine.ImageInspect(t.Context(), result.Image)
	if err != nil {
		t.Fatal(err)
	}
	history, err := shared.engine.ImageHistory(t.Context(), result.Image)
	if err != nil {
		t.Fatal(err)
	}
	for _, part := range []any{found, history} {
		text, err := json.Marshal(part)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(text), "canary-4711") {
			t.Error("the image knows the variable")
		}
	}
}

func TestBuild_CodeOfTheAppCannotReadTheBuildsCredential(t *testing.T) {
	a := newApp(t, map[string]string{
		"package.json": `{"scripts": {"build": "node make.js", "start": "node make.js"}}`,
		"make.js": `const fs = require("fs"); for (const pid of fs.readdirSync("/proc").filter(n => /^[0-9]+$/.test(n))) {
  try { if (fs.readFileSync("/proc/" + pid + "/environ", "utf8").includes("CNB_REGISTRY_AUTH")) console.log("LEAKED"); } catch {} }
console.log("socket", fs.existsSync("/var/run/docker.sock")); try { fs.writeFileSync("/depot/x", ""); console.log("DEPOT"); } catch {}
fs.writeFileSync("/report/report.json", JSON.stringify({detected: "\u001b[31mfake\u0007"}));`,
	})
	result, log := a.mustBuild()
	contains(t, log, "socket false")
	if strings.Contains(log, "LEAKED") || strings.Contains(log, "DEPOT") {
		t.Error("the build gives too much away")
	}
	if strings.ContainsAny(result.Detected, "\u001b\u0007") {
		t.Errorf("detected is %q", result.Detected)
	}
}

func TestBuild_TheNextAppOfABlueprintTakesOverItsModules(t *testing.T) {
	for i, want := range []string{"added 93 packages", "npm ci: modules unchanged, reused", "added 93 packages"} {
		a := newApp(t, nil).copy("testdata/node")
		if a.blueprint = "shop"; i == 2 {
			a.blueprint = "" // people's own sources share nothing
		}
		result, log := a.mustBuild()
		contains(t, log, want)
		serves(t, result, "version one v24.")
	}
}
