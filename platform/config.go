package platform

import (
	"regexp"
	"strings"
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
