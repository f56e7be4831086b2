package host

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/lugsail/lugsail/platform"
)

func decode(t *testing.T, file string) map[string]any {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]any{}
	if err := json.Unmarshal(data, &out); err != nil {
		t.Fatal(err)
	}
	return out
}

func TestMergeDaemon_AddsWhatIsMissingAndKeepsTheOwners(t *testing.T) {
	file := filepath.Join(t.TempDir(), "docker", "daemon.json")
	m, err := MergeDaemon(file, Defaults(Engine{}))
	if err != nil || !slices.Contains(m.Added, "live-restore") {
		t.Fatalf("added %v, %v", m.Added, err)
	}
	if again, err := MergeDaemon(file, Defaults(Engine{})); err != nil || len(again.Added) != 0 {
		t.Fatalf("a second time: %v, %v", again, err)
	}
	owners := `{"icc": true, "dns": ["192.0.2.53"], "log-driver": "journald", "live-restore": false}`
	if err := errors.Join(os.WriteFile(file, []byte(owners), 0o600), os.Chmod(file, 0o600)); err != nil {
		t.Fatal(err)
	}
	m, err = MergeDaemon(file, Defaults(Engine{}))
	if err != nil || slices.Contains(m.Added, "log-opts") {
		t.Fatalf("added %v, %v", m.Added, err)
	}
	for _, path := range []string{file, file + ".before-lugsail"} {
		if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v", path, info.Mode(), err)
		}
	}
	got := decode(t, file)
	if got["icc"] != true || got["log-driver"] != "journald" || got["live-restore"] != false || got["userland-proxy"] != false {
		t.Errorf("got %v", got)
	}
	kept, err := os.ReadFile(file + ".before-lugsail")
	if err != nil || string(kept) != owners {
		t.Errorf("kept %s, %v", kept, err)
	}
}

func TestMergeDaemon_CanBeTakenBack(t *testing.T) {
	file := filepath.Join(t.TempDir(), "daemon.json")
	m, err := MergeDaemon(file, Defaults(Engine{}))
	if err != nil {
		t.Fatal(err)
	}
	if err := m.Undo(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(file); !errors.Is(err, os.ErrNotExist) {
		t.Error("a file that was not there stays:", err)
	}
	const owners = `{"icc": true}`
	if err := os.WriteFile(file, []byte(owners), 0o600); err != nil {
		t.Fatal(err)
	}
	if m, err = MergeDaemon(file, Defaults(Engine{})); err != nil || len(m.Added) == 0 {
		t.Fatal(m.Added, err)
	}
	if err := m.Undo(); err != nil {
		t.Fatal(err)
	}
	if data, err := os.ReadFile(file); err != nil || string(data) != owners {
		t.Errorf("now it is %s, %v", data, err)
	}
}

func TestMergeDaemon_OwnLogOptionsKeepTheirDriver(t *testing.T) {
	after, added, err := merge([]byte(`{"log-opts": {"labels": "x"}}`), Defaults(Engine{}))
	if err != nil || slices.Contains(added, "log-driver") || strings.Contains(string(after), "log-driver") {
		t.Fatalf("added %v: %s, %v", added, after, err)
	}
}

func TestMergeDaemon_DamagedFileIsLeftAlone(t *testing.T) {
	file := filepath.Join(t.TempDir(), "daemon.json")
	if err := os.WriteFile(file, []byte(`{"icc":`), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := MergeDaemon(file, Defaults(Engine{}))
	var e *platform.Error
	if !errors.As(err, &e) || e.Hint == "" {
		t.Fatalf("got %v", err)
	}
	if data, err := os.ReadFile(file); err != nil || string(data) != `{"icc":` {
		t.Errorf("now it is %s, %v", data, err)
	}
}

func TestF15_NothingThatStopsTheEngineOrChangesOthersContainers(t *testing.T) {
	if _, there := Defaults(Engine{Swarm: true})["live-restore"]; there {
		t.Error("live-restore beside Swarm: the engine would not start")
	}
	d := Defaults(Engine{Containers: 3})
	for _, name := range []string{"icc", "no-new-privileges", "userland-proxy", "default-ulimits"} {
		if _, there := d[name]; there {
			t.Errorf("%s would change containers of others", name)
		}
	}
}

func TestHowToRestart(t *testing.T) {
	cases := []struct {
		engine Engine
		want   Restart
	}{
		{Engine{}, RestartNone},
		{Engine{Answers: true}, RestartNow},
		{Engine{Answers: true, Containers: 2}, RestartReload},
		{Engine{Answers: true, Containers: 2, LiveRestore: true}, RestartNow},
	}
	for _, tc := range cases {
		if got := HowToRestart(tc.engine); got != tc.want {
			t.Errorf("%+v: %s, want %s", tc.engine, got, tc.want)
		}
	}
}

func TestAskEngine(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "docker.sock")
	if e, err := AskEngine(t.Context(), socket); err != nil || e.Answers {
		t.Fatalf("nobody: %+v, %v", e, err)
	}
	l, err := new(net.ListenConfig).Listen(t.Context(), "unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = fmt.Fprint(w, `{"ContainersRunning": 4, "LiveRestoreEnabled": true, "ServerVersion": "26.1", "Swarm": {"LocalNodeState": "active"}}`)
	})}
	done := make(chan error, 1)
	go func() { done <- server.Serve(l) }()
	t.Cleanup(func() { _ = server.Close(); <-done })
	e, err := AskEngine(t.Context(), socket)
	want := Engine{Answers: true, Containers: 4, LiveRestore: true, Swarm: true, Version: "26.1"}
	if err != nil || e != want {
		t.Fatalf("got %+v, %v", e, err)
	}
}

