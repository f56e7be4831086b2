package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/lugsail/lugsail/internal/config"
	"github.com/lugsail/lugsail/internal/docker"
	"github.com/lugsail/lugsail/internal/host"
	"github.com/lugsail/lugsail/internal/service"
	"github.com/lugsail/lugsail/internal/store"
	"github.com/lugsail/lugsail/platform"
	"github.com/lugsail/lugsail/platform/observe"
)

// partTime is how long one part of a check-up may take.
const partTime = 5 * time.Second

// machineDoctor looks at this machine. Without a control plane it sees what root sees.
type machineDoctor struct {
	cfg     config.Config
	engine  *docker.Engine
	control *control // nil outside of it
}

// Machine looks at all parts at once, each with its own limit.
func (d machineDoctor) Machine(ctx context.Context) observe.Machine {
	m := observe.Machine{Now: time.Now(), Systemd: service.Systemd(), Clock: observe.Clock{Synced: host.ClockSynced()}}
	m.Kernel.AppArmor, m.Kernel.AppArmorParser = host.AppArmor()
	m.Kernel.RestartNeeded = host.RestartNeeded()
	memory, err := host.MemoryOf("/proc/meminfo")
	m.Memory = observe.Memory{Total: memory.Total, Available: memory.Available, Swap: memory.Swap, Err: err}
	var looking sync.WaitGroup
	for _, part := range []func(context.Context, *observe.Machine){d.lookEngine, d.lookPorts, d.lookReach, d.lookNames, d.lookClock, d.lookControl} {
		looking.Go(func() {
			ctx, cancel := context.WithTimeout(ctx, partTime)
			defer cancel()
			part(ctx, &m) // each fills in fields of its own
		})
	}
	looking.Wait()
	return m
}

func (d machineDoctor) lookEngine(ctx context.Context, m *observe.Machine) {
	f, err := d.engine.Facts(ctx)
	m.Engine = observe.Engine{
		Err: err, Version: f.Version, LiveRestore: f.LiveRestore, Swarm: f.Swarm, Driver: f.Driver, MemoryLimit: f.MemoryLimit,
		SwapLimit: f.SwapLimit, PidsLimit: f.PidsLimit, Cgroups: f.Cgroups, Seccomp: f.Seccomp, AppArmor: f.AppArmor,
	}
	if f.Root == "" { // its disk may be why it does not answer
		if root := host.RootSet(host.DaemonFile); isDir(root) {
			f.Root = root
		}
	}
	m.Disks = disksOf(d.cfg.DataDir, f.Root)
	kernel := host.Kernel("/")
	m.Programs = []observe.Program{{Part: "kernel", Version: kernel, Mentions: host.Mentions("/", "linux-image-"+kernelRelease())}}
	if err == nil {
		m.Programs = append(m.Programs,
			observe.Program{Part: "Docker", Version: f.Version, Mentions: host.Mentions("/", "docker.io", "docker-ce")},
			observe.Program{Part: "runc", Version: f.Runc, Mentions: host.Mentions("/", "runc", "containerd.io")})
	}
}

func isDir(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}

func kernelRelease() string {
	text, err := os.ReadFile("/proc/sys/kernel/osrelease")
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(text))
}

// disksOf measures each file system once.
func disksOf(dataDir, engineDir string) []observe.Disk {
	var disks []observe.Disk
	var ids [][2]int32
	for _, place := range []struct{ path, holds string }{{dataDir, "Lugsail's data"}, {engineDir, "images and containers"}} {
		if place.path == "" {
			continue
		}
		d, err := host.DiskOf(place.path)
		if err == nil && len(ids) > 0 && ids[0] == d.ID {
			disks[0].Holds += ", " + place.holds
			continue
		}
		ids = append(ids, d.ID)
		disks = append(disks, observe.Disk{
			Path: place.path, Holds: place.holds, Free: d.Free, Total: d.Total, FreeFiles: d.FreeFiles, TotalFiles: d.Files, ReadOnly: d.ReadOnly, Err: err,
		})
	}
	return disks
}

