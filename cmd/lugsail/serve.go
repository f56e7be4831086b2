package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"
	"golang.org/x/sys/unix"

	"github.com/lugsail/lugsail/internal/archive"
	"github.com/lugsail/lugsail/internal/blueprint"
	"github.com/lugsail/lugsail/internal/cnb"
	"github.com/lugsail/lugsail/internal/config"
	"github.com/lugsail/lugsail/internal/docker"
	"github.com/lugsail/lugsail/internal/dockerfile"
	"github.com/lugsail/lugsail/internal/firewall"
	"github.com/lugsail/lugsail/internal/gitserver"
	"github.com/lugsail/lugsail/internal/outbound"
	"github.com/lugsail/lugsail/internal/passkey"
	"github.com/lugsail/lugsail/internal/proxy"
	"github.com/lugsail/lugsail/internal/registry"
	"github.com/lugsail/lugsail/internal/secret"
	"github.com/lugsail/lugsail/internal/sftp"
	"github.com/lugsail/lugsail/internal/store"
	"github.com/lugsail/lugsail/internal/web"
	"github.com/lugsail/lugsail/platform"
	"github.com/lugsail/lugsail/platform/account"
	"github.com/lugsail/lugsail/platform/addon"
	"github.com/lugsail/lugsail/platform/app"
	"github.com/lugsail/lugsail/platform/backup"
	"github.com/lugsail/lugsail/platform/deploy"
	"github.com/lugsail/lugsail/platform/observe"
	"github.com/lugsail/lugsail/platform/plan"
	"github.com/lugsail/lugsail/platform/release"
	"github.com/lugsail/lugsail/platform/route"
	"github.com/lugsail/lugsail/platform/run"
	"github.com/lugsail/lugsail/platform/volume"
)

// control is the control plane, wired.
type control struct {
	cfg       config.Config
	store     *store.Store
	engine    *docker.Engine
	registry  *registry.Registry
	builder   *cnb.Builder
	proxy     *proxy.Client
	routes    *route.Service
	conductor *deploy.Conductor
	accounts  *account.Service
	apps      *app.Service
	meter     *observe.Meter
	git       *gitserver.Server
	uploads   *archive.Door
	images    *docker.Images
	outside   *outbound.Guard
	web       *web.Server
	firewall  *firewall.Firewall
	began     time.Time
	checked   atomic.Pointer[error] // what the last daily check of the database found; nil: nothing
	preparing chan struct{}
	steps     steps
	key       store.Sealer
	quit      func() // ends this run; whoever started it starts it anew
	kill      func() // likewise, at once

	dockerfile *dockerfile.Builder
	volumes    *volumes
	keeper     *volume.Keeper
	backups    *backup.Service
	blueprints *blueprint.Library
	addons     *addon.Service
}

// runServe runs the control plane until ctx ends.
func runServe(ctx context.Context, cfg config.Config, given []string, steady func()) (err error) {
	unix.Umask(0o022) // builds run as a user of their own and read what is laid out for them; what is secret names its mode
	rules := firewallAtOnce(ctx, cfg)
	sc, err := storeConfig(cfg)
	if err != nil {
		return err
	}
	if err := sealPlain(cfg, sc); err != nil {
		return err
	}
	db, err := store.Open(ctx, sc)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	ctx, quit := context.WithCancel(ctx)
	defer quit()
	c := &control{cfg: cfg, began: time.Now(), key: sc.Key, quit: quit, kill: func() { _ = unix.Kill(os.Getpid(), unix.SIGKILL) }, store: db, firewall: rules, proxy: proxy.NewClient(cfg.ControlSocket()), preparing: make(chan struct{}, 1)}
	if err := c.wire(); err != nil {
		return err
	}
	c.conductor.Through = steady
	for _, text := range given {
		c.tell(ctx, "", "disk.full", text)
	}
	if err := c.bringBack(ctx); err != nil {
		return err
	}
	if err := c.clean(ctx); err != nil {
		return err
	}
	return c.run(ctx)
}

