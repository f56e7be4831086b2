package web

import (
	"net/http"

	"github.com/labstack/echo/v4"

	"github.com/lugsail/lugsail/internal/web/api"
	"github.com/lugsail/lugsail/internal/web/console"
	"github.com/lugsail/lugsail/platform"
)

const (
	get    = http.MethodGet
	post   = http.MethodPost
	put    = http.MethodPut
	patch  = http.MethodPatch
	remove = http.MethodDelete

	read    = platform.ActionRead
	bring   = platform.ActionDeploy
	manage  = platform.ActionManage
	secrets = platform.ActionSecrets
	execute = platform.ActionRun
	own     = platform.ActionAccount
	server  = platform.ActionServer
)

// list is every route there is. A test walks it with every kind of actor.
func (s *Server) list(a *api.API, p *console.Console, push http.Handler) []route {
	routes := s.systemRoutes(p)
	routes = append(routes, apiRoutes(a)...)
	routes = append(routes, appRoutes(a)...)
	routes = append(routes, commandRoutes(a)...)
	routes = append(routes, previewRoutes(a)...)
	routes = append(routes, sourceRoutes(a, p)...)
	routes = append(routes, serverRoutes(a, p)...)
	routes = append(routes, pageRoutes(p)...)
	routes = append(routes, appPageRoutes(p)...)
	for _, method := range []string{get, post} {
		routes = append(routes, route{method: method, path: "/git/*", kind: git, handler: echo.WrapHandler(push)})
	}
	return routes
}

func (s *Server) systemRoutes(p *console.Console) []route {
	return []route{
		{method: get, path: healthPath, setup: true, handler: s.health},
		{method: get, path: "/ca.crt", setup: true, handler: s.certificate},
		{method: get, path: "/robots.txt", setup: true, handler: robots},
		{method: get, path: "/assets/:file", setup: true, handler: p.Asset},
		{method: get, path: "/api/v1/openapi.json", setup: true, handler: s.openAPI},
	}
}

func apiRoutes(a *api.API) []route {
	return []route{
		{method: post, path: "/api/v1/setup", setup: true, handler: a.AccountSetup},
		{method: post, path: "/api/v1/login", handler: a.AccountLogin},
		{method: post, path: "/api/v1/logout", kind: program, action: read, any: true, handler: a.AccountLogout},
		{method: get, path: "/api/v1/account", kind: program, action: read, any: true, handler: a.AccountGet},
		{method: get, path: "/api/v1/server", kind: program, action: read, any: true, handler: a.ServerInfo},
		{method: get, path: "/api/v1/disk", kind: program, action: server, handler: a.ServerDisk},
		{method: get, path: "/api/v1/doctor", kind: program, action: server, handler: a.DoctorServer},
		{method: get, path: "/api/v1/plans", kind: program, action: read, any: true, handler: a.PlansList},
		{method: get, path: "/api/v1/events", kind: program, action: read, handler: a.EventsList},
		{method: get, path: "/api/v1/tokens", kind: program, action: own, handler: a.TokensList},
		{method: post, path: "/api/v1/tokens", kind: program, action: own, handler: a.TokenCreate},
		{method: remove, path: "/api/v1/tokens/:id", kind: program, action: own, handler: a.TokenRevoke},
		{method: get, path: "/api/v1/keys", kind: program, action: own, handler: a.KeysList},
		{method: post, path: "/api/v1/keys", kind: program, action: own, handler: a.KeyAdd},
		{method: remove, path: "/api/v1/keys/:id", kind: program, action: own, handler: a.KeyRemove},
		{method: get, path: "/api/v1/second-factor", kind: program, action: own, handler: a.SecondFactorGet},
		{method: post, path: "/api/v1/second-factor", kind: program, action: own, handler: a.SecondFactorBegin},
		{method: post, path: "/api/v1/second-factor/confirm", kind: program, action: own, handler: a.SecondFactorConfirm},
		{method: post, path: "/api/v1/second-factor/off", kind: program, action: own, handler: a.SecondFactorEnd},
		{method: post, path: "/api/v1/recovery-codes", kind: program, action: own, handler: a.RecoveryCodesMake},
		{method: get, path: "/api/v1/passkeys", kind: program, action: own, handler: a.PasskeysList},
		{method: remove, path: "/api/v1/passkeys/:id", kind: program, action: own, handler: a.PasskeyRemove},
		{method: get, path: "/api/v1/sessions", kind: program, action: own, handler: a.SessionsList},
		{method: remove, path: "/api/v1/sessions", kind: program, action: own, handler: a.SessionsEnd},
		{method: remove, path: "/api/v1/sessions/:id", kind: program, action: own, handler: a.SessionEnd},
		{method: get, path: "/api/v1/apps", kind: program, action: read, any: true, handler: a.AppsList},
		{method: get, path: "/api/v1/trash", kind: program, action: read, any: true, handler: a.TrashList},
		{method: post, path: "/api/v1/apps", kind: program, action: manage, handler: a.AppCreate},
		{method: get, path: "/api/v1/blueprints", kind: program, action: read, any: true, handler: a.BlueprintsList},
		{method: post, path: "/api/v1/blueprints/:blueprint", kind: program, action: manage, handler: a.BlueprintMake},
		{method: get, path: "/api/v1/bindings", kind: program, action: read, any: true, handler: a.BindingsList},
		{method: get, path: "/api/v1/public-ports", kind: program, action: read, any: true, handler: a.PublicPortsList},
	}
}

