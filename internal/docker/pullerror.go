package docker

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/distribution/reference"
	"github.com/docker/docker/client"

	"github.com/lugsail/lugsail/platform"
)

// pullError says in words why an image did not come. The daemon tells most of it in text only.
func pullError(ctx context.Context, named reference.Named, err error) error {
	name, host := reference.FamiliarString(named), reference.Domain(named)
	text := strings.ToLower(err.Error())
	has := func(parts ...string) bool {
		for _, p := range parts {
			if strings.Contains(text, p) {
				return true
			}
		}
		return false
	}
	cause := fmt.Errorf("pulling %s: %w", name, err)
	switch {
	case errors.Is(ctx.Err(), context.Canceled):
		return ctx.Err()
	case client.IsErrConnectionFailed(err), has("no space left on device"):
		return explain(err, "pulling "+name)
	case has("toomanyrequests", "too many requests", "rate limit"):
		return platform.Errorf(platform.TooMany, "registry_rate_limited", "%s takes no more pulls from this server for now.", host).
			WithHint("Try again in an hour or so, or use another registry that has the image.").Because(cause)
	case has("no matching manifest", "does not match the specified platform"):
		return platform.Errorf(platform.Invalid, "image_wrong_platform", "%s is not made for this server's kind of processor.", name).
			WithHint("Build it for this server too: docker build --platform linux/amd64,linux/arm64").Because(cause)
	case has("unauthorized", "authentication required", "denied", "no basic auth", "forbidden"):
		return platform.Errorf(platform.Invalid, "image_needs_login", "%s does not give %s to everybody: it does not exist, or it is private.", host, name).
			WithHint("Check the name. Make the image public, or send it: docker save -o image.tar NAME, then lugsail deploy --image-file image.tar").Because(cause)
	case has("manifest unknown", "not found", "name unknown", "no such manifest", "repository name not known"):
		return platform.Errorf(platform.NotFound, "image_not_found", "%s has no image %s.", host, name).
			WithHint("Check the name and the tag behind the colon.").Because(cause)
	case has("no such host", "connection refused", "timeout", "deadline exceeded", "unreachable", "no route", "http response to https", "certificate", "eof", "connection reset", "server misbehaving", "canceled"):
		return platform.Errorf(platform.Unavailable, "registry_unreachable", "The registry %s does not answer.", host).
			WithHint("Check its name and that this server can reach it over HTTPS, then deploy again.").Because(cause)
	}
	return platform.Errorf(platform.Unavailable, "pull_failed", "%s could not be pulled from %s.", name, host).
		WithHint("Try again. The server's log has Docker's own words: lugsail service logs.").Because(cause)
}
