package platform

import (
	"maps"
	"slices"
	"strings"
	"time"
)

// Binding ties an add-on to an app: the app reaches it by its name, and gets config vars from it.
//
// They are not part of a release. A roll back must not bring a password back that was changed since, so each
// replica gets them as they are when it starts.
type Binding struct {
	ID        string `gorm:"primaryKey"`
	AppID     string `gorm:"uniqueIndex:binding_prefix;uniqueIndex:binding_addon;not null"`
	AddonID   string `gorm:"uniqueIndex:binding_addon;index;not null"`
	Prefix    string `gorm:"uniqueIndex:binding_prefix;not null"` // of the config vars: "DATABASE"
	Told      string // sum of the config vars with which the app was last started or restarted; "" before
	CreatedAt time.Time
	CreatedBy string // the account's e-mail address
}

// ValidatePrefix holds the rule for what the names of an add-on's config vars begin with.
func ValidatePrefix(prefix string) error {
	if !bindingPrefix.MatchString(prefix) || strings.HasPrefix(prefix, "LUGSAIL") || prefix == "PORT" {
		return Errorf(Invalid, "prefix_invalid", "%s cannot be what config vars begin with.", quoteShort(prefix)).
			WithHint("Use up to 40 capital letters, digits and underscores, for example DATABASE, which gives DATABASE_URL.")
	}
	return nil
}

// Bound gives the config vars of a binding by name.
func (b Binding) Bound(gives map[string]string, values map[string]string) (map[string]string, error) {
	vars := map[string]string{}
	for _, part := range slices.Sorted(maps.Keys(gives)) {
		value, err := Fill(gives[part], values)
		if err != nil {
			return nil, err
		}
		vars[b.Prefix+"_"+part] = value
	}
	return vars, nil
}

// Link is an add-on as the networks of apps see it.
type Link struct {
	AddonID string
	Name    string   // by which apps reach it
	Apps    []string // ids of those that do, and no others
}

// NewApp is an app with all that it begins with.
type NewApp struct {
	App      App
	Vars     map[string]string
	Volumes  []Volume
	Bindings []Binding
	Via      string      // the door
	First    *Deployment // recorded with it, so that neither is there alone; nil: none
	Steps    []StepName  // of that deployment
}
