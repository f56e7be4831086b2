// Package app owns what a person may ask for: create, configure, scale, deploy, roll
// back, delete. Every door (console, API, command line, git) comes through here, and
// here alone it is decided whether an actor may. It knows nothing of HTTP.
//
// What surprises: an app that is out of the actor's sight is not found, never forbidden.
package app

import (
	"context"
	"io"
	"net/netip"
	"sync"
	"time"

	"github.com/lugsail/lugsail/platform"
	"github.com/lugsail/lugsail/platform/addon"
	"github.com/lugsail/lugsail/platform/deploy"
	"github.com/lugsail/lugsail/platform/hook"
	"github.com/lugsail/lugsail/platform/observe"
	"github.com/lugsail/lugsail/platform/route"
)

// Apps keeps apps and their config vars.
type Apps interface {
	CreateApp(ctx context.Context, app *platform.App) error
	AppByName(ctx context.Context, name string) (platform.App, error)
	AppByID(ctx context.Context, id string) (platform.App, error)
	Apps(ctx context.Context) ([]platform.App, error)
	UpdateApp(ctx context.Context, id string, change func(*platform.App) error) (platform.App, error)
	ConfigVars(ctx context.Context, appID string) (map[string]string, error)
	ConfigNames(ctx context.Context, appID string) ([]string, error)
	ReplaceConfigVars(ctx context.Context, by platform.ConfigChange, change func(map[string]string) error) (platform.ConfigChange, error)
	ConfigChanges(ctx context.Context, appID string, before, limit int) ([]platform.ConfigChange, error)
}

// History keeps releases, deployments and events.
type History interface {
	ReleaseByNumber(ctx context.Context, appID string, number int) (platform.Release, error)
	ReleaseWithoutVars(ctx context.Context, appID string, number int) (platform.Release, error)
	ReleasesOf(ctx context.Context, appID string, limit int) ([]platform.Release, error)
	ReleasesBefore(ctx context.Context, appID string, before, limit int) ([]platform.Release, error)
	ServingReleases(ctx context.Context) ([]platform.Release, error)
	NewestDeployments(ctx context.Context) ([]platform.Deployment, error)
	DeploymentByID(ctx context.Context, id string) (platform.Deployment, error)
	DeploymentByNumber(ctx context.Context, appID string, number int) (platform.Deployment, error)
	DeploymentsOf(ctx context.Context, appID string, limit int) ([]platform.Deployment, error)
	DeploymentsBefore(ctx context.Context, appID string, before, limit int) ([]platform.Deployment, error)
	DeploymentsLike(ctx context.Context, appID string, filter platform.DeploymentFilter, before, limit int) ([]platform.Deployment, error)
	AppendEvent(ctx context.Context, e *platform.Event) error
	EventsLike(ctx context.Context, appID, topic string, before int64, limit int) ([]platform.Event, error)
}

// Domains keeps the host names that people added.
type Domains interface {
	Domains(ctx context.Context) ([]platform.Domain, error)
	AddDomain(ctx context.Context, d *platform.Domain) error
	RemoveDomain(ctx context.Context, appID, host string) error
	DomainsOf(ctx context.Context, appID string) ([]platform.Domain, error)
}

// DeploymentLogs follows what a deployment writes down.
type DeploymentLogs interface {
	Follow(ctx context.Context, deploymentID string, from int64, fn func(offset int64, line string) error, done func() bool) error
}

// Changes tells of the next change of an app; the channel is closed by it. Take it before reading. The version
// is another one after each change of any app.
type Changes interface {
	Changed(appID string) <-chan struct{}
	Version() int64
}

// Engine looks at replicas and the machine.
type Engine interface {
	Replicas(ctx context.Context, appID string) ([]platform.Replica, error)
	Logs(ctx context.Context, id string, tail int, follow bool, fn func(platform.LogLine) error) error
	Capacity(ctx context.Context) (memory int64, cpus int, err error)
}

// Sources gives the newest commit of an app's deploy branch as a tree.
type Sources interface {
	Export(ctx context.Context, app platform.App) (platform.Source, error)
	// Tip is the id of that commit; "" before the first push.
	Tip(ctx context.Context, app platform.App) (commit string, err error)
	// Begin makes a tree the first commit of that branch.
	Begin(ctx context.Context, app platform.App, src platform.Source) (platform.Source, error)
}

// Uploads turns an archive that a person sends into a tree.
type Uploads interface {
	Receive(ctx context.Context, body io.Reader, size int64) (platform.Source, error)
	// ReceiveImage takes in what docker save wrote and gives the image that name.
	ReceiveImage(ctx context.Context, body io.Reader, size int64, name string) (platform.Source, error)
}

// Images knows what images are called.
type Images interface {
	Reference(text string) (platform.ImageReference, error)
	// FileName makes a name for an image that comes as a file.
	FileName(appID string) string
}

// Service answers what people ask for.
type Service struct {
	Store       Apps
	History     History
	Names       Domains
	Remotes     Remotes
	Webhooks    Webhooks
	Volumes     Volumes
	Snapshots   Snapshots
	Shelf       Shelf
	BackupRows  BackupRows
	Backuper    Backuper
	BackupLogin BackupLogin
	Blueprints  Blueprints     // nil: there are none
	Stacks      Stacks         // set where Blueprints is
	Ties        Bindings       // likewise
	Addons      *addon.Service // likewise
	Linker      Linker         // likewise
	Open        PublicPorts    // likewise
	Progress    DeploymentLogs
	Changes     Changes
	Engine      Engine
	Sources     Sources
	Uploads     Uploads
	Images      Images
	Conductor   *deploy.Conductor
	Routes      *route.Service
	Addresses   Addresses
	Reachable   func(ctx context.Context, host string, port int) error                    // nil when the server may fetch from there; a nil one fetches from nowhere
	Resolve     func(ctx context.Context, host string) ([]netip.Addr, error)              // asks the DNS; nil knows no host
	Hide        func(ctx context.Context, appID string) (func(line string) string, error) // takes an app's secret values out of its output; nil hides nothing
	Directories Directories
	Files       Files
	DiskMeter   DiskMeter      // nil: nobody measures
	Doctor      Doctor         // nil: nobody looks
	Meter       *observe.Meter // nil: nobody measures
	Cleaner     Cleaner        // nil: nobody cleans up
	Machine     Machine        // nil: the server tells nothing of itself
	Settings    ServerSettings // nil: they cannot be changed from here
	Now         func() time.Time

	admission sync.Mutex // memory is measured and promised in one move
	leads     leads
	commands  commands

	wrongTries, rightOnes hook.Throttle // of webhooks
	uploading             platform.Shares
	glances               glances // of those who watch
}
