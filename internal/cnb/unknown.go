package cnb

import (
	"fmt"
	"os"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/lugsail/lugsail/platform"
)

// signs are files that say which language a folder is in.
var signs = []string{"package.json", "go.mod", "index.html", "Procfile"}

// foreign are languages that are told apart but not built yet, by names and by endings of files.
var foreign = map[string]string{
	"requirements.txt": "Python", "pyproject.toml": "Python", "Pipfile": "Python", "manage.py": "Python", "composer.json": "PHP", "index.php": "PHP",
	"Gemfile": "Ruby", "pom.xml": "Java", "build.gradle": "Java", "build.gradle.kts": "Java", "Cargo.toml": "Rust", "mix.exs": "Elixir",
	"deno.json": "Deno", "deno.jsonc": "Deno", "docker-compose.yml": "an app of Docker Compose",
	"compose.yaml": "an app of Docker Compose", "compose.yml": "an app of Docker Compose",
	".py": "Python", ".php": "PHP", ".rb": "Ruby", ".java": "Java", ".rs": "Rust", ".csproj": ".NET", ".sln": ".NET", ".cs": ".NET",
}

// unknownLanguage says what was looked for and what is there instead.
func unknownLanguage(dir string) error {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return fmt.Errorf("reading the source: %w", err)
	}
	defer func() { _ = root.Close() }() // read only
	names, below := look(root)
	return platform.Errorf(platform.Invalid, "language_unknown",
		"Lugsail found no language that it can build. It looked for package.json or server.js (Node), go.mod (Go), index.html (a static site), a Procfile and a Dockerfile; the top folder has %s.", listing(names)).
		WithHint("%s", whatToDo(names, below))
}

func whatToDo(names, below []string) string {
	if len(names) == 0 {
		return "Commit your files first: git add . && git commit."
	}
	if slices.Contains(names, "Dockerfile") {
		return "This app is set to be built with buildpacks, but it has a Dockerfile. To build with that: lugsail builder auto"
	}
	if slices.Contains(names, "manifest.json") && (slices.Contains(names, "repositories") || slices.Contains(names, "oci-layout")) {
		return "This looks like an image that docker save wrote, not like source code. To deploy it: lugsail deploy --image-file FILE"
	}
	for _, key := range []func(string) string{func(name string) string { return name }, path.Ext} {
		for _, name := range names {
			if language := foreign[key(name)]; language != "" {
				return fmt.Sprintf("This looks like %s, which Lugsail cannot build by itself yet. It builds anything that has a Dockerfile: add one to the top folder, and push again.", language)
			}
		}
	}
	if len(below) > 0 {
		return inFolders(below)
	}
	for _, name := range names {
		if ending := path.Ext(name); ending == ".html" || ending == ".htm" {
			return fmt.Sprintf("A static site begins with a page that is called index.html: rename %s.", plain(name, 60))
		}
	}
	return "Add one of these files to the top folder, and deploy again."
}

// simple folders can stand in a command without quotes.
var simple = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]*$`)

// inFolders is for repositories whose apps lie in folders.
func inFolders(below []string) string {
	const most = 4
	var shown []string
	for _, name := range below[:min(most, len(below))] {
		shown = append(shown, plain(name, 60))
	}
	folder, command := path.Dir(below[0]), ""
	if simple.MatchString(folder) {
		command = ": git subtree push --prefix " + folder + " lugsail main"
	}
	if len(below) == 1 {
		return fmt.Sprintf("%s is in a folder below the top. Push that folder alone%s", shown[0], command)
	}
	return fmt.Sprintf("%s are in folders below the top. Create an app for each and push its folder alone%s", strings.Join(shown, ", "), command)
}

// look lists the top folder and finds the signs one folder below, one for each folder.
func look(root *os.Root) (names, below []string) {
	top, err := root.Open(".")
	if err != nil {
		return nil, nil
	}
	defer func() { _ = top.Close() }() // read only
	entries, err := top.ReadDir(200)
	if err != nil {
		return nil, nil
	}
	for _, entry := range entries {
		name := entry.Name()
		if !entry.IsDir() {
			names = append(names, name)
			continue
		}
		names = append(names, name+"/")
		has := func(sign string) bool {
			info, err := root.Lstat(name + "/" + sign)
			return err == nil && info.Mode().IsRegular()
		}
		if i := slices.IndexFunc(signs, has); i >= 0 {
			below = append(below, name+"/"+signs[i])
		}
	}
	slices.Sort(names)
	slices.Sort(below)
	return names, below
}

func listing(names []string) string {
	if len(names) == 0 {
		return "no files"
	}
	const most = 12
	var quoted []string
	for _, name := range names[:min(most, len(names))] {
		quoted = append(quoted, plain(name, 60))
	}
	if more := len(names) - most; more > 0 {
		return fmt.Sprintf("%s and %d more", strings.Join(quoted, ", "), more)
	}
	return strings.Join(quoted, ", ")
}
