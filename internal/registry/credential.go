package registry

import (
	"context"
	"sync"

	"github.com/lugsail/lugsail/platform"
)

const puller = "engine"

// BuildToken makes a credential that pushes to the app's repository and reads it and the base
// images. It ends with release. It waits while garbage is collected.
func (r *Registry) BuildToken(ctx context.Context, appID string) (user, password string, release func(), err error) {
	own := func(repository string) bool { return repository == AppRepository(appID) }
	return r.token(ctx, "build-", func(repository string) bool { return own(repository) || isBase(repository) }, own)
}

// PushToken makes a credential for everything, for Lugsail itself. It ends with release.
// It waits while garbage is collected.
func (r *Registry) PushToken(ctx context.Context) (user, password string, release func(), err error) {
	return r.token(ctx, "push-", all, all)
}

func (r *Registry) token(ctx context.Context, prefix string, pulls, pushes func(string) bool) (user, password string, release func(), err error) {
	if err := r.pushes.enter(ctx); err != nil {
		return "", "", nil, err
	}
	user = prefix + platform.NewID()
	password = r.door.admit(user, pulls, pushes)
	return user, password, sync.OnceFunc(func() {
		r.door.revoke(user)
		r.pushes.leave()
	}), nil
}

// PullAuth is the credential with which the engine pulls. It lives as long as the process.
func (r *Registry) PullAuth() (user, password string) {
	r.pull.Do(func() { r.pullPassword = r.door.admit(puller, all, none) })
	return puller, r.pullPassword
}

// AppRepository is where an app's images are.
func AppRepository(appID string) string { return "apps/" + appID }
