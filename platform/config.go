package platform

import (
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"
)

// Limits of config vars: names as in the shell, and 64 KiB for all of an app together.
const (
	MaxConfigVars      = 500
	MaxConfigVarsBytes = 64 << 10
)

var configName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]{0,127}$`)

// ValidateConfigVars holds the rules for one app's complete set of config vars.
func ValidateConfigVars(vars map[string]string) error {
	if len(vars) > MaxConfigVars {
		return Errorf(Invalid, "config_too_many", "An app can have %d config vars at most.", MaxConfigVars)
	}
	total := 0
	for name, value := range vars {
		if !configName.MatchString(name) {
			return Errorf(Invalid, "config_name_invalid", "%s cannot be the name of a config var.", quoteShort(name)).
				WithHint("Names have letters, digits and underscores, and no digit first, for example DATABASE_URL.")
		}
		if name == "PORT" || strings.HasPrefix(name, "LUGSAIL_") || strings.HasPrefix(name, "CNB_") {
			return Errorf(Invalid, "config_name_reserved", "%s is set by Lugsail itself.", name).
				WithHint("Use another name. An app reads PORT to learn where to listen.")
		}
		if strings.ContainsRune(value, 0) {
			return Errorf(Invalid, "config_value_invalid", "The value of %s holds a NUL byte.", name)
		}
		total += len(name) + len(value)
	}
	if total > MaxConfigVarsBytes {
		return Errorf(Invalid, "config_too_large", "All config vars together are %d KiB; the limit is 64 KiB.", total>>10).
			WithHint("Put large values into files of the app.")
	}
	return nil
}

// ConfigDiff is what differs between two sets of config vars: sorted names, never values.
type ConfigDiff struct {
	Added   []string `json:"added"`
	Changed []string `json:"changed"`
	Removed []string `json:"removed"`
	Same    int      `json:"same"` // how many have the same value in both
}

// DiffConfig compares what a set was with what it becomes.
func DiffConfig(was, becomes map[string]string) ConfigDiff {
	d := ConfigDiff{Added: []string{}, Changed: []string{}, Removed: []string{}}
	for _, name := range slices.Sorted(maps.Keys(becomes)) {
		switch before, ok := was[name]; {
		case !ok:
			d.Added = append(d.Added, name)
		case before != becomes[name]:
			d.Changed = append(d.Changed, name)
		default:
			d.Same++
		}
	}
	for _, name := range slices.Sorted(maps.Keys(was)) {
		if _, ok := becomes[name]; !ok {
			d.Removed = append(d.Removed, name)
		}
	}
	return d
}

// Names are all that differ, sorted.
func (d ConfigDiff) Names() []string {
	return slices.Sorted(slices.Values(slices.Concat(d.Added, d.Changed, d.Removed)))
}

// Nothing reports whether the two sets are the same.
func (d ConfigDiff) Nothing() bool { return len(d.Added)+len(d.Changed)+len(d.Removed) == 0 }

// ConfigChange is one change of an app's config vars: who, when and which names. Values stand in
// no history; a release that was made of a set has them sealed.
type ConfigChange struct {
	AppID       string    `gorm:"primaryKey"`
	Number      int       `gorm:"primaryKey;autoIncrement:false"` // 1, 2 … for each app
	At          time.Time `gorm:"not null"`
	Actor       string    // the e-mail address
	Via         string    // console, api, cli
	Added       []string  `gorm:"serializer:json"`
	Changed     []string  `gorm:"serializer:json"`
	Removed     []string  `gorm:"serializer:json"`
	FromRelease int       // the release whose config vars came back; 0 when they were set
	Later       bool      // saved for the next deployment
	Release     int       `gorm:"-"` // the newest release that has the config vars as they were left; 0 when none has
}

// Diff is what the change did; Same is not known any more.
func (c ConfigChange) Diff() ConfigDiff {
	return ConfigDiff{Added: c.Added, Changed: c.Changed, Removed: c.Removed}
}