func appRoutes(a *api.API) []route {
	const app = "/api/v1/apps/:app"
	return []route{
		{method: get, path: app, kind: program, action: read, handler: a.AppGet},
		{method: patch, path: app, kind: program, action: manage, handler: a.AppConfigure},
		{method: remove, path: app, kind: program, action: manage, handler: a.AppDestroy},
		{method: post, path: app + "/rename", kind: program, action: manage, handler: a.AppRename},
		{method: post, path: app + "/restore", kind: program, action: manage, handler: a.AppRestore},
		{method: post, path: app + "/restart", kind: program, action: bring, handler: a.AppRestart},
		{method: put, path: app + "/scale", kind: program, action: manage, handler: a.AppScale},
		{method: get, path: app + "/config", kind: program, action: read, handler: a.ConfigList},
		{method: get, path: app + "/config/values", kind: program, action: secrets, handler: a.ConfigValues},
		{method: patch, path: app + "/config", kind: program, action: manage, handler: a.ConfigChange},
		{method: get, path: app + "/deployments", kind: program, action: read, handler: a.DeploymentsList},
		{method: post, path: app + "/deployments", kind: program, action: bring, handler: a.DeploymentCreate},
		{method: get, path: app + "/deployments/:number", kind: program, action: read, handler: a.DeploymentGet},
		{method: post, path: app + "/uploads", kind: program, action: bring, handler: a.UploadCreate},
		{method: post, path: app + "/images", kind: program, action: bring, handler: a.ImageCreate},
		{method: post, path: app + "/images/file", kind: program, action: bring, handler: a.ImageFileCreate},
		{method: get, path: app + "/deployments/:number/events", kind: program, action: read, stream: true, handler: a.DeploymentEvents},
		{method: post, path: app + "/deployments/:number/cancel", kind: program, action: bring, handler: a.DeploymentCancel},
		{method: get, path: app + "/releases", kind: program, action: read, handler: a.ReleasesList},
		{method: post, path: app + "/rollback", kind: program, action: bring, handler: a.ReleaseRollback},
		{method: get, path: app + "/replicas", kind: program, action: read, handler: a.ReplicasList},
		{method: get, path: app + "/metrics", kind: program, action: read, handler: a.MetricsGet},
		{method: get, path: app + "/logs", kind: program, action: read, stream: true, handler: a.LogsList},
		{method: get, path: app + "/domains", kind: program, action: read, handler: a.DomainsList},
		{method: post, path: app + "/domains", kind: program, action: manage, handler: a.DomainAdd},
		{method: remove, path: app + "/domains/:host", kind: program, action: manage, handler: a.DomainRemove},
		{method: get, path: app + "/volumes", kind: program, action: read, handler: a.VolumesList},
		{method: post, path: app + "/volumes", kind: program, action: manage, handler: a.VolumeCreate},
		{method: put, path: app + "/volumes/:volume", kind: program, action: manage, handler: a.VolumeChange},
		{method: remove, path: app + "/volumes/:volume", kind: program, action: manage, handler: a.VolumeRemove},
		{method: post, path: app + "/volumes/:volume/restore", kind: program, action: manage, handler: a.VolumeRestore},
		{method: get, path: app + "/volumes/:volume/files", kind: program, action: secrets, handler: a.VolumeFilesList},
		{method: get, path: app + "/volumes/:volume/file", kind: program, action: secrets, handler: a.VolumeFileGet},
		{method: put, path: app + "/volumes/:volume/file", kind: program, action: manage, handler: a.VolumeFileSave},
		{method: remove, path: app + "/volumes/:volume/file", kind: program, action: manage, handler: a.VolumeFileRemove},
		{method: get, path: app + "/snapshots", kind: program, action: read, handler: a.SnapshotsList},
		{method: post, path: app + "/snapshots", kind: program, action: manage, handler: a.SnapshotCreate},
		{method: remove, path: app + "/snapshots/:snapshot", kind: program, action: manage, handler: a.SnapshotRemove},
		{method: post, path: app + "/snapshots/:snapshot/restore", kind: program, action: manage, handler: a.SnapshotRestore},
		{method: post, path: app + "/snapshots/:snapshot/copy", kind: program, action: manage, handler: a.SnapshotCopy},
		{method: get, path: app + "/bindings", kind: program, action: read, handler: a.BindingsList},
		{method: post, path: app + "/bindings", kind: program, action: manage, handler: a.BindingCreate},
		{method: remove, path: app + "/bindings/:addon", kind: program, action: manage, handler: a.BindingRemove},
		{method: get, path: app + "/stats", kind: program, action: read, handler: a.AddonStats},
		{method: post, path: app + "/rotate", kind: program, action: manage, handler: a.AddonRotate},
		{method: put, path: app + "/public-port", kind: program, action: manage, handler: a.PublicPortSet},
		{method: remove, path: app + "/public-port", kind: program, action: manage, handler: a.PublicPortRemove},
		{method: post, path: app + "/renew", kind: program, action: manage, handler: a.AddonRenew},
		{method: get, path: app + "/events", kind: program, action: read, handler: a.EventsList},
		{method: get, path: app + "/doctor", kind: program, action: read, handler: a.DoctorApp},
	}
}

