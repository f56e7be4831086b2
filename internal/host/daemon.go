package host

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"time"

	"golang.org/x/sys/unix"

	"github.com/lugsail/lugsail/internal/atomicfile"
	"github.com/lugsail/lugsail/platform"
)

// DaemonFile is where the Docker Engine reads its settings.
const DaemonFile = "/etc/docker/daemon.json"

// Engine is what the running engine says of itself.
type Engine struct {
	Answers     bool
	Containers  int // that run
	LiveRestore bool
	Swarm       bool
	Version     string
	Root        string // where images and containers lie
}

// EngineSocket is where an engine listens whose settings lie in DaemonFile.
const EngineSocket = "/var/run/docker.sock"

// EngineRoot is where the engine behind a unix socket keeps images and containers; where it does not
// answer, what its settings say. It is asked before there is room for anything. "" is not known.
func EngineRoot(ctx context.Context, socket string) string {
	if engine, err := AskEngine(ctx, socket); err == nil && engine.Root != "" {
		return engine.Root
	}
	if socket != EngineSocket {
		return ""
	}
	return RootSet(DaemonFile)
}

// RootSet is where a file of the engine's settings puts them.
func RootSet(daemonFile string) string {
	var settings struct {
		Root string `json:"data-root"`
	}
	text, err := os.ReadFile(daemonFile)
	if err != nil || json.Unmarshal(text, &settings) != nil || settings.Root == "" {
		return "/var/lib/docker"
	}
	return settings.Root
}

// AskEngine asks the engine behind a unix socket. One that does not answer is no error.
func AskEngine(ctx context.Context, socket string) (Engine, error) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	transport := &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", socket)
	}}
	defer transport.CloseIdleConnections()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://docker/info", nil)
	if err != nil {
		return Engine{}, err
	}
	res, err := transport.RoundTrip(req)
	if err != nil {
		return Engine{}, nil // and that is the answer
	}
	defer func() { _ = res.Body.Close() }() // nothing was written
	var info struct {
		ContainersRunning  int
		LiveRestoreEnabled bool
		ServerVersion      string
		DockerRootDir      string
		Swarm              struct{ LocalNodeState string }
	}
	if err := json.NewDecoder(io.LimitReader(res.Body, 4<<20)).Decode(&info); err != nil {
		return Engine{}, fmt.Errorf("reading what the Docker Engine says: %w", err)
	}
	return Engine{
		Answers: res.StatusCode == http.StatusOK, Containers: info.ContainersRunning, LiveRestore: info.LiveRestoreEnabled,
		Swarm: info.Swarm.LocalNodeState != "" && info.Swarm.LocalNodeState != "inactive", Version: info.ServerVersion, Root: info.DockerRootDir,
	}, nil
}

// Defaults are the settings that Lugsail wants. Where containers of others run, only
// those that change nothing for them. live-restore and Swarm exclude each other: with
// both, the engine does not start.
func Defaults(e Engine) map[string]any {
	d := map[string]any{
		"log-driver": "local",
		"log-opts":   map[string]any{"max-size": "10m", "max-file": "3"},
	}
	if !e.Swarm {
		d["live-restore"] = true
	}
	if e.Containers == 0 {
		d["userland-proxy"] = false
		d["icc"] = false
		d["no-new-privileges"] = true
		if openFiles() >= maxOpenFiles {
			d["default-ulimits"] = map[string]any{"nofile": map[string]any{"Name": "nofile", "Soft": maxOpenFiles, "Hard": maxOpenFiles}}
		}
	}
	return d
}

// maxOpenFiles is what a container may have open.
const maxOpenFiles = 65536

// openFiles is this machine's own limit: a container that asks for more does not start where
// the engine may not raise it.
func openFiles() uint64 {
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		return 0
	}
	return limit.Max
}

// Merge is what MergeDaemon did to the engine's file.
type Merge struct {
	Added  []string // names of settings
	file   string
	before []byte // nil when there was no file
	mode   os.FileMode
}

// Undo puts the file back as it was: an engine that is told the same thing by a flag and by
// the file, for example, does not start.
func (m Merge) Undo() error {
	if m.before == nil {
		if err := os.Remove(m.file); err != nil {
			return fmt.Errorf("taking %s back: %w", m.file, err)
		}
		return nil
	}
	return atomicfile.Write(m.file, m.before, m.mode)
}

// MergeDaemon adds missing settings to the engine's file and keeps a copy of the file as it was.
func MergeDaemon(file string, defaults map[string]any) (Merge, error) {
	m := Merge{file: file, mode: 0o644}
	var err error
	if m.before, err = os.ReadFile(file); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return m, fmt.Errorf("reading %s: %w", file, err)
	}
	if info, err := os.Stat(file); err == nil {
		m.mode = info.Mode().Perm() // it may hold the password of a proxy
	}
	after, added, err := merge(m.before, defaults)
	if err != nil {
		return m, platform.Errorf(platform.Invalid, "daemon_json", "%s is not valid JSON.", file).
			WithHint("Correct it; the Docker Engine would not start with it either.").Because(err)
	}
	if len(added) == 0 {
		return m, nil
	}
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return m, fmt.Errorf("making %s: %w", filepath.Dir(file), err)
	}
	if len(m.before) > 0 {
		if err := m.keepCopy(); err != nil {
			return m, err
		}
	}
	m.Added = added
	return m, atomicfile.Write(file, after, m.mode)
}

// keepCopy keeps the file as it was before Lugsail first touched it; a later change does not replace that copy.
func (m Merge) keepCopy() error {
	kept := m.file + ".before-lugsail"
	if _, err := os.Stat(kept); err == nil {
		return nil
	}
	return atomicfile.Write(kept, m.before, m.mode)
}

func merge(before []byte, defaults map[string]any) (after []byte, added []string, err error) {
	have := map[string]json.RawMessage{}
	if len(bytes.TrimSpace(before)) > 0 {
		if err := json.Unmarshal(before, &have); err != nil {
			return nil, nil, err
		}
	}
	_, ownDriver := have["log-driver"]
	for _, name := range []string{"live-restore", "userland-proxy", "icc", "no-new-privileges", "default-ulimits", "log-driver", "log-opts"} {
		value, wanted := defaults[name]
		_, there := have[name]
		if !wanted || there || (name == "log-opts" && ownDriver) {
			continue // log options belong to the driver that the owner chose
		}
		if have[name], err = json.Marshal(value); err != nil {
			return nil, nil, err
		}
		added = append(added, name)
	}
	if _, opts := have["log-opts"]; opts && !ownDriver && !slices.Contains(added, "log-opts") {
		delete(have, "log-driver") // the owner's options are for the default driver
		added = slices.DeleteFunc(added, func(s string) bool { return s == "log-driver" })
	}
	if after, err = json.MarshalIndent(have, "", "  "); err != nil {
		return nil, nil, err
	}
	return append(after, '\n'), added, nil
}

// Restart says what to do so that new settings of the engine count.
type Restart string

// What can be done about changed settings.
const (
	RestartNone   Restart = "none"   // the engine does not run: it reads them when it starts
	RestartNow    Restart = "now"    // no container stops by it
	RestartReload Restart = "reload" // containers would stop: live-restore now, the rest at the next restart
)

// HowToRestart chooses what stops no container.
func HowToRestart(e Engine) Restart {
	switch {
	case !e.Answers:
		return RestartNone
	case e.Containers == 0 || e.LiveRestore:
		return RestartNow
	}
	return RestartReload
}
