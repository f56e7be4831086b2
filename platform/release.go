package platform

import (
	"strings"
	"time"
)

// Build is one run that turned a source into an image.
type Build struct {
	ID           string     `gorm:"primaryKey"`
	AppID        string     `gorm:"index;not null"`
	DeploymentID string     `gorm:"index;not null"`
	State        BuildState `gorm:"not null"`
	Builder      string     // "buildpacks", "dockerfile", "blueprint"
	Detected     string     // what was seen and chosen, one line: "Node 24.1, npm, start script"
	SourceDigest string     // of the tree: "sha256:…"
	Image        string     // pullable, by digest; "" until built
	ImageBytes   int64
	Processes    []Process `gorm:"serializer:json"`
	Keeps        []string  `gorm:"-"` // directories that the image says hold data
	StartedAt    time.Time
	EndedAt      *time.Time
}

// BuildState is where a build is.
type BuildState string

// The states of a build.
const (
	BuildRunning   BuildState = "running"
	BuildSucceeded BuildState = "succeeded"
	BuildFailed    BuildState = "failed"
)

// Release is what runs: an image, its process types, config vars, plan and health settings.
// It never changes once it is numbered.
type Release struct {
	AppID        string            `gorm:"primaryKey"`
	Number       int               `gorm:"primaryKey;autoIncrement:false"` // v1, v2 … for each app; 0 is none
	DeploymentID string            `gorm:"index;not null"`
	Cause        string            // for people: "push of 1a2b3c4", "rollback to v3", "config: SECRET changed"
	Image        string            `gorm:"not null"`
	Processes    []Process         `gorm:"serializer:json"`
	ConfigVars   map[string]string `gorm:"-"` // sealed by the store
	State        DeploymentState   `gorm:"-"` // of the deployment that made it; "" where nobody asked for it
	Plan         string            `gorm:"not null"`
	Health       Health            `gorm:"serializer:json"`
	ConfigNumber int               `gorm:"not null;default:0"` // of the change that left its config vars as they are; 0 when none was recorded
	Commit       string            // full id of the git commit; "" when there is none
	CommitTitle  string            // the first line of its message, cut to 120 characters
	CreatedAt    time.Time
	CreatedBy    string
}

// AutomaticReturn begins the cause of a release that Lugsail made when the one before died soon after it went live.
const AutomaticReturn = "automatic return to "

// Returned says in a sentence that Lugsail went back to an older release by itself, and why; "" when it did not.
func (r Release) Returned() string {
	if rest, ok := strings.CutPrefix(r.Cause, AutomaticReturn); ok && r.CreatedBy == System().Name {
		return "Lugsail went back to " + rest + "."
	}
	return ""
}

// HasWeb reports whether it has a process type that gets traffic.
func (r Release) HasWeb() bool {
	_, ok := r.Process(WebProcess)
	return ok
}

// Verb says what the release does at a scale, while all is well: it "serves" visitors, only "runs" when no
// replica of it gets traffic, or "is stopped" when it has none.
func (r Release) Verb(s Scale) string {
	if r.HasWeb() && s.Of(WebProcess) > 0 {
		return "serves"
	}
	for _, p := range r.Processes {
		if s.Of(p.Type) > 0 {
			return "runs"
		}
	}
	return "is stopped"
}

// Process finds a process type of the release.
func (r Release) Process(processType string) (Process, bool) {
	for _, p := range r.Processes {
		if p.Type == processType {
			return p, true
		}
	}
	return Process{}, false
}
