package web

import "github.com/lugsail/lugsail/internal/web/api"

// previewRoutes say what something would do, what config vars were, and what shall be tried again.
func previewRoutes(a *api.API) []route {
	const app = "/api/v1/apps/:app"
	return []route{
		{method: get, path: "/api/v1/names/:name", kind: program, action: manage, handler: a.NameGet},
		{method: get, path: app + "/preview/scale", kind: program, action: read, handler: a.ScalePreview},
		{method: get, path: app + "/preview/destroy", kind: program, action: read, handler: a.StopPreview},
		{method: get, path: app + "/preview/rollback", kind: program, action: read, handler: a.RollbackPreview},
		{method: post, path: app + "/config/preview", kind: program, action: manage, handler: a.ConfigPreview},
		{method: get, path: app + "/config/history", kind: program, action: read, handler: a.ConfigHistory},
		{method: post, path: app + "/config/restore", kind: program, action: manage, handler: a.ConfigRestore},
		{method: post, path: app + "/config/apply", kind: program, action: bring, handler: a.ConfigApply},
		{method: post, path: app + "/deployments/:number/retry", kind: program, action: bring, handler: a.DeploymentRetry},
	}
}
