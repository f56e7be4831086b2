package node

import (
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"

	"github.com/Masterminds/semver/v3"

	"github.com/lugsail/lugsail/internal/buildpack"
)

// wish is the version of Node that the app wants.
type wish struct {
	text string // as it is written; "" when there is none
	from string // where it is written
	rang string // as npm understands it
}

// currentLTS is the line of Node that apps get that want none.
const currentLTS = "24"

// lines that have names.
var ltsNames = map[string]string{
	"argon": "4", "boron": "6", "carbon": "8", "dubnium": "10", "erbium": "12", "fermium": "14",
	"gallium": "16", "hydrogen": "18", "iron": "20", "jod": "22", "krypton": "24",
}

var versionish = regexp.MustCompile(`^[vV]?[0-9]`)

// readWish looks into package.json, .nvmrc and .node-version.
func readWish(tree buildpack.Tree, p pkg) (wish, error) {
	if text := strings.TrimSpace(p.Engines["node"]); text != "" {
		return newWish(text, "engines.node")
	}
	for _, file := range []string{".nvmrc", ".node-version"} {
		data, err := tree.Read(file)
		if err != nil {
			return wish{}, err
		}
		for line := range strings.Lines(string(data)) {
			if line, _, _ = strings.Cut(line, "#"); strings.TrimSpace(line) != "" {
				return newWish(strings.TrimSpace(line), file)
			}
		}
	}
	return wish{}, nil
}

func newWish(text, from string) (wish, error) {
	w := wish{text: text, from: from}
	name := strings.ToLower(text)
	switch {
	case name == "*" || name == "x" || name == "node" || name == "stable" || name == "latest" || name == "current" || name == "lts" || name == "lts/*" || name == "--lts":
		w.rang = ">=" + currentLTS
		return w, nil
	case strings.HasPrefix(name, "lts/"):
		if w.rang = ltsNames[strings.TrimPrefix(name, "lts/")]; w.rang != "" {
			return w, nil
		}
	case versionish.MatchString(text):
		w.rang = strings.TrimLeft(text, "vV")
	default:
		w.rang = text
	}
	if w.rang == "" || len(text) > 200 {
		return w, w.invalid()
	}
	if _, err := semver.NewConstraint(w.rang); err != nil {
		return w, w.invalid()
	}
	return w, nil
}

func (w wish) invalid() error {
	return buildpack.Failf("node_version_invalid", "Write a version such as 24 or >=22.", "%s asks for Node %q, which is no version.", w.from, w.text)
}

// meets reports whether a version is good enough.
func (w wish) meets(version *semver.Version) bool {
	if w.rang == "" {
		return true
	}
	constraint, err := semver.NewConstraint(w.rang)
	return err == nil && constraint.Check(version)
}

// best finds the newest directory of dir that is named by a version that meets the wish.
func (w wish) best(dir string) (version, path string) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return "", "" // it is not there yet
	}
	var newest *semver.Version
	for _, entry := range entries {
		v, err := semver.StrictNewVersion(entry.Name())
		if err == nil && w.meets(v) && (newest == nil || v.GreaterThan(newest)) {
			newest = v
		}
	}
	if newest == nil {
		return "", ""
	}
	return newest.String(), filepath.Join(dir, newest.String())
}

func itoa(n int) string { return strconv.Itoa(n) }