// wire makes the parts, the inner ones first.
func (c *control) wire() error {
	for _, part := range []func() error{c.wireEngine, c.wireBuilder, c.wireConductor, c.wireDoors} {
		if err := part(); err != nil {
			return err
		}
	}
	return nil
}

func (c *control) wireEngine() (err error) {
	c.firewall.Restored = c.rulesRestored
	c.engine, err = docker.New(docker.Config{Host: c.cfg.DockerHost, Instance: c.cfg.Instance, Pool: c.cfg.AppPool.String(), Volumes: filepath.Join(c.cfg.DataDir, "volumes")})
	return err
}

func (c *control) wireBuilder() (err error) {
	if c.registry, c.builder, err = newBuilder(c.cfg); err != nil {
		return err
	}
	c.images = c.newImages()
	if c.blueprints, err = library(c.cfg); err != nil {
		return err
	}
	c.addons = &addon.Service{Store: c.store, Blueprints: c.blueprints}
	c.dockerfile, err = c.newDockerfile()
	return err
}

func (c *control) wireConductor() error {
	c.routes = &route.Service{
		Publisher: c.proxy, Store: c.store, Hosts: c.cfg.AppHosts, BootID: bootID(), Public: c.cfg.CanACME,
		Console:   platform.Console{Hosts: c.cfg.ConsoleHosts(), Socket: c.cfg.ConsoleSocket()},
		Authority: &platform.Authority{Directory: c.cfg.ACMEDirectory(), Email: c.cfg.ACMEEmail, Roots: c.cfg.ACMERoots},
	}
	c.conductor = &deploy.Conductor{
		Deployments: c.store, Apps: c.store, Journal: journal{c.store, c.store.Logs()},
		Builds:   c.builds(),
		Releases: release.New(c.store),
		Replicas: c.replicas(),
		Routes:   c.routes, Drainer: c.proxy, Watcher: watcher{c.engine, c.firewall},
		Rest:    []deploy.Leaver{c.engine.RemoveApp},
		Leave:   []deploy.Leaver{c.engine.RemoveApp, c.builder.Forget, c.dockerfile.Forget, c.images.Forget, c.removeRepository, c.removeVolumes},
		Redact:  func(w io.Writer, values []string) io.WriteCloser { return secret.NewWriter(w, values) },
		Secrets: c.openSecrets, Settle: c.settle, Fetch: c.fetch, WatchTime: c.cfg.Watch, Now: time.Now,
		Introduce: c.introduce, Kept: c.releasesInSnapshots, Equip: c.equip, Adopt: c.adopt,
	}
	return nil
}

func (c *control) replicas() *run.Service {
	replicas := run.New(c.engine, c.engine, imagesThere{c}, c.proxy)
	replicas.Commands, replicas.Volumes, replicas.Mountable = c.engine, c.store, c.engine
	replicas.Bindings, replicas.Linker = c.addons, c.engine
	replicas.Host = func(name string) string { return c.cfg.AppHosts(name)[0] }
	replicas.URL = func(name string) string { return app.Addresses{Port: c.cfg.HTTPSPort}.URL(replicas.Host(name)) }
	return replicas
}

