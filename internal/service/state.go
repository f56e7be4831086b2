package service

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/lugsail/lugsail/internal/atomicfile"
)

// State is what the supervisor tells about itself, in a file that others read.
type State struct {
	Supervisor Process         `json:"supervisor"`
	Generation int             `json:"generation"` // grows by one with each restart
	Settled    bool            `json:"settled"`    // every part of this generation was started
	Parts      map[string]Part `json:"parts"`
	Addrs      []string        `json:"addrs"` // that it listens on
}

// Part is one supervised process.
type Part struct {
	Process
	Since    time.Time `json:"since"`
	Restarts int       `json:"restarts"` // because it died, not because somebody asked
}

// Process names one process for ever: ids are used again, the pair is not.
type Process struct {
	PID     int    `json:"pid"`
	Started uint64 `json:"started"` // clock ticks between boot and its start
}

// Alive reports whether that very process still runs.
func (p Process) Alive() bool {
	started, zombie, err := statOf(p.PID)
	return err == nil && !zombie && p.Started == started
}

func processOf(pid int) Process {
	started, _, err := statOf(pid)
	if err != nil {
		return Process{}
	}
	return Process{PID: pid, Started: started}
}

// statOf reads fields 3, 20 and 22 of /proc/PID/stat: state, threads, start. The second
// field is the program's name in parentheses and may hold anything, so the fields count
// from the last parenthesis. While another thread than the first one calls exec, the first
// is a zombie for a moment; the process is not, as its other threads show.
func statOf(pid int) (started uint64, zombie bool, err error) {
	if pid <= 0 {
		return 0, false, fs.ErrNotExist
	}
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, false, err
	}
	text := string(data)
	fields := strings.Fields(text[strings.LastIndexByte(text, ')')+1:])
	if len(fields) < 20 {
		return 0, false, fmt.Errorf("unknown form of /proc/%d/stat", pid)
	}
	started, err = strconv.ParseUint(fields[19], 10, 64)
	return started, fields[0] == "Z" && fields[17] == "1", err
}

// ReadState gives the last written state; the zero State when there is none.
func ReadState(c Config) (State, error) {
	data, err := os.ReadFile(c.stateFile())
	if errors.Is(err, fs.ErrNotExist) {
		return State{}, nil
	}
	if err != nil {
		return State{}, fmt.Errorf("reading the service's state: %w", err)
	}
	var s State
	if err := json.Unmarshal(data, &s); err != nil {
		return State{}, nil //nolint:nilerr // a damaged file says as much as none
	}
	return s, nil
}

func (s State) write(c Config) error {
	data, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		return fmt.Errorf("writing the service's state: %w", err)
	}
	return atomicfile.Write(c.stateFile(), append(data, '\n'), 0o644)
}
