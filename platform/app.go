package platform

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"
)

// App is what a person deploys. Its id never changes and names everything that
// belongs to it on the engine; its name is for people.
type App struct {
	ID             string   `gorm:"primaryKey"`
	Name           string   `gorm:"uniqueIndex;not null"`
	State          AppState `gorm:"not null"`
	Plan           string   `gorm:"not null"`            // name of a plan, for each replica
	Scale          Scale    `gorm:"serializer:json"`     // wanted replicas by process type; a missing "web" means 1, any other 0
	DeployBranch   string   `gorm:"not null;default:''"` // "" means main, or master when only that exists
	Health         Health   `gorm:"serializer:json"`     // for the next release
	StopGrace      int      `gorm:"not null;default:0"`  // seconds between SIGTERM and SIGKILL; 0 means 30
	CurrentRelease int      `gorm:"not null;default:0"`  // number of the release that serves; 0 before the first

	Builder       BuilderName `gorm:"not null;default:''"`    // "" lets the source decide
	Dockerfile    string      `gorm:"not null;default:''"`    // its path in the source; "" means Dockerfile
	SnapshotFirst bool        `gorm:"not null;default:false"` // each deployment makes a snapshot before its release is started
	Blueprint     string      `gorm:"not null;default:''"`    // that it was made from; "" for none
	Addon         bool        `gorm:"not null;default:false"` // it is for other apps: a database, a cache
	TrashedAt     *time.Time  // since when it is in the trash; nil when it is not

	CreatedAt time.Time
	CreatedBy string // the account's e-mail address
}

// AppState is where an app is in its life.
type AppState string

// The states of an app.
const (
	AppActive     AppState = "active"
	AppTrashed    AppState = "trashed"    // in the trash: nothing of it runs, everything else is kept until TrashEnds
	AppDestroying AppState = "destroying" // being removed for good; no door may start anything for it
)

// Scale is the wanted number of replicas by process type.
type Scale map[string]int

// Of gives the wanted number of replicas: what was set, else 1 for web and 0 for all others.
func (s Scale) Of(processType string) int {
	if processType == ReleaseProcess {
		return 0
	}
	if n, ok := s[processType]; ok {
		return n
	}
	if processType == WebProcess {
		return 1
	}
	return 0
}

// MaxReplicas bounds the replicas of one process type, and MaxAppReplicas those of all its types (an
// app's network has 60 addresses; a deployment needs both releases at once, and commands some more).
const (
	MaxReplicas    = 20
	MaxAppReplicas = 24
)

// MaxStopGrace is the longest that a replica may take to end, in seconds.
const MaxStopGrace = 600

// Grace is the time between SIGTERM and SIGKILL.
func (a App) Grace() time.Duration {
	if a.StopGrace <= 0 {
		return 30 * time.Second
	}
	return time.Duration(a.StopGrace) * time.Second
}

// ValidateStopGrace refuses a time outside 1 to 600 seconds; 0 means the default.
func ValidateStopGrace(seconds int) error {
	if seconds < 0 || seconds > MaxStopGrace {
		return Errorf(Invalid, "stop_grace_invalid", "The time to end must be between 1 and %d seconds.", MaxStopGrace).
			WithHint("It is what a replica has after SIGTERM to finish its work. Leave it out for 30 seconds.")
	}
	return nil
}

// Health says how a replica of the web process proves that it can serve.
// The zero value means: an open TCP port, within 60 seconds.
type Health struct {
	Path           string `json:"path,omitempty"`            // "" means that an open port suffices; else 200–399 is healthy
	TimeoutSeconds int    `json:"timeout_seconds,omitempty"` // time to become healthy; 0 means 60
}

// Timeout is the time that a replica has to become healthy.
func (h Health) Timeout() time.Duration {
	if h.TimeoutSeconds <= 0 {
		return 60 * time.Second
	}
	return time.Duration(h.TimeoutSeconds) * time.Second
}

// Validate refuses a path that is not a plain absolute URL path and a time outside 1 to 900 seconds.
func (h Health) Validate() error {
	if h.Path != "" && (len(h.Path) > 2048 || !healthPath.MatchString(h.Path)) {
		return Errorf(Invalid, "health_path_invalid", "The health path must start with / and hold no spaces or control characters.").
			WithHint("Give a path such as /health.")
	}
	if h.TimeoutSeconds < 0 || h.TimeoutSeconds > 900 {
		return Errorf(Invalid, "health_timeout_invalid", "The health timeout must be between 1 and 900 seconds.")
	}
	return nil
}

var (
	healthPath = regexp.MustCompile(`^/[!-~]*$`)
	appName    = regexp.MustCompile(`^[a-z](-?[a-z0-9]){1,38}$`)
)

// reservedNames would clash with a host name or a path that Lugsail itself uses.
var reservedNames = []string{"console", "admin", "www", "api", "git", "lugsail", "localhost", "registry", "mail", "ns", "static", "assets", "ca", "null"}

// ValidateAppName holds the one rule for names, at every door: 2 to 39 lower-case letters,
// digits and single hyphens, a letter first, no hyphen last, not reserved.
func ValidateAppName(name string) error {
	hint := "Use 2 to 39 lower-case letters, digits and hyphens, starting with a letter, for example my-shop."
	if !appName.MatchString(name) || len(name) > 39 {
		return Errorf(Invalid, "app_name_invalid", "%s cannot be the name of an app.", quoteShort(name)).WithHint("%s", hint)
	}
	if slices.Contains(reservedNames, name) {
		return Errorf(Invalid, "app_name_reserved", "The name %q is reserved for Lugsail itself.", name).WithHint("Choose another name, for example my-%s.", name)
	}
	return nil
}

// AppNameOf makes of a text what could be an app's name: "My Shop!" → "my-shop"; "" when nothing is left of it.
func AppNameOf(text string) string {
	var b strings.Builder
	for _, c := range strings.ToLower(text) {
		switch {
		case c >= 'a' && c <= 'z', c >= '0' && c <= '9' && b.Len() > 0:
			b.WriteRune(c)
		case b.Len() > 0 && !strings.HasSuffix(b.String(), "-"):
			b.WriteByte('-')
		}
		if b.Len() == 30 {
			break
		}
	}
	return strings.TrimRight(b.String(), "-")
}

func quoteShort(s string) string {
	if len(s) > 60 {
		s = s[:60]
		return fmt.Sprintf("%q…", s)
	}
	return fmt.Sprintf("%q", s)
}
