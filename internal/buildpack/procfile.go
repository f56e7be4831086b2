package buildpack

import "github.com/lugsail/lugsail/internal/procfile"

// Procfile gives the tree's process types in order, none when there is no Procfile.
func (t Tree) Procfile() ([]Line, error) {
	data, err := t.Read("Procfile")
	if err != nil || data == nil {
		return nil, err
	}
	found, refused := procfile.Parse(data)
	if refused == "" && len(found) == 0 {
		refused = "The Procfile is empty."
	}
	if refused != "" {
		return nil, Failf("procfile_invalid", procfile.Hint, "%s", refused)
	}
	lines := make([]Line, len(found))
	for i, l := range found {
		lines[i] = Line(l)
	}
	return lines, nil
}

// Complete reports whether the lines say all that runs. A Procfile with nothing but a release command
// leaves the web process to the language; one with a worker alone means an app without web.
func Complete(lines []Line) bool {
	for _, l := range lines {
		if l.Type != "release" {
			return true
		}
	}
	return false
}
