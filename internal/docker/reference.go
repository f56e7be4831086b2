package docker

import (
	"net"
	"net/netip"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/distribution/reference"

	"github.com/lugsail/lugsail/platform"
)

var imageID = regexp.MustCompile(`^(sha256:)?[0-9a-f]{64}$`)

// Reference reads what a person calls an image: a name as docker pull takes it, or an id. It is
// a name and nothing else: what could be an option or a second line of something is refused.
// An image of Lugsail's own registry or names is refused too: it is another app's.
func (i *Images) Reference(text string) (platform.ImageReference, error) {
	if imageID.MatchString(text) {
		return platform.ImageReference{Name: "sha256:" + strings.TrimPrefix(text, "sha256:"), ID: true}, nil
	}
	named, err := reference.ParseNormalizedNamed(text)
	if err != nil || len(text) > 255 || strings.HasPrefix(text, "sha256:") {
		return platform.ImageReference{}, platform.Errorf(platform.Invalid, "image_invalid", "%.80q is not the name of an image.", text).
			WithHint("Give it as docker pull takes it, for example nginx:1.27 or ghcr.io/you/app:v2.").Because(err)
	}
	named = reference.TagNameOnly(named)
	domain := reference.Domain(named)
	host, port := domain, 443
	if h, p, err := net.SplitHostPort(domain); err == nil {
		host = h
		if port, err = strconv.Atoi(p); err != nil || port < 1 || port > 65535 {
			return platform.ImageReference{}, platform.Errorf(platform.Invalid, "image_invalid", "%q has no port that can be.", domain).
				WithHint("A port is a number from 1 to 65535.")
		}
	}
	if i.ours(host, port) || strings.HasPrefix(reference.Path(named), imagesOf+"/") {
		return platform.ImageReference{}, platform.Errorf(platform.Invalid, "image_reserved", "%s is kept by Lugsail for its apps.", reference.FamiliarString(named)).
			WithHint("To bring back an earlier release of an app: lugsail rollback")
	}
	return platform.ImageReference{Name: named.String(), Host: host, Port: port}, nil
}

// ours reports whether an address is the built-in registry's.
func (i *Images) ours(host string, port int) bool {
	if port != i.config.RegistryPort {
		return false
	}
	addr, err := netip.ParseAddr(strings.Trim(host, "[]"))
	return host == "localhost" || strings.HasSuffix(host, ".localhost") ||
		err == nil && (addr.Unmap().IsLoopback() || addr.IsUnspecified() || slices.Contains(i.config.RegistryAddresses, addr))
}