func commandRoutes(a *api.API) []route {
	const app = "/api/v1/apps/:app"
	return []route{
		{method: get, path: app + "/runs", kind: program, action: read, handler: a.RunsList},
		{method: post, path: app + "/runs", kind: program, action: execute, handler: a.RunCreate},
		{method: remove, path: app + "/runs/:run", kind: program, action: execute, handler: a.RunStop},
		{method: get, path: app + "/runs/terminal", kind: program, action: execute, stream: true, handler: a.RunTerminal},
		{method: get, path: app + "/replicas/:replica/terminal", kind: program, action: execute, stream: true, handler: a.ExecTerminal},
	}
}

func pageRoutes(p *console.Console) []route {
	return []route{
		{method: get, path: "/setup/:token", setup: true, handler: p.Setup},
		{method: post, path: "/setup/:token", setup: true, handler: p.SetupClaim},
		{method: get, path: "/recover/:token", handler: p.Recover},
		{method: post, path: "/recover/:token", handler: p.RecoverSet},
		{method: get, path: "/login", handler: p.Login},
		{method: post, path: "/login", handler: p.LoginEnter},
		{method: get, path: "/login/code", handler: p.LoginCode},
		{method: post, path: "/login/code", handler: p.LoginCodeEnter},
		{method: post, path: "/login/passkey/begin", handler: p.LoginPasskeyBegin},
		{method: post, path: "/login/passkey", handler: p.LoginPasskey},
		{method: post, path: "/logout", kind: page, action: read, handler: p.Logout},
		{method: get, path: "/", kind: page, action: read, handler: p.Home},
		{method: get, path: "/live", kind: page, action: read, stream: true, handler: p.Live},
		{method: get, path: "/palette", kind: page, action: read, handler: p.Palette},
		{method: get, path: "/create", kind: page, action: manage, handler: p.Create},
		{method: post, path: "/create", kind: page, action: manage, upload: true, handler: p.CreateApp},
		{method: get, path: "/create/blueprint", kind: page, action: manage, handler: p.CreateShelf},
		{method: get, path: "/create/blueprint/:blueprint", kind: page, action: manage, handler: p.CreateBlueprint},
		{method: post, path: "/create/blueprint/:blueprint", kind: page, action: manage, handler: p.CreateFromBlueprint},
		{method: get, path: "/create/database", kind: page, action: manage, handler: p.CreateDatabase},
		{method: post, path: "/create/database", kind: page, action: manage, handler: p.CreateAddon},
		{method: get, path: "/activity", kind: page, action: read, handler: p.Activity},
		{method: get, path: "/trash", kind: page, action: read, handler: p.Trash},
		{method: get, path: "/server", kind: page, action: read, handler: p.Server},
		{method: get, path: "/server/checkup", kind: page, action: server, handler: p.ServerCheckup},
		{method: get, path: "/docs/api", kind: page, action: read, handler: p.Reference},
		{method: get, path: "/account", kind: page, action: own, handler: p.Account},
		{method: get, path: "/account/password", kind: page, action: own, handler: p.Password},
		{method: post, path: "/account/password", kind: page, action: own, handler: p.AccountPassword},
		{method: get, path: "/account/second-factor", kind: page, action: own, handler: p.SecondFactor},
		{method: post, path: "/account/second-factor", kind: page, action: own, handler: p.SecondFactorBegin},
		{method: post, path: "/account/second-factor/confirm", kind: page, action: own, handler: p.SecondFactorConfirm},
		{method: post, path: "/account/second-factor/off", kind: page, action: own, handler: p.SecondFactorEnd},
		{method: post, path: "/account/recovery-codes", kind: page, action: own, handler: p.RecoveryCodes},
		{method: get, path: "/account/passkeys", kind: page, action: own, handler: p.Passkeys},
		{method: post, path: "/account/passkeys", kind: page, action: own, handler: p.PasskeyAdd},
		{method: post, path: "/account/passkeys/begin", kind: page, action: own, handler: p.PasskeyBegin},
		{method: post, path: "/account/passkeys/:id/remove", kind: page, action: own, handler: p.PasskeyRemove},
		{method: get, path: "/account/browsers", kind: page, action: own, handler: p.Browsers},
		{method: post, path: "/account/sessions/end-others", kind: page, action: own, handler: p.SessionsEnd},
		{method: post, path: "/account/sessions/:id/end", kind: page, action: own, handler: p.SessionEnd},
		{method: get, path: "/account/tokens", kind: page, action: own, handler: p.Tokens},
		{method: post, path: "/account/tokens", kind: page, action: own, handler: p.TokenCreate},
		{method: post, path: "/account/tokens/:id/revoke", kind: page, action: own, handler: p.TokenRevoke},
		{method: get, path: "/account/keys", kind: page, action: own, handler: p.Keys},
		{method: post, path: "/account/keys", kind: page, action: own, handler: p.KeyAdd},
		{method: post, path: "/account/keys/:id/remove", kind: page, action: own, handler: p.KeyRemove},
	}
}