func (c *control) wireDoors() (err error) {
	reach, err := platform.ParseReach(c.cfg.OutboundAllow)
	if err != nil {
		return fmt.Errorf("reading outbound_allow: %w", err)
	}
	c.outside = outbound.New(reach)
	if c.uploads, err = newUploads(c.cfg); err != nil {
		return err
	}
	c.meter = &observe.Meter{Engine: c.engine, Proxy: c.proxy, Apps: c.store, Now: time.Now}
	c.accounts = account.New(c.store, secret.NewPasswords(), secret.Codes{}, passkey.Passkeys{})
	meter := &diskMeter{c: c}
	if err := closedVolumes(c.cfg.DataDir); err != nil {
		return err
	}
	c.volumes = &volumes{Engine: c.engine, store: c.store, tell: c.tell, told: map[string]plan.Layer{}}
	c.keeper = c.newKeeper()
	c.volumes.hold = (&volume.Holder{Keeper: c.keeper, Tell: c.tell}).Judge
	c.conductor.Data = c.keeper
	c.backups = c.newBackups()
	c.apps = &app.Service{
		Store: c.store, History: c.store, Names: c.store, Remotes: c.store, Webhooks: c.store, Snapshots: c.store, Shelf: c.keeper, BackupRows: c.store, Backuper: c.backups, BackupLogin: backupFiles{c}, Volumes: c.store, Directories: c.volumes, Files: c.volumes.files(),
		Blueprints: c.blueprints, Stacks: c.store, Ties: c.store, Open: c.store, Addons: c.addons, Linker: c.engine, Reachable: c.outside.Check, Progress: c.store.Logs(), Changes: c.store,
		Engine: c.engine, Sources: sources{c}, Uploads: c.uploads, Images: c.images, Conductor: c.conductor, Routes: c.routes, Resolve: resolve, Hide: c.hide, Now: time.Now,
		Doctor: machineDoctor{c.cfg, c.engine, c}, DiskMeter: meter, Settings: serverSettings{c}, Cleaner: cleaner{c, meter}, Machine: serverMachine{c}, Meter: c.meter,
		Addresses: app.Addresses{
			Hosts: c.cfg.AppHosts, Consoles: c.cfg.ConsoleHosts(), Port: c.cfg.HTTPSPort, SSHPort: c.cfg.SSHPort,
			IPs: addresses(c.cfg), Private: c.cfg.Private(), Ours: c.ours,
		},
	}
	binary, err := os.Executable()
	if err != nil {
		return fmt.Errorf("finding our own program: %w", err)
	}
	door := app.GitDoor{Service: c.apps, Tokens: c.accounts}
	c.git, err = gitserver.New(gitserver.Config{
		Dir: filepath.Join(c.cfg.DataDir, "repositories"), SourcesDir: filepath.Join(c.cfg.DataDir, "sources"),
		HookBinary: binary, HookSocket: filepath.Join(c.cfg.RunDir, hookSocket), Source: web.ClientIP, Console: web.AskedHost,
		SSH:     gitserver.SSH{Address: c.cfg.SSHAddress(), HostKey: c.cfg.SSHHostKey()},
		Files:   &sftp.Server{Access: app.FileDoor{Service: c.apps}, Files: c.volumes.files()},
		Outside: c.wayOut, Roots: c.cfg.FetchRoots,
	}, door, door)
	if err != nil {
		return err
	}
	c.web, err = web.New(web.Config{
		Socket: c.cfg.ConsoleSocket(), SocketGID: proxyGroup(), Hosts: c.cfg.ConsoleHosts, Version: version, HSTS: c.cfg.CanACME(c.cfg.ConsoleHosts()[0]),
	}, web.Deps{
		Apps: c.apps, Accounts: c.accounts, Directory: c.store, Ready: c.store.Ping, CA: c.proxy.CA, Git: c.git, SSH: c.git.SSHFingerprint, Onces: c.store, Log: slog.Default(),
	})
	return err
}

// clean removes what a crash has left behind, before anything new begins.
func (c *control) clean(ctx context.Context) error {
	recent, err := c.recentDeployments(ctx)
	if err != nil {
		return err
	}
	var sources []string
	for _, d := range recent {
		if !d.State.Ended() {
			sources = append(sources, d.Source.Dir)
		}
	}
	if err := c.git.Clean(ctx, sources); err != nil {
		slog.WarnContext(ctx, "leftovers of pushes not removed", "error", err)
	}
	if err := c.uploads.Clean(); err != nil {
		slog.WarnContext(ctx, "leftovers of uploads not removed", "error", err)
	}
	if err := c.git.Resume(ctx, recent); err != nil {
		slog.WarnContext(ctx, "pushes that were cut off not settled", "error", err)
	}
	if err := c.cleanSnapshots(ctx); err != nil {
		slog.WarnContext(ctx, "snapshots that were cut off not settled", "error", err)
	}
	if err := c.cleanBackups(ctx); err != nil {
		slog.WarnContext(ctx, "backups that were cut off not settled", "error", err)
	}
	// Docker may still be starting.
	if err := c.builder.Clean(ctx); err != nil {
		slog.WarnContext(ctx, "leftovers of builds not removed", "error", err)
	}
	if err := c.engine.Clean(ctx); err != nil {
		slog.WarnContext(ctx, "leftovers of volumes not removed", "error", err)
	}
	return nil
}

