package platform

import (
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"regexp"
	"slices"
)

// Blueprint is a stack that is ready to run: a folder with a blueprint.yaml, and what an app is made of.
type Blueprint struct {
	Name     string // of its folder
	Title    string // "WordPress"
	Sentence string // what it is, for people
	Category string // one of BlueprintCategories
	Icon     string // name of an icon of the console; "" for the category's
	Plan     string // the smallest that it runs well on; "" for any
	Internet bool   // making it fetches from other sites than the distribution's mirrors
	Health   Health
	Volumes  []BlueprintVolume
	Asks     []BlueprintQuestion
	Config   map[string]string // config vars of a new app: values with {placeholders}, see Fill
	Addons   []BlueprintAddon  // that a new app gets with it
	Gives    map[string]string // of an add-on: the config vars that a bound app gets, behind the binding's prefix
	Prefix   string            // of an add-on: what those begin with, unless a person says otherwise: "DATABASE"
	Check    []string          // of an add-on: the command that exits with 0 in it when apps can use it
	Cache    bool              // of an add-on: what it holds may be lost, so snapshots go without it
	Note     string            // shown when the app is made, with {placeholders}
	Gone     bool              // it was removed: nothing new is made of it
}

// BlueprintCategories are the shelves, in order.
var BlueprintCategories = []string{"starter", "site", "tool", "database"}

// BlueprintVolume is a volume that a new app gets.
type BlueprintVolume struct {
	Name   string
	Path   string
	Shared bool
}

// BlueprintAddon is a database that a new app gets.
type BlueprintAddon struct {
	Blueprint string
	Prefix    string // "" means the add-on's own
}

// BlueprintQuestion is what a person is asked.
type BlueprintQuestion struct {
	Name    string // in placeholders
	Label   string // for people
	Help    string
	Default string // with {placeholders} of what is known already
	Pattern string // a regular expression for the whole answer; "" lets any line through
}

// IsAddon reports whether what it makes is for other apps.
func (b Blueprint) IsAddon() bool { return b.Category == "database" }

var (
	blueprintName = regexp.MustCompile(`^[a-z](-?[a-z0-9]){1,29}$`)
	placeholder   = regexp.MustCompile(`\{([a-z][a-z0-9_]*)\}`)
	bindingPrefix = regexp.MustCompile(`^[A-Z][A-Z0-9_]{0,39}$`)
)

// ValidateBlueprintName holds the rule for names of blueprints.
func ValidateBlueprintName(name string) error {
	if !blueprintName.MatchString(name) || len(name) > 30 {
		return Errorf(Invalid, "blueprint_name_invalid", "%s cannot be the name of a blueprint.", quoteShort(name)).
			WithHint("Use 2 to 30 lower-case letters, digits and hyphens, starting with a letter.")
	}
	return nil
}

// Fill puts values into the {placeholders} of a text. {secret} is a new one each time: 32 letters and digits.
// A placeholder that nobody knows is an error.
func Fill(text string, values map[string]string) (string, error) {
	var unknown string
	filled := placeholder.ReplaceAllStringFunc(text, func(found string) string {
		name := found[1 : len(found)-1]
		if name == "secret" {
			return Secret()
		}
		value, ok := values[name]
		if !ok && unknown == "" {
			unknown = found
		}
		return value
	})
	if unknown != "" {
		return "", fmt.Errorf("the placeholder %s has no value", unknown)
	}
	return filled, nil
}

// Placeholders lists those of a text, without {secret}.
func Placeholders(text string) []string {
	var names []string
	for _, found := range placeholder.FindAllStringSubmatch(text, -1) {
		if found[1] != "secret" && !slices.Contains(names, found[1]) {
			names = append(names, found[1])
		}
	}
	return names
}

// Secret makes a password of 32 letters and digits, 128 bits.
func Secret() string {
	b := make([]byte, 16)
	_, _ = rand.Read(b) // never fails (Go 1.24)
	return hex.EncodeToString(b)
}

// Answer checks a person's answer to a question.
func (q BlueprintQuestion) Answer(text string) error {
	for _, c := range text {
		if c < ' ' || c == 0x7f {
			return Errorf(Invalid, "answer_invalid", "%s cannot hold line ends or control characters.", q.Label)
		}
	}
	if len(text) > 500 {
		return Errorf(Invalid, "answer_invalid", "%s is longer than 500 characters.", q.Label)
	}
	if q.Pattern == "" {
		return nil
	}
	whole, err := regexp.Compile("^(?:" + q.Pattern + ")$")
	if err != nil {
		return fmt.Errorf("reading the pattern of %s: %w", q.Name, err)
	}
	if !whole.MatchString(text) {
		e := Errorf(Invalid, "answer_invalid", "%s cannot be %s.", q.Label, quoteShort(text))
		if q.Help != "" {
			return e.WithHint("%s", q.Help)
		}
		return e.WithHint("It must fit the pattern %s.", q.Pattern)
	}
	return nil
}
