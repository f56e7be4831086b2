package registry

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"net/http"
	"regexp"
	"strings"
	"sync"
)

// right is what a credential may do.
type right struct {
	secret [sha256.Size]byte
	pulls  func(repository string) bool
	pushes func(repository string) bool
}

// door knows the credentials of the moment. They are never written down.
type door struct {
	mu     sync.RWMutex
	rights map[string]right
}

func newDoor() *door { return &door{rights: map[string]right{}} }

// admit makes a credential.
func (d *door) admit(user string, pulls, pushes func(string) bool) (password string) {
	password = rand.Text()
	d.mu.Lock()
	defer d.mu.Unlock()
	d.rights[user] = right{secret: sha256.Sum256([]byte(password)), pulls: pulls, pushes: pushes}
	return password
}

func (d *door) revoke(user string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.rights, user)
}

func (d *door) right(req *http.Request) (right, bool) {
	user, password, ok := req.BasicAuth()
	if !ok {
		return right{}, false
	}
	d.mu.RLock()
	known, ok := d.rights[user]
	d.mu.RUnlock()
	given := sha256.Sum256([]byte(password))
	return known, ok && subtle.ConstantTimeCompare(known.secret[:], given[:]) == 1
}

// The paths of the distribution API that are served; all others, such as the catalogue, are not.
// A name has exactly two parts, so that this pattern and the library's router agree on what it is.
var endpoint = regexp.MustCompile(`^/v2/((?:apps|base)/[a-z0-9][a-z0-9-]{0,62})/(?:manifests/[^/]+|tags/list|blobs/(?:uploads/)?[^/]*)$`)

// allow answers the request itself when it is not allowed.
func (d *door) allow(w http.ResponseWriter, req *http.Request) bool {
	known, ok := d.right(req)
	if !ok {
		w.Header().Set("WWW-Authenticate", `Basic realm="Lugsail registry"`)
		refuse(w, http.StatusUnauthorized, "UNAUTHORIZED", "authentication required")
		return false
	}
	if req.URL.Path == "/v2/" {
		return true
	}
	match := endpoint.FindStringSubmatch(req.URL.EscapedPath())
	if match == nil {
		refuse(w, http.StatusNotFound, "NAME_UNKNOWN", "no such place in this registry")
		return false
	}
	may := known.pushes
	if req.Method == http.MethodGet || req.Method == http.MethodHead {
		may = known.pulls
	}
	if !may(match[1]) {
		refuse(w, http.StatusForbidden, "DENIED", "this credential may not do that to "+match[1])
		return false
	}
	guardMount(req, known)
	return true
}

// guardMount drops the wish to take a layer over from a repository that the credential may not
// read. What is left is an ordinary upload.
func guardMount(req *http.Request, known right) {
	query := req.URL.Query()
	if !query.Has("from") && !query.Has("mount") {
		return
	}
	if from := query["from"]; len(from) == 1 && known.pulls(from[0]) {
		return
	}
	query.Del("from")
	query.Del("mount")
	req.URL.RawQuery = query.Encode()
}

func refuse(w http.ResponseWriter, status int, code, text string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write([]byte(`{"errors":[{"code":"` + code + `","message":"` + text + `"}]}`)) // the client has gone, if anything
}

func isBase(repository string) bool { return strings.HasPrefix(repository, "base/") }
func all(string) bool               { return true }
func none(string) bool              { return false }
