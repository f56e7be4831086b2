package platform

// ImageReference is what a person calls an image that was made elsewhere.
type ImageReference struct {
	Name string // in full: "docker.io/library/nginx:1.27", or the id of one on this server: "sha256:…"
	Host string // the registry's; "" for an id
	Port int    // the registry's
	ID   bool   // it can only be on this server
}

// ImageRequest is all that is needed to bring an image to the engine.
type ImageRequest struct {
	BuildID string
	AppID   string
	Name    string // of the image, in full; of one that comes from a file, the name that the server chose
	File    string // what docker save wrote, with that name in it; "" when it comes from a registry or is here
	Here    bool   // one that is on this server under that name is meant before one of a registry
}
