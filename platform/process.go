package platform

import "regexp"

// WebProcess is the process type that gets traffic.
const WebProcess = "web"

// Process is one process type of an image and how to start it.
type Process struct {
	Type       string   `json:"type"`
	Command    string   `json:"command"`              // for people
	Entrypoint []string `json:"entrypoint,omitempty"` // nil means the image's own
	Args       []string `json:"args,omitempty"`       // nil means the image's own
	Port       int      `json:"port,omitempty"`       // what PORT says; 0 means 8080
	Check      []string `json:"check,omitempty"`      // command that exits with 0 in a replica that is ready; nil means that staying up suffices. Not for web
}

var processType = regexp.MustCompile(`^[a-z][a-z0-9-]{0,29}$`)

// ValidateProcessType allows 1 to 30 lower-case letters, digits and hyphens, a letter first.
func ValidateProcessType(t string) error {
	if !processType.MatchString(t) {
		return Errorf(Invalid, "process_type_invalid", "%s is not a process type.", quoteShort(t)).
			WithHint("Process types are words such as web or worker, as in the Procfile.")
	}
	return nil
}
