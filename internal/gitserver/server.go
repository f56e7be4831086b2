package gitserver

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/lugsail/lugsail/platform"
	"github.com/lugsail/lugsail/platform/source"
)

// Gate says who may do what.
type Gate interface {
	// Authenticate finds who holds the token; source is the client's IP address.
	Authenticate(ctx context.Context, password, source string) (platform.Actor, error)
	// KnowsKey is nil when the SSH key with that fingerprint is somebody's. To offer a key proves
	// nothing: whose it is, is asked when it has signed.
	KnowsKey(ctx context.Context, fingerprint string) error
	// AuthenticateKey finds whose SSH key it is that has signed.
	AuthenticateKey(ctx context.Context, fingerprint, source string) (platform.Actor, error)
	// KeyFailed counts a connection on which no key was right.
	KeyFailed(source string)
	// KeyWait is nil, or says how long a source with too many wrong tries has to wait.
	KeyWait(source string) error
	// App finds the app of that name: NotFound when it is out of the actor's sight,
	// Forbidden when the actor sees it but may not push.
	App(ctx context.Context, actor platform.Actor, name string, write bool) (platform.App, error)
}

// Files are those of volumes.
type Files interface {
	// Serve speaks SFTP on a channel until the client goes or ctx ends. who asks each time who it is, and whether
	// they may still be here. What clients do not show goes to the terminal.
	Serve(ctx context.Context, who func(context.Context) (platform.Actor, error), channel io.ReadWriteCloser, terminal io.Writer) error
}

// Deployer brings a source live.
type Deployer interface {
	// Deploy records a deployment and answers at once.
	Deploy(ctx context.Context, actor platform.Actor, appID string, src platform.Source) (platform.Deployment, error)
	// Follow hands over the log line by line as it comes, and returns the deployment when it has ended.
	Follow(ctx context.Context, deploymentID string, line func(string) error) (platform.Deployment, error)
	// Outcome tells the pusher of an ended deployment: URL, release and times, or reason and hint.
	Outcome(ctx context.Context, actor platform.Actor, d platform.Deployment) []string
}

// Config is what the server has to know.
type Config struct {
	Dir        string // for the repositories, by app id; made when missing
	SourcesDir string // for the exported trees; made when missing
	HookBinary string // absolute path of the lugsail binary
	HookSocket string // path of the unix socket between hooks and server
	Limits     source.Limits
	MaxPack    int64                      // bytes of one push; 0 means 1 GiB
	LeastFree  int64                      // bytes of disk that must be free for a push; 0 means the headroom rule
	Source     func(*http.Request) string // the client's IP address; nil means the connection's
	Console    func(*http.Request) string // the host name that was asked, for the actor; nil names none
	Quiet      time.Duration              // silence after which the pusher hears that it goes on; 0 means 15 seconds
	Recheck    time.Duration              // how often it is asked again whether who pushes or clones still may; 0 means 2.5 seconds
	Pace       time.Duration              // over which a push must come at a least rate, and ten times of it for what is asked before a fetch; 0 means platform.PaceWindow
	Log        *slog.Logger               // nil means slog.Default
	SSH        SSH
	Files      Files // of volumes, over SSH; nil means that they cannot be reached there

	Outside   func(ctx context.Context, limit int64) (Way, error) // to other hosts, for Fetch; nil: there is none
	FetchTime time.Duration                                       // for one fetch; 0 means 10 minutes
	Stall     time.Duration                                       // below 2 kB/s for that long, a fetch ends; 0 means 30 seconds
	Roots     string                                              // PEM file of the roots that other hosts are trusted by; "" means the system's
}

// Server owns the repositories. It is an http.Handler for /git/; Run serves the hooks.
type Server struct {
	cfg     Config
	gate    Gate
	work    Deployer
	ssh     *sshDoor
	slots   platform.Shares // bounds git processes that serve clients
	fetches chan struct{}   // bounds fetches
	extra   []string        // settings that this machine's git needs beside those of every one

	life context.Context // of the git processes
	kill context.CancelFunc

	mu       sync.Mutex // for what follows
	pushes   map[string]*push
	apps     map[string]*appState
	alone    map[string]func() // by deployment: ends the flight of one that goes on without its push
	stopping bool
	active   sync.WaitGroup // requests that run git
}

// appState is what the server remembers of one app's pushes.
type appState struct {
	take    sync.Mutex // held while a push begins its deployment: the next one must see it
	repo    sync.Mutex // held while the repository is made, removed or has its branch moved
	applied int        // number of the deployment that the branch follows; guarded by repo
	flights []*flight  // deployments that pushes wait for; guarded by Server.mu
}