func appPageRoutes(p *console.Console) []route {
	const app = "/apps/:app"
	return []route{
		{method: get, path: app, kind: page, action: read, handler: p.Overview},
		{method: get, path: app + "/live", kind: page, action: read, stream: true, handler: p.Live},
		{method: get, path: app + "/checkup", kind: page, action: read, handler: p.AppCheckup},
		{method: get, path: app + "/deployments", kind: page, action: read, handler: p.Deployments},
		{method: post, path: app + "/deployments", kind: page, action: bring, handler: p.Redeploy},
		{method: get, path: app + "/deployments/:number", kind: page, action: read, handler: p.Deployment},
		{method: post, path: app + "/deployments/:number/cancel", kind: page, action: bring, handler: p.DeploymentCancel},
		{method: post, path: app + "/deployments/:number/retry", kind: page, action: bring, handler: p.DeploymentRetry},
		{method: get, path: app + "/rollback", kind: page, action: read, handler: p.RollbackLook},
		{method: post, path: app + "/rollback", kind: page, action: bring, handler: p.Rollback},
		{method: get, path: app + "/upload", kind: page, action: read, handler: p.Upload},
		{method: post, path: app + "/upload", kind: page, action: bring, upload: true, handler: p.UploadSend},
		{method: post, path: app + "/image", kind: page, action: bring, handler: p.ImageSet},
		{method: post, path: app + "/image/file", kind: page, action: bring, upload: true, handler: p.ImageFileSend},
		{method: get, path: app + "/deployments/:number/log.txt", kind: page, action: read, handler: p.DeploymentText},
		{method: get, path: app + "/logs", kind: page, action: read, handler: p.Logs},
		{method: get, path: app + "/logs.txt", kind: page, action: read, handler: p.LogsText},
		{method: get, path: app + "/terminal", kind: page, action: execute, handler: p.Terminal},
		{method: get, path: app + "/metrics", kind: page, action: read, handler: p.Metrics},
		{method: get, path: app + "/config", kind: page, action: read, handler: p.Config},
		{method: post, path: app + "/config", kind: page, action: manage, handler: p.ConfigSet},
		{method: post, path: app + "/config/remove", kind: page, action: manage, handler: p.ConfigRemove},
		{method: post, path: app + "/config/restore", kind: page, action: manage, handler: p.ConfigRestore},
		{method: post, path: app + "/config/apply", kind: page, action: bring, handler: p.ConfigApply},
		{method: post, path: app + "/config/reveal", kind: page, action: secrets, handler: p.ConfigReveal},
		{method: get, path: app + "/domains", kind: page, action: read, handler: p.Domains},
		{method: post, path: app + "/domains", kind: page, action: manage, handler: p.DomainAdd},
		{method: post, path: app + "/domains/remove", kind: page, action: manage, handler: p.DomainRemove},
		{method: get, path: app + "/addons", kind: page, action: read, handler: p.Addons},
		{method: post, path: app + "/addons", kind: page, action: manage, handler: p.AddonBind},
		{method: post, path: app + "/addons/unbind", kind: page, action: manage, handler: p.AddonUnbind},
		{method: post, path: app + "/connection", kind: page, action: secrets, handler: p.AddonReveal},
		{method: get, path: app + "/stats", kind: page, action: read, handler: p.AddonStats},
		{method: post, path: app + "/rotate", kind: page, action: manage, handler: p.AddonRotate},
		{method: post, path: app + "/public-port", kind: page, action: manage, handler: p.PublicPortSet},
		{method: post, path: app + "/public-port/close", kind: page, action: manage, handler: p.PublicPortClose},
		{method: post, path: app + "/renew", kind: page, action: manage, handler: p.AddonRenew},
		{method: get, path: app + "/volumes", kind: page, action: read, handler: p.Volumes},
		{method: post, path: app + "/volumes", kind: page, action: manage, handler: p.VolumeCreate},
		{method: post, path: app + "/volumes/:volume", kind: page, action: manage, handler: p.VolumeChange},
		{method: post, path: app + "/volumes/:volume/remove", kind: page, action: manage, handler: p.VolumeRemove},
		{method: post, path: app + "/volumes/:volume/restore", kind: page, action: manage, handler: p.VolumeRestore},
		{method: get, path: app + "/volumes/:volume/files", kind: page, action: secrets, handler: p.Files},
		{method: get, path: app + "/volumes/:volume/file", kind: page, action: secrets, handler: p.FileGet},
		{method: post, path: app + "/volumes/:volume/files", kind: page, action: manage, upload: true, handler: p.FileSave},
		{method: post, path: app + "/volumes/:volume/files/remove", kind: page, action: manage, handler: p.FileRemove},
		{method: get, path: app + "/snapshots", kind: page, action: read, handler: p.Snapshots},
		{method: post, path: app + "/snapshots", kind: page, action: manage, handler: p.SnapshotCreate},
		{method: post, path: app + "/snapshots/before", kind: page, action: manage, handler: p.SnapshotFirst},
		{method: post, path: app + "/snapshots/:snapshot/restore", kind: page, action: manage, handler: p.SnapshotRestore},
		{method: post, path: app + "/snapshots/:snapshot/copy", kind: page, action: manage, handler: p.SnapshotCopy},
		{method: post, path: app + "/snapshots/:snapshot/remove", kind: page, action: manage, handler: p.SnapshotRemove},
		{method: get, path: app + "/scaling", kind: page, action: read, handler: p.Scaling},
		{method: post, path: app + "/scaling/plan", kind: page, action: manage, handler: p.PlanSet},
		{method: post, path: app + "/scaling/replicas", kind: page, action: manage, handler: p.ScaleSet},
		{method: get, path: app + "/settings", kind: page, action: read, handler: p.Settings},
		{method: post, path: app + "/rename", kind: page, action: manage, handler: p.Rename},
		{method: post, path: app + "/settings", kind: page, action: manage, handler: p.SettingsSave},
		{method: post, path: app + "/destroy", kind: page, action: manage, handler: p.Destroy},
		{method: post, path: app + "/restore", kind: page, action: manage, handler: p.Restore},
		{method: post, path: app + "/builder", kind: page, action: manage, handler: p.BuilderSet},
	}
}
