package platform

import "slices"

// Actor is who asks, and through which door.
type Actor struct {
	AccountID string // "" for Lugsail itself
	Name      string // the e-mail address; "lugsail" for Lugsail itself
	Role      Role
	Scopes    []Scope // nil means everything that the role allows (a session)
	AppID     string  // not "": a token that knows this app only
	Via       string  // console, api, git, cli, system
	Source    string  // IP address of the client; "" inside
	SessionID string  // of the session or token, for the events
	Console   string  // host name of the console that was asked, for the addresses in the answer; "" means the main one
}

// System is Lugsail itself, for what it does without being asked.
func System() Actor { return Actor{Name: "lugsail", Role: RoleOwner, Via: "system"} }

// Role is what an account may do.
type Role string

// The roles, from most to least.
const (
	RoleOwner     Role = "owner"     // everything, and the server
	RoleDeveloper Role = "developer" // everything on apps
	RoleViewer    Role = "viewer"    // look, but no secrets
)

// Scope narrows what a token may do.
type Scope string

// The scopes of tokens.
const (
	ScopeRead   Scope = "read"
	ScopeDeploy Scope = "deploy" // read, and git push, deploy, roll back, cancel
	ScopeAdmin  Scope = "admin"  // everything that the account may
)

// Action is something that an actor wants to do.
type Action string

// The actions.
const (
	ActionRead    Action = "read"    // look at apps, deployments, logs
	ActionDeploy  Action = "deploy"  // bring something live, roll back, cancel
	ActionManage  Action = "manage"  // create, configure, scale, domains, destroy
	ActionSecrets Action = "secrets" // see the values of config vars
	ActionRun     Action = "run"     // run commands in the app's containers, which see its config vars
	ActionAccount Action = "account" // one's own tokens and sessions
	ActionServer  Action = "server"  // settings of the server
)

// Can is the one rule of who may do what. appID is "" when the action is on no app in particular.
// Callers answer NotFound, never Forbidden, when an app is out of the actor's sight.
func Can(a Actor, action Action, appID string) bool {
	if a.AppID != "" && a.AppID != appID {
		return false
	}
	return roleAllows(a.Role, action) && scopesAllow(a.Scopes, action)
}

// Sees reports whether the app exists for the actor at all.
func Sees(a Actor, appID string) bool { return Can(a, ActionRead, appID) }

func roleAllows(r Role, action Action) bool {
	switch r {
	case RoleOwner:
		return true
	case RoleDeveloper:
		return action != ActionServer
	case RoleViewer:
		return action == ActionRead || action == ActionAccount
	}
	return false
}

func scopesAllow(scopes []Scope, action Action) bool {
	switch {
	case scopes == nil, slices.Contains(scopes, ScopeAdmin):
		return true
	case action == ActionRead:
		return len(scopes) > 0
	case action == ActionDeploy:
		return slices.Contains(scopes, ScopeDeploy)
	}
	return false
}
