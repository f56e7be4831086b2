package platform

import (
	"strconv"
	"strings"
	"time"
)

// Replica is one running copy of a process type, as the engine reports it.
type Replica struct {
	ID          string // the engine's id of the container
	AppID       string
	App         string // the name at the time of its start
	Release     int
	Deployment  string // id of the deployment that started it
	Process     string // process type
	Index       int    // 1, 2 … among the replicas of its type and release
	State       ReplicaState
	Kept        bool   // the engine starts it again by itself
	Address     string // IP address on the app's network; "" when not running
	Port        int    // the port it really listens on; 0 until known
	Wanted      int    // what PORT says in it; 0 means 8080
	ExitCode    int
	OutOfMemory bool
	Restarts    int
	CreatedAt   time.Time
	StartedAt   time.Time
	EndedAt     time.Time
}

// ReplicaState is where a replica is.
type ReplicaState string

// The states of a replica.
const (
	ReplicaCreated    ReplicaState = "created"
	ReplicaRunning    ReplicaState = "running"
	ReplicaRestarting ReplicaState = "restarting"
	ReplicaExited     ReplicaState = "exited"
	ReplicaPaused     ReplicaState = "paused"
)

// ReplicaSpec is everything that the engine needs to start one replica.
type ReplicaSpec struct {
	AppID      string
	App        string
	Release    int
	Deployment string
	Process    string
	Index      int
	Image      string // pulled by digest already
	Entrypoint []string
	Args       []string
	Env        map[string]string // config vars, PORT and LUGSAIL_*
	Port       int               // what PORT says; recorded in the labels
	Plan       Plan
	Mounts     []Mount
}

// Listener is a TCP socket that a replica has open for connections.
type Listener struct {
	IP       string // "0.0.0.0", "::", "127.0.0.1" …
	Port     int
	Loopback bool // reachable from inside the replica only
}

// ReplicaChange says that a replica began or ended.
type ReplicaChange struct {
	ReplicaID string
	AppID     string
	Action    string // "start", "die", "oom", "destroy"; "resync" after a lost connection: look at everything
	ExitCode  int
}

// LogLine is one line that a replica wrote.
type LogLine struct {
	At      time.Time `json:"at"`
	Replica string    `json:"replica"` // "web.1"
	Release int       `json:"release"`
	Stream  string    `json:"stream"` // "stdout" or "stderr"
	Text    string    `json:"text"`
}

// keptMark begins the lines in an app's own log that a replica wrote which is gone; no line of Lugsail's does.
const (
	keptMark = "\x1e"
	keptCut  = "\x1f"
)

// KeptLine is a replica's line as an app's own log has it, with who wrote it and when.
func KeptLine(l LogLine) string {
	at := strconv.FormatInt(l.At.UnixNano(), 36) // not as a date: that may be the value of a config var, which is hidden
	text := strings.NewReplacer("\n", " ", "\r", " ").Replace(strings.ToValidUTF8(l.Text, "\uFFFD"))
	return strings.Join([]string{keptMark, l.Replica, strconv.Itoa(l.Release), l.Stream, at, text}, keptCut)
}

// ParseKeptLine reads what KeptLine gave; ok is false for lines of Lugsail's own.
func ParseKeptLine(text string) (l LogLine, ok bool) {
	parts := strings.SplitN(text, keptCut, 6)
	if len(parts) < 6 || parts[0] != keptMark {
		return LogLine{}, false
	}
	release, _ := strconv.Atoi(parts[2]) // 0 is none
	at, err := strconv.ParseInt(parts[4], 36, 64)
	return LogLine{At: time.Unix(0, at).UTC(), Replica: parts[1], Release: release, Stream: parts[3], Text: parts[5]}, err == nil
}

// Sample is what one replica uses at a moment.
type Sample struct {
	ReplicaID string
	AppID     string
	CreatedAt time.Time
	CPU       time.Duration // processor time since its start, of all its processes; begins anew when it is started again
	Memory    int64         // bytes, without file cache that could be dropped
	Limit     int64         // bytes of memory that it may use; 0: no limit
}
