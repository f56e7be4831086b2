package platform

import (
	"path"
	"strings"
)

// BuilderName says what turns a source into an image.
type BuilderName string

// The builders that a person can choose.
const (
	BuilderAuto       BuilderName = ""           // a Dockerfile when the source has one, else buildpacks
	BuilderBuildpacks BuilderName = "buildpacks" // even when there is a Dockerfile
	BuilderDockerfile BuilderName = "dockerfile"
)

// ParseBuilder reads a builder's name; "auto" and "" let the source decide.
func ParseBuilder(name string) (BuilderName, error) {
	switch b := BuilderName(name); b {
	case BuilderAuto, "auto":
		return BuilderAuto, nil
	case BuilderBuildpacks, BuilderDockerfile:
		return b, nil
	}
	return "", Errorf(Invalid, "builder_unknown", "There is no builder %s.", quoteShort(name)).
		WithHint("Choose auto, buildpacks or dockerfile.")
}

// Word is the name for people.
func (b BuilderName) Word() string {
	if b == BuilderAuto {
		return "auto"
	}
	return string(b)
}

// CleanDockerfile allows a path inside of the source and gives it without detours; "" means the
// Dockerfile at the top.
func CleanDockerfile(file string) (string, error) {
	if file == "" {
		return "Dockerfile", nil
	}
	bad := len(file) > 500 || strings.HasPrefix(file, "/") || strings.Contains(file, `\`)
	for _, c := range file {
		bad = bad || c < ' ' || c == 0x7f || strings.ContainsRune("$`;|&<>*?\"'(){}!", c)
	}
	clean := path.Clean(file)
	if bad || clean == "." || clean == ".." || strings.HasPrefix(clean, "../") || strings.HasSuffix(file, "/") {
		return "", Errorf(Invalid, "dockerfile_path_invalid", "%s is not a path of a Dockerfile inside of the source.", quoteShort(file)).
			WithHint("Give a path from the top folder of the source, for example docker/Dockerfile.")
	}
	return clean, nil
}