func (d machineDoctor) lookPorts(_ context.Context, m *observe.Machine) {
	ports := []observe.Port{{Number: d.cfg.HTTPPort, What: "HTTP"}, {Number: d.cfg.HTTPSPort, What: "HTTPS"}}
	if d.cfg.SSHPort != 0 {
		ports = append(ports, observe.Port{Number: d.cfg.SSHPort, What: "git over SSH"})
	}
	for _, p := range ports {
		holders, err := host.Holders(p.Number)
		p.Err = err
		for _, h := range holders {
			p.Ours = p.Ours || ours(h, m.Systemd)
			p.Holder = "another program"
			if h.Name != "" {
				p.Holder = fmt.Sprintf("%s (process %d)", h.Name, h.PID)
			}
		}
		m.Ports = append(m.Ports, p)
	}
}

// ours tells Lugsail's processes: systemd holds its ports for it where it runs.
func ours(h host.Holder, systemd bool) bool {
	own, err := os.Executable()
	return err == nil && h.PID != 0 && (h.PID == 1 && systemd || filepath.Base(host.Program(h.PID)) == filepath.Base(own))
}

// lookReach comes to the console's address as visitors do; plain HTTP leads on to HTTPS.
func (d machineDoctor) lookReach(ctx context.Context, m *observe.Machine) {
	ip := d.cfg.IP()
	if !ip.IsValid() {
		return
	}
	at := net.JoinHostPort(ip.String(), strconv.Itoa(d.cfg.HTTPPort))
	m.Console.URL = "http://" + at
	client := http.Client{
		Transport:     &http.Transport{DisableKeepAlives: true},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, m.Console.URL+"/healthz", nil)
	if err != nil {
		m.Console.Err = err
		return
	}
	request.Host = d.cfg.ConsoleHosts()[0]
	response, err := client.Do(request)
	if err != nil {
		m.Console.Err = simple(err)
		return
	}
	_ = response.Body.Close() // nothing is read
}

// simple is what a network's error means for people.
func simple(err error) error {
	var timeout net.Error
	if errors.As(err, &timeout) && timeout.Timeout() {
		return fmt.Errorf("no answer within %s", partTime)
	}
	var op *net.OpError
	if errors.As(err, &op) {
		return op.Err
	}
	return err
}

// lookNames asks where the server's own domain leads. Names on .localhost and on the address need no record.
func (d machineDoctor) lookNames(ctx context.Context, m *observe.Machine) {
	if d.cfg.Domain == "" {
		return
	}
	want := addresses(d.cfg)
	for _, n := range []observe.Name{{Host: "console." + d.cfg.Domain}, {Host: "*." + d.cfg.Domain}} {
		ask := strings.Replace(n.Host, "*", "any-app-"+platform.NewID()[:6], 1)
		n.Got, n.Err = resolve(ctx, ask)
		for i := range n.Got {
			n.Got[i] = n.Got[i].Unmap()
			n.Here = n.Here || slices.Contains(want, n.Got[i])
		}
		if n.Want = want; d.cfg.Private() {
			n.Want = nil
		}
		m.Names = append(m.Names, n)
	}
}

// lookClock compares the clock with that of whoever makes the certificates: with them it must agree.
func (d machineDoctor) lookClock(ctx context.Context, m *observe.Machine) {
	directory := d.cfg.ACMEDirectory()
	if directory == "" || d.cfg.ACMERoots != "" {
		return
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodHead, directory, nil)
	if err != nil {
		return
	}
	client := http.Client{Transport: &http.Transport{Proxy: http.ProxyFromEnvironment, DisableKeepAlives: true}}
	response, err := client.Do(request)
	if err != nil {
		return // the certificates' own findings say more
	}
	_ = response.Body.Close() // of a HEAD: empty
	if at, err := http.ParseTime(response.Header.Get("Date")); err == nil {
		m.Clock.Offset, m.Clock.Asked = time.Since(at), request.URL.Hostname()
	}
}

// lookControl tells what only the control plane knows.
func (d machineDoctor) lookControl(ctx context.Context, m *observe.Machine) {
	m.Backups = observe.Backups{Data: d.cfg.DataDir, Key: d.cfg.KeyFile}
	copies := store.Copies(d.cfg.DataDir)
	if len(copies) > 0 {
		m.Backups.Newest = copies[0].At
	}
	c := d.control
	if c == nil {
		m.Alone = true
		return
	}
	status := c.firewall.Status()
	m.Firewall = observe.Firewall{Off: !d.cfg.Firewall, Checked: status.Checked, Err: status.Err, Lacks: status.Lacks}
	last, every := c.conductor.Keeps()
	m.Keeper = observe.Keeper{Last: last, Since: c.began, Every: every}
	kind, _, _ := strings.Cut(c.store.Kind(), " ")
	m.Database = observe.Database{Kind: kind, Err: c.store.Ping(ctx)}
	if len(copies) > 0 {
		m.Database.Copy = copies[0].At
	}
	if damage := c.checked.Load(); m.Database.Err == nil && damage != nil {
		m.Database.Err = *damage
	}
	certs, err := d.Certificates(ctx)
	m.Proxy = err
	for _, cert := range certs {
		m.Certificates = append(m.Certificates, observe.Certificate{Host: cert.Host, Public: true, NotAfter: cert.NotAfter, Trouble: cert.Trouble})
	}
}

