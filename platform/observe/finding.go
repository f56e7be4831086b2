package observe

import "slices"

// Level is how much a finding matters.
type Level string

// The levels. Something that is bad keeps apps from working or is dangerous; a warning will become so.
const (
	LevelOK   Level = "ok"
	LevelWarn Level = "warn"
	LevelBad  Level = "bad"
)

// Finding is what one check has found.
type Finding struct {
	Check string `json:"check"` // a word for programs that stays the same: "disk"
	Level Level  `json:"level"`
	Text  string `json:"text"` // one sentence
	Hint  string `json:"hint"` // what to do; "" when nothing is to be done
}

// Worst is the highest level among findings; LevelOK when there are none.
func Worst(findings []Finding) Level {
	worst := LevelOK
	for _, f := range findings {
		if f.Level == LevelBad || f.Level == LevelWarn && worst == LevelOK {
			worst = f.Level
		}
	}
	return worst
}

// Count tells how many findings have a level.
func Count(findings []Finding, level Level) int {
	return len(slices.DeleteFunc(slices.Clone(findings), func(f Finding) bool { return f.Level != level }))
}

func fine(check, text string) Finding          { return Finding{check, LevelOK, text, ""} }
func warning(check, text, hint string) Finding { return Finding{check, LevelWarn, text, hint} }
func bad(check, text, hint string) Finding     { return Finding{check, LevelBad, text, hint} }