// New makes the directories and hooks. Nothing runs before Run.
func New(cfg Config, gate Gate, deployer Deployer) (*Server, error) {
	cfg.complete()
	if err := prepare(&cfg); err != nil {
		return nil, err
	}
	life, kill := context.WithCancel(context.Background())
	s := &Server{
		cfg: cfg, gate: gate, work: deployer, fetches: make(chan struct{}, fetchers),
		life: life, kill: kill, pushes: map[string]*push{}, apps: map[string]*appState{}, alone: map[string]func(){},
	}
	s.ssh = newSSHDoor(s)
	version, err := s.line(life, "", nil, "version")
	if err != nil {
		return nil, fmt.Errorf("preparing the git server: %w", err)
	}
	s.extra = settingsFor(version)
	return s, nil
}

// complete sets what is not said.
func (c *Config) complete() {
	c.MaxPack = cmp.Or(max(c.MaxPack, 0), 1<<30)
	c.Quiet = cmp.Or(max(c.Quiet, 0), 15*time.Second)            // longer than between two lines of a wait for health
	c.Recheck = cmp.Or(max(c.Recheck, 0), 2500*time.Millisecond) // a revoked token ends within 5 seconds
	c.Pace = cmp.Or(max(c.Pace, 0), platform.PaceWindow)
	c.SSH.Machine = cmp.Or(c.SSH.Machine, 15*time.Second)
	c.SSH.Person = cmp.Or(c.SSH.Person, 2*time.Minute)
	c.SSH.Patience = cmp.Or(c.SSH.Patience, 2*time.Minute)
	if c.Source == nil {
		c.Source = remoteIP
	}
	if c.Console == nil {
		c.Console = func(*http.Request) string { return "" }
	}
	c.FetchTime = cmp.Or(max(c.FetchTime, 0), 10*time.Minute)
	c.Stall = cmp.Or(max(c.Stall, 0), 30*time.Second)
	if c.Outside == nil {
		c.Outside = nowhere
	}
	if c.Log == nil {
		c.Log = slog.Default()
	}
}

// prepare resolves links in Dir, because git reports its quarantine by the real path.
func prepare(cfg *Config) error {
	for _, dir := range []*string{&cfg.Dir, &cfg.SourcesDir} {
		if err := os.MkdirAll(*dir, 0o700); err != nil {
			return fmt.Errorf("preparing the git server: %w", err)
		}
		real, err := filepath.EvalSymlinks(*dir)
		if err == nil {
			*dir, err = filepath.Abs(real)
		}
		if err != nil {
			return fmt.Errorf("preparing the git server: %w", err)
		}
	}
	if err := writeHome(cfg.home()); err != nil {
		return fmt.Errorf("preparing the git server: %w", err)
	}
	if err := linkHooks(cfg.hooks(), cfg.HookBinary); err != nil {
		return fmt.Errorf("preparing the git server: %w", err)
	}
	return nil
}

func (c Config) home() string  { return filepath.Join(c.Dir, ".home") }
func (c Config) hooks() string { return filepath.Join(c.Dir, ".hooks") }

// state gives the app's memory, made on first use.
func (s *Server) state(appID string) *appState {
	s.mu.Lock()
	defer s.mu.Unlock()
	st := s.apps[appID]
	if st == nil {
		st = &appState{}
		s.apps[appID] = st
	}
	return st
}

// How many transfers may be under way: at all, of one person, and with one app. A push keeps its place
// until its deployment has ended.
const (
	mostTransfers        = 64
	mostTransfersOfOne   = 40
	mostTransfersOfAnApp = 32
)

// begin admits a request that runs git; the caller calls the returned function at its end.
func (s *Server) begin(c call) (end func(), err error) {
	person, app := platform.Share{Of: "account " + c.actor.AccountID, Most: mostTransfersOfOne}, platform.Share{Of: "app " + c.app.ID, Most: mostTransfersOfAnApp}
	free, full := s.slots.Take(person, app, platform.Share{Of: "all", Most: mostTransfers})
	if full != nil {
		return nil, busy(c, *full)
	}
	done, err := s.join()
	if err != nil {
		free()
		return nil, err
	}
	return func() { done(); free() }, nil
}

// join makes a stop wait for what runs git, until done is called.
func (s *Server) join() (done func(), err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stopping {
		return nil, platform.Errorf(platform.Unavailable, "restarting", "Lugsail is restarting.").
			WithHint("Try again in a few seconds.")
	}
	s.active.Add(1)
	return s.active.Done, nil
}

func busy(c call, full platform.Share) error {
	const hint = "Wait until one has ended, then try again."
	switch full.Of {
	case "all":
		return platform.Errorf(platform.Unavailable, "git_busy", "Too many git transfers are under way.").
			WithHint("Try again in a minute.")
	case "app " + c.app.ID:
		return platform.Errorf(platform.TooMany, "git_busy", "%d git transfers with %s are under way, which is the most for one app.", full.Most, c.app.Name).WithHint(hint)
	}
	return platform.Errorf(platform.TooMany, "git_busy", "%d git transfers of yours are under way, which is the most for one person.", full.Most).WithHint(hint)
}

func nowhere(context.Context, int64) (Way, error) {
	return nil, platform.Errorf(platform.Unavailable, "no_way_out", "This server fetches from nowhere.")
}

func remoteIP(r *http.Request) string {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return r.RemoteAddr
	}
	return host
}
