package gitserver

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"path/filepath"
	"strings"
	"time"
)

// The hooks, by the names under which git runs the binary.
const (
	preReceive  = "pre-receive"
	procReceive = "proc-receive"
)

// Variables that the server gives to receive-pack for its hooks.
const (
	socketVariable = "LUGSAIL_HOOK_SOCKET"
	pushVariable   = "LUGSAIL_HOOK_PUSH"
)

// quarantineVariable names the directory with the objects of an unfinished push.
const quarantineVariable = "GIT_QUARANTINE_PATH"

// update is one ref that a push wants to change. Names are bytes: git allows any encoding.
type update struct {
	Old  string `json:"old"`
	New  string `json:"new"`
	Name []byte `json:"name"`
}

type hookRequest struct {
	Push       string   `json:"push"`
	Hook       string   `json:"hook"`
	Quarantine string   `json:"quarantine,omitempty"` // "" once the objects are in the repository
	Updates    []update `json:"updates"`
}

// hookReply comes many times: lines first, then one that is done.
type hookReply struct {
	Line   string   `json:"line,omitempty"`
	Done   bool     `json:"done,omitempty"`
	OK     bool     `json:"ok,omitempty"`
	Report []string `json:"report,omitempty"` // "" or the reason why not, for each update
}

// HookMain is the binary under the name of a hook; IsHook tells when to call it. It says
// what it is asked to the server, prints what comes back, and returns the exit status.
func HookMain(args, env []string, stdin io.Reader, stdout io.Writer) int {
	request := hookRequest{Hook: filepath.Base(args[0])}
	socket := ""
	for _, v := range env {
		name, value, _ := strings.Cut(v, "=")
		switch name {
		case socketVariable:
			socket = value
		case pushVariable:
			request.Push = value
		case quarantineVariable:
			request.Quarantine = value
		}
	}
	var err error
	if request.Hook == procReceive {
		err = hookProcReceive(socket, request, stdin, stdout)
	} else {
		err = hookPreReceive(socket, request, stdin, stdout)
	}
	if err == nil {
		return 0
	}
	if !errors.Is(err, errRefused) && request.Hook == preReceive {
		_, _ = fmt.Fprintln(stdout, "Lugsail stopped answering. A deployment that it has begun goes on; look at it in the console, or push again in a few seconds.")
	}
	return 1
}

// IsHook reports whether the program was started as a git hook.
func IsHook(args []string) bool {
	if len(args) == 0 {
		return false
	}
	name := filepath.Base(args[0])
	return name == preReceive || name == procReceive
}

var errRefused = errors.New("refused")

func hookPreReceive(socket string, request hookRequest, stdin io.Reader, stdout io.Writer) error {
	lines := bufio.NewScanner(stdin)
	for lines.Scan() {
		u, err := parseUpdate(lines.Bytes())
		if err != nil {
			return err
		}
		request.Updates = append(request.Updates, u)
	}
	if err := lines.Err(); err != nil {
		return fmt.Errorf("reading refs: %w", err)
	}
	reply, err := ask(socket, request, stdout)
	if err != nil {
		return err
	}
	if !reply.OK {
		return errRefused
	}
	return nil
}

// hookProcReceive speaks git's protocol of that hook on its two streams, so nothing can be printed.
func hookProcReceive(socket string, request hookRequest, stdin io.Reader, stdout io.Writer) error {
	if err := greet(stdin, stdout); err != nil {
		return err
	}
	for {
		packet, err := readPacket(stdin)
		if err != nil {
			return err
		}
		if packet == nil {
			break
		}
		u, err := parseUpdate(bytes.TrimSuffix(packet, []byte("\n")))
		if err != nil {
			return err
		}
		request.Updates = append(request.Updates, u)
	}
	reply, err := ask(socket, request, io.Discard)
	if err != nil || len(reply.Report) != len(request.Updates) {
		reply.Report = make([]string, len(request.Updates))
		for i := range reply.Report {
			reply.Report[i] = "Lugsail stopped answering; push again"
		}
	}
	return report(stdout, request.Updates, reply.Report)
}

func greet(stdin io.Reader, stdout io.Writer) error {
	for {
		packet, err := readPacket(stdin)
		if err != nil {
			return err
		}
		if packet == nil {
			break
		}
	}
	var b bytes.Buffer
	writePacket(&b, "version=1\n")
	b.WriteString(flushPacket)
	if _, err := stdout.Write(b.Bytes()); err != nil {
		return fmt.Errorf("answering git: %w", err)
	}
	return nil
}

func report(stdout io.Writer, updates []update, reasons []string) error {
	var b bytes.Buffer
	for i, u := range updates {
		if reasons[i] == "" {
			writePacket(&b, "ok "+string(u.Name)+"\n")
		} else {
			writePacket(&b, "ng "+string(u.Name)+" "+reasons[i]+"\n")
		}
	}
	b.WriteString(flushPacket)
	if _, err := stdout.Write(b.Bytes()); err != nil {
		return fmt.Errorf("answering git: %w", err)
	}
	return nil
}

// parseUpdate reads "OLD NEW REF". Ids that are not full are refused.
func parseUpdate(line []byte) (update, error) {
	parts := bytes.SplitN(line, []byte(" "), 3)
	if len(parts) != 3 {
		return update{}, fmt.Errorf("%q is not an update of a ref", line)
	}
	u := update{Old: string(parts[0]), New: string(parts[1]), Name: bytes.Clone(parts[2])}
	return u, u.check()
}

func (u update) check() error {
	if !hexPattern.MatchString(u.Old) || !hexPattern.MatchString(u.New) || !bytes.HasPrefix(u.Name, []byte("refs/")) {
		return fmt.Errorf("%q is not an update of a ref", u.Name)
	}
	return nil
}

func (u update) deletes() bool { return zero(u.New) }

func zero(id string) bool { return strings.Trim(id, "0") == "" }

// ask sends the request and prints lines until the server is done. The server may be
// starting just now, so the first connection is tried for a while.
func ask(socket string, request hookRequest, stdout io.Writer) (hookReply, error) {
	conn, err := dial(socket, 5*time.Second)
	if err != nil {
		return hookReply{}, err
	}
	defer conn.Close() //nolint:errcheck // everything is read by then
	if err := json.NewEncoder(conn).Encode(request); err != nil {
		return hookReply{}, fmt.Errorf("asking Lugsail: %w", err)
	}
	replies := json.NewDecoder(conn)
	for {
		var reply hookReply
		if err := replies.Decode(&reply); err != nil {
			return hookReply{}, fmt.Errorf("asking Lugsail: %w", err)
		}
		if reply.Done {
			return reply, nil
		}
		if _, err := io.WriteString(stdout, reply.Line+"\n"); err != nil {
			return hookReply{}, fmt.Errorf("printing: %w", err)
		}
	}
}

func dial(socket string, patience time.Duration) (net.Conn, error) {
	deadline := time.Now().Add(patience)
	for {
		conn, err := net.DialTimeout("unix", socket, time.Second) //nolint:noctx // a hook ends by its own patience
		if err == nil {
			return conn, nil
		}
		if time.Now().After(deadline) {
			return nil, fmt.Errorf("reaching Lugsail: %w", err)
		}
		time.Sleep(50 * time.Millisecond)
	}
}