func TestF37_TakenPortNamesItsHolder(t *testing.T) {
	l, err := new(net.ListenConfig).Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	port := l.Addr().(*net.TCPAddr).Port
	found := Check{DataDir: t.TempDir(), Ports: []int{port}}.Run()
	i := slices.IndexFunc(found, func(err error) bool { return platform.AsError(err).Code == "host_port" })
	if i < 0 {
		t.Fatalf("found %v", found)
	}
	if e := platform.AsError(found[i]); !strings.Contains(e.Message, fmt.Sprintf("process %d", os.Getpid())) || e.Hint == "" {
		t.Errorf("%q", e.Message)
	}
	own := Check{DataDir: t.TempDir(), Ports: []int{port}, Own: func(pid int) bool { return pid == os.Getpid() }}.Run()
	if slices.ContainsFunc(own, func(err error) bool { return platform.AsError(err).Code == "host_port" }) {
		t.Errorf("Lugsail's own process stands in its way: %v", own)
	}
}

// A81: modes are enforced and repaired, with a notice.
func TestA81_ModesAreRepaired(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	if err := os.Mkdir(dir, 0o777); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(dir, 0o777); err != nil {
		t.Fatal(err)
	}
	repaired, err := MakeDirectories([]Directory{{Path: dir, Mode: 0o711}, {Path: filepath.Join(dir, "log"), Mode: 0o750}})
	if err != nil || !reflect.DeepEqual(repaired, []string{dir}) {
		t.Fatalf("repaired %v, %v", repaired, err)
	}
	key := filepath.Join(dir, "key")
	if err := os.WriteFile(key, []byte("secret"), 0o644); err != nil {
		t.Fatal(err)
	}
	if fixed, err := Closed(key); err != nil || !fixed {
		t.Fatalf("fixed %v, %v", fixed, err)
	}
	if info, err := os.Stat(key); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	if fixed, err := Closed(filepath.Join(dir, "none")); err != nil || fixed {
		t.Errorf("a missing file: %v, %v", fixed, err)
	}
}

