package platform

import (
	"slices"
	"strings"
	"time"
)

// Deployment is one attempt to bring a release live, and the record of its steps.
type Deployment struct {
	ID          string            `gorm:"primaryKey"`
	AppID       string            `gorm:"uniqueIndex:deployment_number;not null"`
	Number      int               `gorm:"uniqueIndex:deployment_number;not null"` // 1, 2 … for each app
	Kind        DeploymentKind    `gorm:"not null"`
	State       DeploymentState   `gorm:"index;not null"`
	Cause       string            // for people: "push of 1a2b3c4 by ada@example.com"
	Source      Source            `gorm:"serializer:json"` // for pushes; the tree to build
	FromRelease int               // for rollbacks: the release whose contents return
	Snapshot    string            // for rewinds and copies: id of the snapshot whose data return
	Addons      map[string]string `gorm:"serializer:json"` // for copies: by id of an add-on in the snapshot, that of the new app's own
	Release     int               // the release it made or used; 0 until then
	FailureCode string
	FailureText string // what happened
	FailureHint string // what to do
	Actor       string // who asked: an e-mail address, or "lugsail" for automatic ones
	Via         string // the door: console, api, git, cli, system
	CancelAsked bool
	Attempts    int // how often a worker took it up; a restart of the server takes it up again
	CreatedAt   time.Time
	StartedAt   *time.Time
	EndedAt     *time.Time // live, failed, cancelled or replaced
	Steps       []Step     `gorm:"-"`
	Serves      bool       `gorm:"-"` // its release is the app's current one; false where nobody asked
}

// ServesIn reports whether what a deployment made live is the app's current release.
func (d Deployment) ServesIn(app App) bool {
	return d.State == DeploymentLive && app.State == AppActive && d.Release > 0 && d.Release == app.CurrentRelease
}

// Word is the state for people. It tells what is live from what was live until a newer release took its
// place, which have one state.
func (d Deployment) Word() string {
	switch {
	case d.State == DeploymentLive && d.Serves:
		return "Live"
	case d.State == DeploymentLive && d.Release > 0 && !d.Kind.TakesAway():
		return "Was live"
	case d.State == DeploymentLive:
		return "Done"
	case d.State == DeploymentRunning && d.CancelAsked:
		return "Cancelling"
	case d.State == DeploymentRunning:
		return "Under way"
	case d.State == "":
		return ""
	}
	return strings.ToUpper(string(d.State[:1])) + string(d.State[1:])
}

// DeploymentFilter narrows a list of deployments; the zero value lets all through.
type DeploymentFilter struct {
	State DeploymentState
	Kind  DeploymentKind
}

// Validate refuses a state or a kind that no deployment has.
func (f DeploymentFilter) Validate() error {
	states := []DeploymentState{DeploymentWaiting, DeploymentRunning, DeploymentLive, DeploymentFailed, DeploymentCancelled, DeploymentReplaced}
	if f.State != "" && !slices.Contains(states, f.State) {
		return Errorf(Invalid, "deployment_state_unknown", "No deployment has the state %s.", quoteShort(string(f.State))).
			WithHint("States are waiting, running, live, failed, cancelled and replaced.")
	}
	kinds := []DeploymentKind{DeployPush, DeployRollback, DeployConfig, DeployScale, DeployRestart, DeployTrash, DeployRestore, DeployRewind, DeployCopy, DeployDestroy}
	if f.Kind != "" && !slices.Contains(kinds, f.Kind) {
		return Errorf(Invalid, "deployment_kind_unknown", "No deployment is of the kind %s.", quoteShort(string(f.Kind))).
			WithHint("Kinds are push, rollback, config, scale, restart, trash, restore, rewind, copy and destroy.")
	}
	return nil
}

// DeploymentKind says where a deployment enters the line.
type DeploymentKind string

// The kinds of deployments, by the station where they enter.
const (
	DeployPush     DeploymentKind = "push"     // a new source: enters at build
	DeployRollback DeploymentKind = "rollback" // an older release's contents: enters at release
	DeployConfig   DeploymentKind = "config"   // new config vars, plan or health settings: enters at release
	DeployScale    DeploymentKind = "scale"    // more or fewer replicas of the current release: enters at run
	DeployRestart  DeploymentKind = "restart"  // new replicas of the current release, one after another: enters at run
	DeployTrash    DeploymentKind = "trash"    // the line backwards, as far as it can be walked again
	DeployRestore  DeploymentKind = "restore"  // out of the trash: enters at run with the release that served
	DeployRewind   DeploymentKind = "rewind"   // the data of a snapshot, and the release that served then: enters behind the build
	DeployCopy     DeploymentKind = "copy"     // a new app out of a snapshot of another one: enters behind the build
	DeployDestroy  DeploymentKind = "destroy"  // the line backwards, for good
)

