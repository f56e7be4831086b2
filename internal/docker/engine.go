// Package docker runs replicas on a Docker Engine. It is the one home of the
// Engine's API: containers and their networks, limits, logs and events.
//
// What surprises: every call has a deadline of its own, because a daemon that
// hangs would else hang every door with it; nothing is published on the host,
// only addresses on the app's own bridge are dialled; the engine starts no
// replica again by itself before Keep, because one that is not healthy yet
// must show how it ended. What the API does not tell or tells late is read from
// the kernel: listening sockets, out-of-memory counters, use of CPU and memory.
// That needs the daemon on the same machine, and root.
//
// Everything that is made here carries the label lugsail.instance; containers
// and networks without ours are not seen and not touched.
package docker

import (
	"context"
	"crypto/rand"
	"fmt"
	"net/netip"
	"strings"
	"sync"
	"time"

	"github.com/docker/docker/api/types/versions"
	"github.com/docker/docker/client"

	"github.com/lugsail/lugsail/platform"
)

// Config says which daemon to use and for whom.
type Config struct {
	Host     string // "unix:///var/run/docker.sock"; "" means that
	Instance string // id of this installation; marks what is ours
	Pool     string // addresses for the apps' networks, a /26 each; "" means 10.201.0.0/16
	Volumes  string // directory of the files of volumes; "" where no app gets any
	Trial    bool   // what runs here is a rehearsal beside the installation: known for itself, without a way out to the internet
}

const (
	defaultHost = "unix:///var/run/docker.sock"
	defaultPool = "10.201.0.0/16"
	oldestAPI   = "1.41" // Docker 20.10
)

// Engine is one Docker daemon. It is safe for concurrent use.
type Engine struct {
	host       string
	instance   string
	family     string // the installation that bridges are named after, for its firewall
	trial      bool
	era        string // tells what this Engine has started from what an earlier one has
	client     *client.Client
	negotiated chan bool // one slot: whether the API version is agreed on
	limits     timeouts

	networks networks
	pids     pids
	kills    kills
	machine  machine
	alone    exclusive
	held     sync.Map // of *sync.Mutex, by volume
	volumes  string
}

// timeouts are the deadlines of calls.
type timeouts struct {
	quick time.Duration // look, list, change
	start time.Duration // create and start; a busy machine starts many at once
	stop  time.Duration // beyond the grace that the replica has
	retry time.Duration // longest pause between two tries of a stream
}

// New makes an Engine. The daemon may be down; calls then say so.
func New(c Config) (*Engine, error) {
	if c.Instance == "" {
		return nil, fmt.Errorf("docker: no instance id given")
	}
	pool, err := parsePool(orDefault(c.Pool, defaultPool))
	if err != nil {
		return nil, err
	}
	host := orDefault(c.Host, defaultHost)
	cli, err := client.NewClientWithOpts(client.WithHost(host), client.WithAPIVersionNegotiation())
	if err != nil {
		return nil, fmt.Errorf("using Docker at %s: %w", host, err)
	}
	e := &Engine{
		host: host, instance: c.Instance, family: c.Instance, trial: c.Trial, era: strings.ToLower(rand.Text()[:8]), client: cli, negotiated: make(chan bool, 1),
		limits:   timeouts{quick: 10 * time.Second, start: time.Minute, stop: 30 * time.Second, retry: 10 * time.Second},
		networks: networks{pool: pool, taken: map[netip.Prefix]bool{}, apps: map[string]*sync.Mutex{}},
		pids:     pids{known: map[string]int{}},
		volumes:  c.Volumes,
		kills:    kills{at: map[string]time.Time{}},
	}
	if c.Trial {
		e.instance += "-trial"
	}
	e.negotiated <- false
	return e, nil
}

// Close gives the connections back.
func (e *Engine) Close() error { return e.client.Close() }

// Ping reports whether the daemon answers.
func (e *Engine) Ping(ctx context.Context) error {
	_, err := call(ctx, e, e.limits.quick, "asking Docker", e.client.Ping)
	return err
}

// Version is the daemon's own, for people: "20.10.24".
func (e *Engine) Version(ctx context.Context) (string, error) {
	v, err := call(ctx, e, e.limits.quick, "asking for Docker's version", e.client.ServerVersion)
	return v.Version, err
}

// agree settles on an API version once. The client would do so by itself, but
// under a lock that heeds no deadline.
func (e *Engine) agree(ctx context.Context) error {
	select {
	case done := <-e.negotiated:
		defer func() { e.negotiated <- done }()
		if done {
			return nil
		}
		ping, err := e.client.Ping(ctx)
		if err != nil {
			return err
		}
		if versions.LessThan(ping.APIVersion, oldestAPI) {
			return platform.Errorf(platform.Conflict, "docker_too_old", "This Docker Engine is too old: it speaks API %s.", ping.APIVersion).
				WithHint("Install Docker Engine 20.10 or newer.")
		}
		e.client.NegotiateAPIVersionPing(ping)
		done = true
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func orDefault(s, def string) string {
	if s == "" {
		return def
	}
	return s
}
