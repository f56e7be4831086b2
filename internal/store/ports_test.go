package store_test

import (
	"github.com/lugsail/lugsail/internal/secret"
	"github.com/lugsail/lugsail/internal/store"
	"github.com/lugsail/lugsail/platform/account"
	"github.com/lugsail/lugsail/platform/app"
	"github.com/lugsail/lugsail/platform/build"
	"github.com/lugsail/lugsail/platform/deploy"
	"github.com/lugsail/lugsail/platform/release"
	"github.com/lugsail/lugsail/platform/route"
)

var (
	_ app.Apps           = (*store.Store)(nil)
	_ app.History        = (*store.Store)(nil)
	_ app.Domains        = (*store.Store)(nil)
	_ app.Changes        = (*store.Store)(nil)
	_ app.DeploymentLogs = (*store.Logs)(nil)
	_ build.Store        = (*store.Store)(nil)
	_ deploy.Deployments = (*store.Store)(nil)
	_ deploy.Apps        = (*store.Store)(nil)
	_ release.Store      = (*store.Store)(nil)
	_ route.Store        = (*store.Store)(nil)
	_ account.Store      = (*store.Store)(nil)
	_ account.Passwords  = (*secret.Passwords)(nil)
	_ store.Sealer       = (*secret.Key)(nil)
)