// Inside looks into a replica.
func (d machineDoctor) Inside(ctx context.Context, r platform.Replica) (observe.Inside, error) {
	var seen observe.Inside
	var err error
	if seen.Listeners, err = d.engine.Listeners(ctx, r.ID); err != nil {
		return seen, err
	}
	seen.Memory, _, err = d.engine.Stats(ctx, r.ID)
	return seen, err
}

// Probe asks the proxy to try a target.
func (d machineDoctor) Probe(ctx context.Context, p platform.Probe) (platform.ProbeResult, error) {
	return d.control.proxy.Probe(ctx, p)
}

// Certificates asks the proxy how the public ones do.
func (d machineDoctor) Certificates(ctx context.Context) ([]platform.CertificateStatus, error) {
	status, err := d.control.proxy.Status(ctx)
	return status.Certificates, err
}

// answerDoctor answers root on this machine.
func (c *control) answerDoctor(w http.ResponseWriter, r *http.Request) {
	findings, err := c.apps.ExamineServer(r.Context(), platform.System())
	answer := doctorAnswer{Findings: findings}
	if err != nil {
		answer.Error = platform.AsError(err)
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(answer) // the client has gone when this fails
}

type doctorAnswer struct {
	Findings []observe.Finding `json:"findings"`
	Error    *platform.Error   `json:"error,omitempty"`
}

// doctorWait is longer than a check-up takes.
const doctorWait = 30 * time.Second

// examineHere is `lugsail doctor` for root on a server: the control plane is asked, and without it
// the machine is looked at all the same. here is false elsewhere.
func examineHere(ctx context.Context) (findings json.RawMessage, here bool, err error) {
	found, here, err := examineAsRoot(ctx)
	if err != nil || !here {
		return nil, here, err
	}
	findings, err = json.Marshal(map[string]any{"level": observe.Worst(found), "findings": found})
	return findings, true, err
}

func examineAsRoot(ctx context.Context) (findings []observe.Finding, here bool, err error) {
	cfg, err := settings{}.load()
	if err != nil || cfg.Instance == "" || os.Getuid() != 0 {
		return nil, false, nil //nolint:nilerr // not a server, or not its root
	}
	findings, err = examineOn(ctx, cfg)
	return findings, true, err
}

func examineOn(ctx context.Context, cfg config.Config) ([]observe.Finding, error) {
	ctx, cancel := context.WithTimeout(ctx, doctorWait)
	defer cancel()
	response, err := postAdmin(ctx, cfg, "doctor")
	if err != nil {
		return examineAlone(ctx, cfg, platform.AsError(err))
	}
	defer func() { _ = response.Body.Close() }() // it is read to its end
	var answer doctorAnswer
	if err := json.NewDecoder(response.Body).Decode(&answer); err != nil {
		return nil, fmt.Errorf("reading the answer: %w", err)
	}
	if answer.Error != nil {
		return nil, answer.Error
	}
	return answer.Findings, nil
}

// examineAlone looks at a machine whose control plane does not answer.
func examineAlone(ctx context.Context, cfg config.Config, why *platform.Error) ([]observe.Finding, error) {
	engine, err := docker.New(docker.Config{Host: cfg.DockerHost, Instance: cfg.Instance, Pool: cfg.AppPool.String()})
	if err != nil {
		return nil, err
	}
	defer func() { _ = engine.Close() }() // nothing was written
	m := machineDoctor{cfg: cfg, engine: engine}.Machine(context.WithoutCancel(ctx))
	control := observe.Finding{
		Check: "control", Level: observe.LevelBad, Text: "The control plane does not answer. Apps that run go on serving.",
		Hint: "Start it: lugsail service start   Why it stopped: lugsail service logs serve",
	}
	if why.Code == "safe_mode" {
		control.Text, control.Hint = why.Message, why.Hint
	}
	return append([]observe.Finding{control}, observe.Examine(m)...), nil
}
