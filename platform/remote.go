package platform

import (
	"net/netip"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// Remote is the public git repository that an app is bound to: its branch is fetched and
// deployed when somebody asks for it, or when a webhook tells of a push.
type Remote struct {
	AppID     string `gorm:"primaryKey"`
	URL       string `gorm:"not null"`            // https://host/path, without credentials
	Branch    string `gorm:"not null;default:''"` // "" means the repository's own default
	CreatedAt time.Time
	CreatedBy string // the account's e-mail address
}

// Host is the host that the repository lies on.
func (r Remote) Host() string {
	u, err := url.Parse(r.URL)
	if err != nil {
		return ""
	}
	return u.Hostname()
}

// maxRemote bounds an address. Paths hold plain characters only, so that no address needs a
// second look before it is shown, compared or handed to git.
const maxRemote = 500

var remotePath = regexp.MustCompile(`^(/[\p{L}\p{N}._~+@ -]+)+/?$`)

// ValidateRemote gives the address of a git repository in its one form: https, a host in lower
// case, no credentials, no query. Errors: Invalid git_url_invalid, git_url_not_https or
// git_url_has_credentials.
func ValidateRemote(address string) (string, error) {
	invalid := Errorf(Invalid, "git_url_invalid", "This is not the address of a git repository that Lugsail can fetch from.").
		WithHint("Give its address for cloning over HTTPS, for example https://github.com/you/app.git")
	address = strings.TrimSpace(address)
	u, err := url.Parse(address)
	if err != nil || len(address) > maxRemote {
		return "", invalid.Because(err)
	}
	if u.User != nil && (u.Scheme == "https" || u.Scheme == "http") {
		return "", Errorf(Invalid, "git_url_has_credentials", "The address holds a user name, a password or a token.").
			WithHint("Tokens in addresses end up in logs and lists, so Lugsail does not keep them; if it was a real one, revoke it. " +
				"A public repository needs none. A private one is pushed instead: git push lugsail main")
	}
	if u.Scheme != "https" || u.Opaque != "" {
		return "", Errorf(Invalid, "git_url_not_https", "Lugsail fetches over https only.").
			WithHint("Give the repository's address for cloning over HTTPS, for example https://github.com/you/app.git")
	}
	host := strings.TrimSuffix(strings.ToLower(u.Hostname()), ".")
	if u.RawQuery != "" || u.Fragment != "" || u.ForceQuery || !remoteHost(host) || !remotePort(u.Port()) || badPath(u) {
		return "", invalid
	}
	port := ""
	if p := u.Port(); p != "" && p != "443" {
		port = ":" + p
	}
	if strings.Contains(host, ":") {
		host = "[" + strings.ReplaceAll(host, "%", "%25") + "]"
	}
	return "https://" + host + port + strings.TrimSuffix(u.EscapedPath(), "/"), nil
}

func badPath(u *url.URL) bool {
	if !remotePath.MatchString(u.Path) {
		return true
	}
	for part := range strings.SplitSeq(u.Path, "/") {
		if part == "." || part == ".." {
			return true
		}
	}
	return false
}

// remoteHost takes addresses and names; whether the server may go there is asked elsewhere.
func remoteHost(host string) bool {
	if _, err := netip.ParseAddr(host); err == nil {
		return true
	}
	return len(host) <= 253 && hostPattern.MatchString(host)
}

func remotePort(port string) bool {
	n, err := strconv.Atoi(port)
	return port == "" || err == nil && n >= 1 && n <= 65535
}

// SameRepository reports whether two addresses name the same repository: hosts compare without
// case, and so do paths, because the large hosts take them so; ".git" at the end says nothing.
func SameRepository(a, b string) bool {
	return a != "" && bareRepository(a) == bareRepository(b)
}

func bareRepository(address string) string {
	u, err := url.Parse(strings.TrimSpace(address))
	if err != nil || u.Host == "" {
		return "?" + address
	}
	host := strings.TrimSuffix(strings.ToLower(u.Hostname()), ".")
	if p := u.Port(); p != "" && p != "443" {
		host += ":" + p
	}
	path := strings.TrimSuffix(strings.TrimSuffix(u.Path, "/"), ".git")
	return host + strings.ToLower(path)
}

// ValidateBranch refuses what git would not take as the name of a branch, and what could be
// taken for an option. "" passes: it means the default.
func ValidateBranch(b string) error {
	bad := strings.HasPrefix(b, "-") || strings.HasPrefix(b, "/") || strings.HasSuffix(b, "/") || strings.HasSuffix(b, ".lock") ||
		strings.Contains(b, "..") || strings.Contains(b, "//") || strings.Contains(b, "@{") || len(b) > 200
	for _, c := range b {
		bad = bad || c <= ' ' || c == 0x7f || strings.ContainsRune(`~^:?*[\`, c)
	}
	for part := range strings.SplitSeq(b, "/") {
		bad = bad || strings.HasPrefix(part, ".") || strings.HasSuffix(part, ".lock") || strings.HasSuffix(b, ".") || b == "@"
	}
	if bad {
		return Errorf(Invalid, "branch_invalid", "%.60q is not the name of a branch.", b).WithHint("Give a name such as main.")
	}
	return nil
}