func TestCheck_TellsOfADirectoryThatTheProxyCannotPass(t *testing.T) {
	dir := t.TempDir()
	closed := filepath.Join(dir, "closed")
	if err := os.Mkdir(closed, 0o700); err != nil {
		t.Fatal(err)
	}
	err := Check{DataDir: filepath.Join(closed, "data")}.way()
	if !platform.IsKind(err, platform.Invalid) || !strings.Contains(platform.AsError(err).Hint, "chmod o+x "+closed) {
		t.Errorf("got %v", err)
	}
}

// --purge removes a whole directory, and modes are repaired: neither may ever hit one of others.
func TestMakeDirectories_LeavesAloneWhatIsNotOurs(t *testing.T) {
	dir := t.TempDir()
	shared, taken, logs, fresh := filepath.Join(dir, "shared"), filepath.Join(dir, "taken"), filepath.Join(dir, "logs"), filepath.Join(dir, "deep", "fresh")
	for _, d := range []string{shared, taken, logs} {
		if err := os.Mkdir(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Chmod(shared, 0o777|os.ModeSticky); err != nil {
		t.Fatal(err)
	}
	for _, f := range []string{filepath.Join(taken, "photos.tar"), filepath.Join(logs, "install.log")} {
		if err := os.WriteFile(f, nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := MakeDirectories([]Directory{{Path: shared, Mode: 0o755, Shared: true}}); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(shared); err != nil || info.Mode() != os.ModeDir|os.ModeSticky|0o777 {
		t.Errorf("a shared directory has the mode %v now, %v", info.Mode(), err)
	}
	refused := Directory{Path: taken, Mode: 0o711, Option: "--data-dir"}
	_, err := MakeDirectories([]Directory{refused})
	if !platform.IsKind(err, platform.Conflict) || !strings.Contains(platform.AsError(err).Hint, "--data-dir "+taken+"/lugsail") {
		t.Errorf("got %v", err)
	}
	if found := (Check{DataDir: dir, Dirs: []Directory{refused}}).Run(); !slices.ContainsFunc(found, func(err error) bool { return platform.AsError(err).Code == "host_directory_taken" }) {
		t.Errorf("the check found %v", found)
	}
	ours := []Directory{{Path: logs, Mode: 0o750, Option: "--log-dir", Known: []string{"*.log"}}, {Path: fresh, Mode: 0o711, Option: "--data-dir"}}
	for range 2 {
		if _, err := MakeDirectories(ours); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(fresh, "lugsail.db"), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if info, err := os.Stat(filepath.Dir(fresh)); err != nil || info.Mode().Perm() != 0o755 {
		t.Errorf("the way to it has the mode %v, %v", info.Mode(), err)
	}
	for path, want := range map[string]bool{logs: true, fresh: true, taken: false, shared: false, filepath.Join(dir, "none"): false} {
		removed, err := RemoveMarked(path)
		if err != nil || removed != want {
			t.Errorf("%s removed: %v, %v", path, removed, err)
		}
	}
	if _, err := os.Stat(filepath.Join(taken, "photos.tar")); err != nil {
		t.Error(err)
	}
}

func TestMakeDirectories_OnADiskOfItsOwn(t *testing.T) {
	dir := t.TempDir()
	disk, link := filepath.Join(dir, "disk"), filepath.Join(dir, "link")
	if err := errors.Join(os.MkdirAll(filepath.Join(disk, "lost+found"), 0o700), os.Symlink(disk, link)); err != nil {
		t.Fatal(err)
	}
	if _, err := MakeDirectories([]Directory{{Path: link, Mode: 0o711, Option: "--data-dir"}}); err != nil {
		t.Fatal(err)
	}
	if removed, err := RemoveMarked(link); err != nil || !removed {
		t.Error(removed, err)
	}
	for _, path := range []string{link, disk} {
		if _, err := os.Lstat(path); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%s is left: %v", path, err)
		}
	}
}