// ViaBackup is the door of rewinds on a server that came from a backup: nothing was there before, so there is no way
// back, and nothing of the app starts before its data are there.
const ViaBackup = "backup"

// KeepsRelease reports whether the release that serves, or served, goes on under its number.
func (k DeploymentKind) KeepsRelease() bool {
	return k == DeployScale || k == DeployRestart || k == DeployRestore
}

// BringsData reports whether data of a snapshot come with the release.
func (k DeploymentKind) BringsData() bool { return k == DeployRewind || k == DeployCopy }

// TakesAway reports whether nothing of the app runs afterwards.
func (k DeploymentKind) TakesAway() bool { return k == DeployTrash || k == DeployDestroy }

// DeploymentState is where a deployment is.
type DeploymentState string

// The states of a deployment.
const (
	DeploymentWaiting   DeploymentState = "waiting"   // recorded; another one of the app runs first
	DeploymentRunning   DeploymentState = "running"   // a worker walks its steps
	DeploymentLive      DeploymentState = "live"      // switched: it serves, or has served; or the app is in the trash
	DeploymentFailed    DeploymentState = "failed"    // what served before still serves
	DeploymentCancelled DeploymentState = "cancelled" // a person stopped it
	DeploymentReplaced  DeploymentState = "replaced"  // a newer one came while it waited
)

// AppLog names the log of what Lugsail did with an app's replicas.
func AppLog(appID string) string { return "app-" + appID }

// Ended reports whether nothing more will happen in the foreground.
func (s DeploymentState) Ended() bool {
	return s != DeploymentWaiting && s != DeploymentRunning
}

// Step is one recorded station of a deployment.
type Step struct {
	DeploymentID string    `gorm:"primaryKey"`
	Name         StepName  `gorm:"primaryKey"`
	Position     int       `gorm:"not null"`
	State        StepState `gorm:"not null"`
	Detail       string    // one line for people: "0.6 s · Node 24, npm cached"
	StartedAt    *time.Time
	EndedAt      *time.Time
}

// StepName names a station.
type StepName string

// The stations, in order. A deployment records those that its kind walks.
const (
	StepFetch   StepName = "fetch"  // of a source that lies elsewhere
	StepSave    StepName = "save"   // a snapshot as the way back; where data return, also a look whether all of the wanted one can be read
	StepAddons  StepName = "addons" // those of a new app are made
	StepData    StepName = "data"   // files and rows of a snapshot return
	StepBuild   StepName = "build"
	StepRelease StepName = "release"
	StepCommand StepName = "release-command" // recorded only where the release has one
	StepStart   StepName = "start"
	StepHealth  StepName = "health"
	StepSwitch  StepName = "switch"
	StepRetire  StepName = "retire" // in the background, after the deployment is live
)

// StepState is where a step is.
type StepState string

// The states of a step.
const (
	StepWaiting StepState = "waiting"
	StepRunning StepState = "running"
	StepDone    StepState = "done"
	StepFailed  StepState = "failed"
	StepSkipped StepState = "skipped"
	StepUndone  StepState = "undone"
)

// Source is an immutable tree of files that was handed in.
type Source struct {
	Dir       string   `json:"dir,omitempty"`    // where the tree lies on this server; removed after the build
	Digest    string   `json:"digest,omitempty"` // of the tree: "sha256:…"
	Files     int      `json:"files,omitempty"`
	Bytes     int64    `json:"bytes,omitempty"`
	Commit    string   `json:"commit,omitempty"` // full id; "" for uploads
	Title     string   `json:"title,omitempty"`  // for people: the first line of the commit message, or what was uploaded
	Branch    string   `json:"branch,omitempty"`
	Remote    string   `json:"remote,omitempty"`    // address of the repository that the deployment fetches it from first; "" where it was handed in
	Again     bool     `json:"again,omitempty"`     // build what is fetched even when it is what serves already
	Renew     bool     `json:"renew,omitempty"`     // build past what earlier builds have left, for packages that are newer by now
	Image     string   `json:"image,omitempty"`     // reference of an image that is deployed as it is, instead of a tree; "" where there is a tree
	Here      bool     `json:"here,omitempty"`      // images may be ones that are on this server already: its owner deploys
	Blueprint string   `json:"blueprint,omitempty"` // whose folder it is, unchanged; "" for people's sources
	Check     []string `json:"check,omitempty"`     // of that blueprint
	Upload    string   `json:"upload,omitempty"`    // what the person called the archive or folder that was sent; "" when it came otherwise
}
