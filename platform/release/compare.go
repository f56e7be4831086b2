package release

import (
	"fmt"

	"github.com/lugsail/lugsail/platform"
)

// Difference is what changes when one release takes the place of another. What is the same is left out.
type Difference struct {
	From      int                 `json:"from"`
	To        int                 `json:"to"`
	Image     *Change             `json:"image"`     // null when it is the same image
	Plan      *Change             `json:"plan"`      // null when it is the same
	Health    *Change             `json:"health"`    // null when it is the same
	Processes []ProcessChange     `json:"processes"` // process types that come, go or run another command
	Config    platform.ConfigDiff `json:"config"`    // names only
}

// Change is a thing before and after, for people.
type Change struct {
	From string `json:"from"`
	To   string `json:"to"`
}

// ProcessChange is one process type before and after; a command is "" where the type is missing.
type ProcessChange struct {
	Type string `json:"type"`
	From string `json:"from"`
	To   string `json:"to"`
}

// Nothing reports whether the two are the same but for their numbers.
func (d Difference) Nothing() bool {
	return d.Image == nil && d.Plan == nil && d.Health == nil && len(d.Processes) == 0 && d.Config.Nothing()
}

// Compare tells what changes from one release to another. Both must have their config vars.
func Compare(from, to platform.Release) Difference {
	d := Difference{
		From: from.Number, To: to.Number, Processes: processChanges(from, to),
		Config: platform.DiffConfig(from.ConfigVars, to.ConfigVars), Plan: changed(from.Plan, to.Plan),
		Health: changed(healthText(from.Health), healthText(to.Health)),
	}
	if from.Image != to.Image {
		d.Image = &Change{sourceText(from), sourceText(to)}
	}
	return d
}

func changed(from, to string) *Change {
	if from == to {
		return nil
	}
	return &Change{from, to}
}

func processChanges(from, to platform.Release) []ProcessChange {
	changes := []ProcessChange{}
	for _, p := range from.Processes {
		if other, _ := to.Process(p.Type); other.Command != p.Command || !has(to, p.Type) {
			changes = append(changes, ProcessChange{p.Type, p.Command, other.Command})
		}
	}
	for _, p := range to.Processes {
		if !has(from, p.Type) {
			changes = append(changes, ProcessChange{Type: p.Type, To: p.Command})
		}
	}
	return changes
}

func has(r platform.Release, processType string) bool {
	_, ok := r.Process(processType)
	return ok
}

func healthText(h platform.Health) string {
	seconds := int(h.Timeout().Seconds())
	if h.Path == "" {
		return fmt.Sprintf("an open port, within %d s", seconds)
	}
	return fmt.Sprintf("%s answers, within %d s", h.Path, seconds)
}

// sourceText is what an image was made of.
func sourceText(r platform.Release) string {
	title := r.CommitTitle
	if title == "" {
		title = r.Cause
	}
	if len(r.Commit) >= 7 {
		return r.Commit[:7] + " " + title
	}
	return title
}