// recentDeployments gives those that a crash may have left something of.
func (c *control) recentDeployments(ctx context.Context) ([]platform.Deployment, error) {
	recent, err := c.store.UnfinishedDeployments(ctx)
	if err != nil {
		return nil, err
	}
	apps, err := c.store.Apps(ctx)
	if err != nil {
		return nil, err
	}
	for _, a := range apps {
		newest, err := c.store.DeploymentsOf(ctx, a.ID, 20)
		if err != nil {
			return nil, err
		}
		recent = append(recent, newest...)
	}
	return recent, nil
}

// introduce asks the application, which is wired later.
func (c *control) introduce(ctx context.Context, appID string, r platform.Release, types []string) (platform.App, error) {
	return c.apps.Introduce(ctx, appID, r, types)
}

func (c *control) equip(ctx context.Context, d platform.Deployment, addonID string) (bool, error) {
	return c.apps.Equip(ctx, d, addonID)
}

// settle lets the branch follow what went live.
func (c *control) settle(ctx context.Context, d platform.Deployment) error {
	return c.git.Settle(ctx, d)
}

func (c *control) run(ctx context.Context) error {
	group, ctx := errgroup.WithContext(ctx)
	for name, part := range map[string]func(context.Context) error{
		"registry": c.registry.Run, "conductor": c.conductor.Run, "git": c.git.Run, "web": c.web.Run, "admin": c.runAdmin,
		"prepare": c.prepareAtStart, "memory": keepSmall, "check": c.checkDaily, "copies": c.copyDaily, "ballast": c.runBallast, "layers": c.watchLayers, "prune": c.pruneDaily, "database": c.watchDatabase, "domains": c.apps.RunDomains,
		"firewall": c.runFirewall, "commands": c.apps.RunCommands, "meter": c.meter.Run, "volumes": c.apps.RunVolumes, "snapshots": c.keeper.Run, "backups": c.backups.Run, "bindings": c.apps.RunBindings, "public ports": c.apps.RunPublicPorts, "volume sizes": c.volumes.run,
	} {
		group.Go(func() error {
			if err := part(ctx); err != nil && ctx.Err() == nil {
				return fmt.Errorf("%s: %w", name, err)
			}
			return nil
		})
	}
	slog.InfoContext(ctx, "control plane started", "version", version, "console", c.cfg.ConsoleURL())
	return group.Wait()
}

// prepareAtStart makes what an upgrade or a removed image has left missing.
func (c *control) prepareAtStart(ctx context.Context) error {
	err := c.prepare(ctx, func(line string) { slog.InfoContext(ctx, "preparing builds", "step", line) })
	if err != nil && ctx.Err() == nil {
		slog.ErrorContext(ctx, "builds not prepared", "error", err) // apps serve all the same; the next build says it
	}
	return nil
}

// secrets gives the values that an app's logs must not show: those of its next release, and of
// the one that serves.
func (c *control) secrets(ctx context.Context, appID string) ([]string, error) {
	next, err := c.store.ConfigVars(ctx, appID)
	if err != nil {
		return nil, fmt.Errorf("reading config vars for redaction: %w", err)
	}
	a, err := c.store.AppByID(ctx, appID)
	if err != nil {
		return nil, fmt.Errorf("reading the app for redaction: %w", err)
	}
	values := slices.Collect(maps.Values(next))
	bound, err := c.addons.Bound(ctx, appID)
	if err != nil {
		return nil, fmt.Errorf("reading what add-ons bring, for redaction: %w", err)
	}
	values = slices.AppendSeq(values, maps.Values(bound))
	if a.CurrentRelease == 0 {
		return values, nil
	}
	serves, err := c.store.ReleaseByNumber(ctx, appID, a.CurrentRelease)
	if err != nil {
		return nil, fmt.Errorf("reading release %d for redaction: %w", a.CurrentRelease, err)
	}
	return slices.AppendSeq(values, maps.Values(serves.ConfigVars)), nil
}

