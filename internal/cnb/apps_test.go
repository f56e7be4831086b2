package cnb_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/moby/moby/client"
)

const goServer = `package main

import (
	"net/http"
	"os"

	"example.com/lib"
)

func main() {
	http.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) { _, _ = w.Write([]byte(lib.Text)) })
	panic(http.ListenAndServe(":"+os.Getenv("PORT"), nil))
}
`

// files counts the files below a directory.
func files(t *testing.T, dir string) int {
	t.Helper()
	n := 0
	err := filepath.WalkDir(dir, func(_ string, d fs.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() {
			n++
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func TestBuild_ANewGoAppFindsTheStandardLibraryCompiled(t *testing.T) {
	newApp(t, nil).copy("testdata/go").mustBuild() // the first one of this server may have to wait for it
	seeds, err := filepath.Glob(filepath.Join(shared.dir, "builds", "depot", "go-cache", "*", "00"))
	if err != nil || len(seeds) != 1 {
		t.Fatalf("seeds: %v, %v", seeds, err)
	}
	a := newApp(t, nil).copy("testdata/go")
	result, log := a.mustBuild()
	serves(t, result, "version one")
	if strings.Contains(log, "Compiling Go's standard library") {
		t.Error("it was compiled again")
	}
	seed, own := files(t, filepath.Dir(seeds[0])), files(t, filepath.Join(shared.dir, "builds", "apps", a.id, "home", ".lugsail", "go-cache"))
	if seed < 500 || own < seed || own > seed+50 {
		t.Errorf("the seed has %d files, the app's cache %d: the app compiled more than its own packages", seed, own)
	}
	if _, err := os.Stat(filepath.Join(shared.dir, "builds", "apps", "goseed")); !os.IsNotExist(err) {
		t.Errorf("what made the seed is left: %v", err)
	}
	if digests, err := shared.registry.Images(t.Context(), "apps/goseed"); err != nil || len(digests) > 0 {
		t.Errorf("its images are left: %v, %v", digests, err)
	}
}

func TestBuild_GoWorkspace(t *testing.T) {
	a := newApp(t, map[string]string{
		"go.work": "go 1.24\n\nuse (\n\t./api\n\t./lib\n)\n", "api/go.mod": "module example.com/api\n\ngo 1.24\n", "api/main.go": goServer,
		"lib/go.mod": "module example.com/lib\n\ngo 1.24\n", "lib/lib.go": "package lib\n\nconst Text = \"from the workspace\"\n",
	})
	result, log := a.mustBuild()
	contains(t, log, `(go.work says "go 1.24")`, "go build ./api")
	serves(t, result, "from the workspace")
}

func TestBuild_GoProgramsOfAProcfile(t *testing.T) {
	a := newApp(t, map[string]string{
		"go.mod": "module example.com/app\n\ngo 1.24\n\nrequire example.com/lib v0.0.0\n\nreplace example.com/lib => ./lib\n", "cmd/one/main.go": goServer,
		"cmd/two/main.go": "package main\n\nfunc main() {}\n", "lib/go.mod": "module example.com/lib\n", "lib/lib.go": "package lib\n\nconst Text = \"from one\"\n",
		"Procfile": "web: bin/one\nworker: ./two\n",
	})
	result, _ := a.mustBuild()
	serves(t, result, "from one")
	id, _ := start(t, result, "worker")
	ended := shared.engine.ContainerWait(t.Context(), id, client.ContainerWaitOptions{})
	select {
	case r := <-ended.Result:
		if r.StatusCode != 0 {
			t.Errorf("the worker ended with %d: %s", r.StatusCode, output(t, id))
		}
	case err := <-ended.Error:
		t.Fatal(err)
	}
}

func TestBuild_GoFailuresAreSentences(t *testing.T) {
	for _, c := range []struct {
		name, code, says string
		files            map[string]string
	}{
		{"replaced by a folder outside", "go_replace", "is not in the repository", map[string]string{
			"go.mod": "module x\n\ngo 1.24\n\nrequire example.com/lib v0.0.0\n\nreplace example.com/lib => ../lib\n", "main.go": goServer,
		}},
		{"C", "go_cgo", "needs C", map[string]string{"go.mod": "module x\n\ngo 1.24\n", "main.go": "package main\n\nimport _ \"x/c\"\n\nfunc main() {}\n", "c/c.go": "package c\n\nimport \"C\"\n"}},
		{"wrong import", "go_import", "name of the module", map[string]string{"go.mod": "module example.com/x\n\ngo 1.24\n", "main.go": "package main\n\nimport _ \"x/c\"\n\nfunc main() {}\n"}},
		{"no such Go", "go_version", "1.99", map[string]string{"go.mod": "module example.com/x\n\ngo 1.99.0\n", "main.go": "package main\n\nfunc main() {}\n"}},
	} {
		t.Run(c.name, func(t *testing.T) { newApp(t, c.files).fails(c.code, c.says) })
	}
}

const hasModules = `const has = name => { try { require(name); return true; } catch { return false; } };
require("http").createServer((q, r) => r.end("ms:" + has("ms") + " typescript:" + has("typescript"))).listen(process.env.PORT);`

func TestBuild_ScriptsOfInstallationHaveModulesForDevelopment(t *testing.T) {
	a := newApp(t, map[string]string{
		"package.json": `{"scripts": {"prepare": "tsc --version", "start": "node index.js"}, "dependencies": {"ms": "2.1.3"}, "devDependencies": {"typescript": "5.6.3"}}`,
		"index.js":     hasModules,
	})
	result, log := a.mustBuild()
	contains(t, log, "package.json has a script prepare")
	serves(t, result, "ms:true typescript:false")
}

func TestBuild_ModulesForDevelopmentThatTheAppRunsAreInTheImage(t *testing.T) {
	for name, scripts := range map[string]string{"alone": `"start": "tsc --version && node index.js"`, "with a build script": `"build": "tsc --version", "start": "tsc --version && node index.js"`} {
		t.Run(name, func(t *testing.T) {
			a := newApp(t, map[string]string{
				"package.json": `{"scripts": {` + scripts + `}, "dependencies": {"ms": "2.1.3"}, "devDependencies": {"typescript": "5.6.3"}}`,
				"index.js":     hasModules,
			})
			result, log := a.mustBuild()
			contains(t, log, "The app needs typescript when it runs")
			serves(t, result, "ms:true typescript:true")
		})
	}
}

func TestBuild_MainFileThatTheBuildMakes(t *testing.T) {
	a := newApp(t, map[string]string{
		"package.json": `{"main": "dist/index.js", "scripts": {"build": "node make.js"}}`,
		"make.js":      `require("fs").mkdirSync("dist"); require("fs").writeFileSync("dist/index.js", "require('http').createServer((q, r) => r.end('made')).listen(process.env.PORT)");`,
	})
	result, log := a.mustBuild()
	contains(t, log, "Start command: node dist/index.js (main file, made by npm run build)")
	serves(t, result, "made")
}

func TestBuild_ServerThatAFrameworkMakes(t *testing.T) {
	make := func(file string) map[string]string {
		return map[string]string{
			"package.json": `{"type": "module", "scripts": {"build": "node make.js"}}`,
			"make.js": `import fs from "fs"; fs.mkdirSync("` + filepath.Dir(file) + `", {recursive: true});
fs.writeFileSync("` + file + `", "import http from 'http'; http.createServer((q, r) => r.end('nitro')).listen(process.env.PORT)");`,
		}
	}
	result, log := newApp(t, make(".output/server/index.mjs")).mustBuild()
	contains(t, log, "The build made a server in .output/server/index.mjs")
	serves(t, result, "nitro")
	newApp(t, make("dist/server/entry.mjs")).fails("node_no_site", `"start": "node dist/server/entry.mjs"`)
}

func TestBuild_MakesTheBuilderAgainWhenSomebodyRemovedIt(t *testing.T) {
	images, err := shared.engine.ImageList(t.Context(), client.ImageListOptions{})
	if err != nil {
		t.Fatal(err)
	}
	removed := 0
	for _, image := range images.Items {
		for _, name := range image.RepoTags {
			if strings.Contains(name, "/base/") {
				removed++
				if _, err := shared.engine.ImageRemove(t.Context(), name, client.ImageRemoveOptions{Force: true}); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	if removed < 2 {
		t.Fatalf("removed %d images", removed)
	}
	result, log := newApp(t, map[string]string{"index.html": "back"}).mustBuild()
	contains(t, log, "Making the builder")
	serves(t, result, "back")
	_, log = newApp(t, map[string]string{"index.html": "again"}).mustBuild()
	if strings.Contains(log, "Making the builder") {
		t.Error("it is made each time")
	}
}

func TestPrepare_FetchesANodeAnewThatIsOld(t *testing.T) {
	nodes, err := filepath.Glob(filepath.Join(shared.dir, "builds", "depot", "node", "*"))
	if err != nil || len(nodes) != 1 {
		t.Fatalf("depot: %v, %v", nodes, err)
	}
	old := time.Now().Add(-31 * 24 * time.Hour)
	if err := os.Chtimes(nodes[0], old, old); err != nil {
		t.Fatal(err)
	}
	var said []string
	if err := shared.builder.Prepare(t.Context(), func(line string) { said = append(said, line) }); err != nil {
		t.Fatal(err)
	}
	if len(said) != 1 || said[0] != "Fetching Node 24" {
		t.Errorf("it did %q", said)
	}
	info, err := os.Stat(nodes[0])
	if err != nil || time.Since(info.ModTime()) > time.Hour {
		t.Errorf("%v, %v", info, err)
	}
}
