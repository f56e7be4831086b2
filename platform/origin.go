package platform

// Origin says where a source came from.
type Origin string

// The origins of sources.
const (
	OriginNone   Origin = ""       // there is no source
	OriginGit    Origin = "git"    // pushed
	OriginRemote Origin = "remote" // fetched from a repository elsewhere
	OriginUpload Origin = "upload" // an archive or folder
	OriginImage  Origin = "image"  // an image that was made elsewhere; there are no files
)

// Origin says where the source came from.
func (s Source) Origin() Origin {
	switch {
	case s.Image != "":
		return OriginImage
	case s.Upload != "":
		return OriginUpload
	case s.Remote != "":
		return OriginRemote
	case s.Commit != "":
		return OriginGit
	}
	return OriginNone
}
