package web

import (
	"github.com/lugsail/lugsail/internal/web/api"
	"github.com/lugsail/lugsail/internal/web/console"
)

// sourceRoutes are those of repositories that apps are fetched from, and of webhooks.
func sourceRoutes(a *api.API, p *console.Console) []route {
	const app, pages = "/api/v1/apps/:app", "/apps/:app"
	return []route{
		{method: get, path: app + "/source", kind: program, action: read, handler: a.SourceGet},
		{method: put, path: app + "/source", kind: program, action: manage, handler: a.SourceBind},
		{method: remove, path: app + "/source", kind: program, action: manage, handler: a.SourceUnbind},
		{method: post, path: app + "/source/pull", kind: program, action: bring, handler: a.SourcePull},
		{method: get, path: app + "/webhook", kind: program, action: read, handler: a.WebhookGet},
		{method: post, path: app + "/webhook", kind: program, action: manage, handler: a.WebhookOn},
		{method: remove, path: app + "/webhook", kind: program, action: manage, handler: a.WebhookOff},
		{method: get, path: app + "/webhook/deliveries", kind: program, action: read, handler: a.DeliveriesList},
		{method: get, path: app + "/webhook/deliveries/:id", kind: program, action: read, handler: a.DeliveryGet},
		{method: post, path: app + "/webhook/deliveries/:id/redeliver", kind: program, action: bring, handler: a.DeliveryRedeliver},
		{method: post, path: "/api/v1/hooks/:id", handler: a.HookReceive},

		{method: get, path: pages + "/source", kind: page, action: read, handler: p.Source},
		{method: post, path: pages + "/source", kind: page, action: manage, handler: p.SourceBind},
		{method: post, path: pages + "/source/pull", kind: page, action: bring, handler: p.SourcePull},
		{method: post, path: pages + "/source/unbind", kind: page, action: manage, handler: p.SourceUnbind},
		{method: post, path: pages + "/webhook", kind: page, action: manage, handler: p.WebhookOn},
		{method: post, path: pages + "/webhook/off", kind: page, action: manage, handler: p.WebhookOff},
		{method: post, path: pages + "/webhook/redeliver", kind: page, action: bring, handler: p.DeliveryRedeliver},
	}
}
