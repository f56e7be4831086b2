package main

import (
	"context"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/lugsail/lugsail/internal/config"
	"github.com/lugsail/lugsail/internal/host"
	"github.com/lugsail/lugsail/platform"
	"github.com/lugsail/lugsail/platform/observe"
)

func TestDoctor_OneFileSystemIsToldOnce(t *testing.T) {
	dir := t.TempDir()
	sub := filepath.Join(dir, "sub")
	if err := os.Mkdir(sub, 0o700); err != nil {
		t.Fatal(err)
	}
	both := disksOf(dir, sub)
	if len(both) != 1 || both[0].Holds != "Lugsail's data, images and containers" || both[0].Total == 0 {
		t.Errorf("got %+v", both)
	}
	if one := disksOf(dir, ""); len(one) != 1 || one[0].Err != nil {
		t.Errorf("got %+v", one)
	}
	if gone := disksOf(filepath.Join(dir, "none"), sub); len(gone) != 2 || gone[0].Err == nil || gone[1].Err != nil {
		t.Errorf("got %+v", gone)
	}
}

// F14, F37: without control plane and engine a check-up still tells what root can see, such as who
// has taken the port.
func TestDoctor_SeesTheMachineThoughNothingAnswers(t *testing.T) {
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	_, port, err := net.SplitHostPort(listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	cfg, err := config.Load(config.Sources{File: filepath.Join(dir, "config.yaml"), Flags: map[string]string{
		"data-dir": dir, "key-file": "/etc/none.key", "docker-host": "unix://" + filepath.Join(dir, "none.sock"), "instance": "ltest1", "public-ip": "127.0.0.1",
		"https-port": port, "http-port": "1", "ssh-port": "off",
	}})
	if err != nil {
		t.Fatal(err)
	}
	found, err := examineAlone(context.Background(), cfg, platform.Errorf(platform.Unavailable, "not_running", "Lugsail does not answer."))
	if err != nil {
		t.Fatal(err)
	}
	byCheck := map[string]observe.Finding{}
	for _, f := range found {
		byCheck[f.Check] = f
	}
	for check, level := range map[string]observe.Level{
		"control": observe.LevelBad, "engine": observe.LevelBad, "port.1": observe.LevelBad, "reach": observe.LevelBad, "port." + port: observe.LevelOK,
	} {
		if byCheck[check].Level != level {
			t.Errorf("%s: %+v", check, byCheck[check])
		}
	}
	if _, there := byCheck["disk"]; !there || byCheck["firewall"].Check != "" {
		t.Errorf("got %+v", found)
	}
}

func TestDoctor_KnowsItsOwnProcesses(t *testing.T) {
	if !ours(host.Holder{PID: os.Getpid()}, false) || ours(host.Holder{PID: 1}, false) || !ours(host.Holder{PID: 1}, true) || ours(host.Holder{}, true) {
		t.Errorf("process %s is not told from others", strconv.Itoa(os.Getpid()))
	}
}
