package platform

import "time"

// BuildRequest is all that a builder needs to turn a source into an image.
type BuildRequest struct {
	BuildID    string
	AppID      string
	App        string
	Dir        string            // the source tree; the builder does not change it
	Builder    BuilderName       // which one a person chose; "" lets the source decide
	Dockerfile string            // path of the Dockerfile in the source; "" means Dockerfile
	Env        map[string]string // for the build only: never config vars of the running app, unless a person said so
	Limits     BuildLimits
	Blueprint  string // whose folder the source is, unchanged; "" for people's sources
	Digest     string // of the tree; builds of one blueprint share their image by it
	Renew      bool   // nothing of an earlier build is taken over, and what comes out is what later ones share
	Here       bool   // images that are on the server already may be built on: its owner deploys
}

// BuildLimits bound one build.
type BuildLimits struct {
	Memory  int64         // bytes; 0 means 1.5 GiB
	PIDs    int64         // 0 means 4096
	Timeout time.Duration // 0 means 15 minutes
	Output  int64         // bytes of log; 0 means 20 MiB
}

// BuildResult is the image that came out. The engine has it already.
type BuildResult struct {
	Image     string // pullable by digest, or the engine's id of an image that is nowhere else
	Bytes     int64
	Builder   string // "buildpacks" or "dockerfile"
	Detected  string // one line for people: "Node 24.1 · npm · start script"
	Processes []Process
	Keeps     []string // directories that the image says hold data (VOLUME of a Dockerfile)
}