// openSecrets does without the values of the serving release that are damaged: nothing of it writes into the log
// of a deployment, and the deployment that takes its place would never begin.
func (c *control) openSecrets(ctx context.Context, appID string) ([]string, error) {
	values, err := c.secrets(ctx, appID)
	if err == nil || platform.AsError(err).Code != "config_unreadable" {
		return values, err
	}
	next, err := c.store.ConfigVars(ctx, appID)
	if err != nil {
		return nil, fmt.Errorf("reading config vars for redaction: %w", err)
	}
	return slices.Collect(maps.Values(next)), nil
}

// hide takes those values out of an app's output.
func (c *control) hide(ctx context.Context, appID string) (func(string) string, error) {
	values, err := c.secrets(ctx, appID)
	if err != nil {
		return nil, err
	}
	return secret.Lines(values), nil
}

// noteCheck keeps what a check of the database found, for who asks how the server is.
func (c *control) noteCheck(err error) {
	if err == nil {
		c.checked.Store(nil)
		return
	}
	c.checked.Store(&err)
}

// checkDaily looks over the whole database once a day. Apps go on whatever it finds, so it is
// an event for people; damage is looked for again every hour, and told once.
func (c *control) checkDaily(ctx context.Context) error {
	tick := time.NewTicker(time.Hour)
	defer tick.Stop()
	for {
		done, err := c.store.CheckDaily(ctx)
		if ctx.Err() == nil && done {
			if err != nil {
				slog.ErrorContext(ctx, "the daily check of the database", "error", err)
			}
			if err != nil && c.checked.Load() == nil {
				c.tell(ctx, "", "database.damaged", platform.AsError(err).Message)
			}
			c.noteCheck(err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

func (c *control) removeRepository(ctx context.Context, appID string) error {
	return c.git.Remove(ctx, appID)
}

// ours reports whether a host name is Lugsail's own or follows an app's name.
func (c *control) ours(host string) bool {
	for _, own := range append(c.cfg.ConsoleHosts(), c.cfg.AppHosts("x")...) {
		_, parent, _ := strings.Cut(own, ".")
		if host == own || host == parent || strings.HasSuffix(host, "."+parent) {
			return true
		}
	}
	return false
}

// journal is where deployments write what people read later.
type journal struct {
	*store.Store
	logs *store.Logs
}

func (j journal) Writer(deploymentID string) (io.WriteCloser, error) {
	return j.logs.Writer(deploymentID)
}

// sources breaks the circle between the application and the git server.
type sources struct{ c *control }

func (s sources) Export(ctx context.Context, a platform.App) (platform.Source, error) {
	return s.c.git.Export(ctx, a)
}

func (s sources) Tip(ctx context.Context, a platform.App) (string, error) { return s.c.git.Tip(ctx, a) }

func (s sources) Begin(ctx context.Context, a platform.App, src platform.Source) (platform.Source, error) {
	return s.c.git.Begin(ctx, a, src)
}

// addresses are this server's: the one that visitors are told first, then those of its network cards.
func addresses(cfg config.Config) []netip.Addr {
	ip := cfg.IP()
	if !ip.IsValid() || ip.IsLoopback() {
		return nil
	}
	all := []netip.Addr{ip}
	cards, err := net.InterfaceAddrs()
	if err != nil {
		slog.Warn("addresses of the network cards not read", "error", err)
	}
	for _, card := range cards {
		if p, err := netip.ParsePrefix(card.String()); err == nil && p.Addr().IsGlobalUnicast() && !p.Addr().IsPrivate() {
			all = append(all, p.Addr())
		}
	}
	return all
}

// resolve asks the DNS; the dot at the end keeps the machine's own search domains out.
func resolve(ctx context.Context, host string) ([]netip.Addr, error) {
	return net.DefaultResolver.LookupNetIP(ctx, "ip", host+".")
}

func bootID() string {
	b, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(b))
}
