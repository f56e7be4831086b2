package e2e

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// finding is what one check has found.
type finding struct{ Check, Level, Text, Hint string }

// doctor checks the server up as its root, or an app.
func (s *server) doctor(t *testing.T, args ...string) (byCheck map[string]finding, code int) {
	t.Helper()
	got := s.run(t, s.home(), s.binary(), append(append([]string{"doctor"}, args...), "--json")...)
	var answer struct{ Findings []finding }
	if err := json.NewDecoder(strings.NewReader(got.out)).Decode(&answer); err != nil {
		t.Fatalf("lugsail doctor: %v in\n%s", err, got.out)
	}
	byCheck = map[string]finding{}
	for _, f := range answer.Findings {
		byCheck[f.Check] = f
		if f.Level != "ok" && f.Hint == "" {
			t.Errorf("nobody says what to do: %+v", f)
		}
	}
	t.Logf("lugsail doctor %s in %.1f s: %+v", strings.Join(args, " "), got.took.Seconds(), answer.Findings)
	return byCheck, got.code
}

func (n *network) testDoctor(t *testing.T) {
	s := n.server
	found, _ := s.doctor(t)
	for _, check := range []string{"engine", "port.18080", "port.18443", "reach", "firewall", "database", "keeper", "cgroups", "memory"} {
		if found[check].Check == "" || check != "memory" && found[check].Level != "ok" {
			t.Errorf("%s: %+v", check, found[check])
		}
	}
	if found["backups"].Level != "ok" || !strings.Contains(found["backups"].Text, "master.key") {
		t.Errorf("nobody is told of backups: %+v", found["backups"])
	}
	found, code := s.doctor(t, "dialer")
	for _, check := range []string{"deployment", "replicas", "port", "health", "memory"} {
		if found[check].Level != "ok" {
			t.Errorf("%s: %+v", check, found[check])
		}
	}
	if code != 0 {
		t.Errorf("exit code %d of an app that is well", code)
	}
	s.lugsail(t, "service", "stop")
	found, code = s.doctor(t)
	if found["control"].Level != "bad" || found["engine"].Level != "ok" || found["port.18080"].Level != "bad" || code != 1 {
		t.Errorf("without a control plane: %d %+v", code, found)
	}
	s.lugsail(t, "service", "start")
	s.answers(t)
}

// testDoctorHung stops dockerd in its tracks: every call to it hangs.
func (n *network) testDoctorHung(t *testing.T) {
	s := n.server
	text, err := os.ReadFile(filepath.Join(filepath.Dir(s.engine), "docker.pid"))
	check(t, err)
	pid, err := strconv.Atoi(strings.TrimSpace(string(text)))
	check(t, err)
	check(t, syscall.Kill(pid, syscall.SIGSTOP))
	began := time.Now()
	found, code := s.doctor(t)
	app, appCode := s.doctor(t, "dialer")
	check(t, syscall.Kill(pid, syscall.SIGCONT))
	if found["engine"].Level != "bad" || !strings.Contains(found["engine"].Text, "not answering") || code != 1 {
		t.Errorf("%d %+v", code, found)
	}
	if app["replicas"].Level != "bad" || appCode != 1 {
		t.Errorf("%d %+v", appCode, app)
	}
	if took := time.Since(began); took > 2*time.Minute {
		t.Errorf("the check-ups took %s", took)
	}
	n.server.wantPage(t, "dialer", "/", "Dialer")
}
