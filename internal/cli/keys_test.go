package cli

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const (
	publicKey  = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIATYpVTpcdSZLWba+6/sUqaYYdc+Qkxm72J90Zs0Sbbo"
	keysAnswer = `{"keys": [
		{"id": "k1", "name": "laptop", "kind": "ED25519", "fingerprint": "SHA256:one"},
		{"id": "k2", "name": "work", "kind": "RSA", "fingerprint": "SHA256:two", "last_used_at": "2026-01-02T03:04:05Z"},
		{"id": "k3", "name": "work", "kind": "RSA", "fingerprint": "SHA256:three"}]}`
	sshServer = `{"hosts": [], "ssh": {"port": 2222, "fingerprint": "SHA256:server"}}`
)

func keysWorld(t *testing.T) *world {
	w := newWorld(t)
	w.signedIn()
	w.says("GET /api/v1/keys", 200, keysAnswer)
	w.says("GET /api/v1/server", 200, sshServer)
	w.says("POST /api/v1/keys", 201, `{"key": {"id": "k4", "name": "ada@laptop", "kind": "ED25519", "fingerprint": "SHA256:four"}}`)
	w.says("DELETE /api/v1/keys/{id}", 204, "")
	return w
}

func TestKeys_ListTellsTheServersFingerprint(t *testing.T) {
	w := keysWorld(t)
	for _, words := range [][]string{{"keys"}, {"keys", "list"}} {
		code, out, errs := w.run(words...)
		if code != ExitOK || !strings.Contains(out, "laptop") || !strings.Contains(out, "SHA256:two") || !strings.Contains(errs, "SHA256:server") {
			t.Errorf("%v: %d\n%s%s", words, code, out, errs)
		}
	}
}

func TestKeys_AddTakesTheUsualFileAnyFileAndStandardInput(t *testing.T) {
	w := keysWorld(t)
	if code, _, errs := w.run("keys", "add"); code != ExitNotFound || !strings.Contains(errs, "ssh-keygen -t ed25519") {
		t.Errorf("without a key: %d %s", code, errs)
	}
	dir := filepath.Join(w.home, ".ssh")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"id_rsa.pub", "id_ed25519.pub", "other.pub"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(publicKey+" "+name+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct {
		words []string
		stdin string
		sends string
	}{
		{[]string{"keys", "add"}, "", publicKey + " id_ed25519.pub"},
		{[]string{"keys", "add", filepath.Join(dir, "other.pub"), "--name", "mine"}, "", `other.pub\n","name":"mine"`},
		{[]string{"keys", "add", "-"}, publicKey + " piped", publicKey + " piped"},
		{[]string{"keys", "add"}, publicKey + " piped", publicKey + " piped"},
	} {
		w.stdin, w.asked = c.stdin, nil
		code, out, errs := w.run(c.words...)
		if code != ExitOK || !strings.Contains(out, "Added ada@laptop") || !strings.Contains(errs, "SHA256:server") {
			t.Fatalf("%v: %d %s%s", c.words, code, out, errs)
		}
		if sent := strings.Join(w.asked, "\n"); !strings.Contains(sent, c.sends) {
			t.Errorf("%v sends %s, want %s", c.words, sent, c.sends)
		}
	}
}

func TestKeys_APrivateKeyNeverLeavesTheComputer(t *testing.T) {
	w := keysWorld(t)
	file := filepath.Join(w.home, "id_ed25519")
	if err := os.WriteFile(file, []byte("-----BEGIN OPENSSH PRIVATE KEY-----\nLGS-CANARY\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	code, out, errs := w.run("keys", "add", file)
	if code == ExitOK || !strings.Contains(errs, "private key") || !strings.Contains(errs, "new one") || len(w.asked) != 0 {
		t.Errorf("%d %s%s, asked %v", code, out, errs, w.asked)
	}
	if strings.Contains(out+errs, "CANARY") {
		t.Error("it is shown")
	}
}

func TestKeys_RemoveFindsByIDNameAndFingerprint(t *testing.T) {
	w := keysWorld(t)
	for said, id := range map[string]string{"laptop": "k1", "SHA256:two": "k2", "k3": "k3"} {
		w.asked = nil
		if code, out, errs := w.run("keys", "remove", said); code != ExitOK || w.asked[len(w.asked)-1] != "DELETE /api/v1/keys/"+id {
			t.Errorf("%s: %d %s%s %v", said, code, out, errs, w.asked)
		}
	}
	if code, _, errs := w.run("keys", "remove", "work"); code != ExitConflict || !strings.Contains(errs, "2 keys of that name") {
		t.Errorf("a name of two: %d %s", code, errs)
	}
	if code, _, _ := w.run("keys", "remove", "nonesuch"); code != ExitNotFound {
		t.Errorf("none: %d", code)
	}
}

func TestRemote_LeadsThereBySSHOrHTTPSAndIsReadBack(t *testing.T) {
	w := newWorld(t)
	w.signedIn()
	host := strings.TrimPrefix(w.server.URL, "https://")
	name, _, _ := strings.Cut(host, ":")
	ssh := "ssh://git@" + name + ":2222/shop.git"
	w.says("GET /api/v1/apps/shop", 200, `{"app": {"name": "shop", "git_url": "`+w.server.URL+`/git/shop.git", "ssh_url": "`+ssh+`"}}`)
	dir := t.TempDir()
	t.Chdir(dir)
	if code, _, errs := w.run("remote", "shop", "--ssh"); code != ExitConflict || !strings.Contains(errs, "no git repository") {
		t.Errorf("outside of a repository: %d %s", code, errs)
	}
	if err := git("init", "-q", dir).Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	if code, out, errs := w.run("remote", "shop", "--ssh"); code != ExitOK || !strings.Contains(out, ssh) {
		t.Fatalf("%d %s%s", code, out, errs)
	}
	if code, out, errs := w.run("info"); code != ExitOK || !strings.Contains(out, "Git by SSH") { // the remote tells the app
		t.Errorf("%d %s%s", code, out, errs)
	}
	leads := func() string {
		out, err := git("remote", "get-url", remote).Output(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return strings.TrimSpace(string(out))
	}
	for _, look := range []string{"remote", "remote shop"} {
		if code, out, errs := w.run(strings.Fields(look)...); code != ExitOK || !strings.Contains(out, "leads to "+ssh+"\n") || leads() != ssh {
			t.Errorf("%s changes what it only shows: %d %s%s, %s", look, code, out, errs, leads())
		}
	}
	if code, out, errs := w.run("remote", "--https"); code != ExitOK || leads() != w.server.URL+"/git/shop.git" {
		t.Errorf("back: %d %s%s", code, out, errs)
	}
	w.says("GET /api/v1/apps/blog", 200, `{"app": {"name": "blog", "git_url": "`+w.server.URL+`/git/blog.git", "ssh_url": ""}}`)
	if code, _, errs := w.run("remote", "blog", "--ssh"); code != ExitConflict || !strings.Contains(errs, "SSH is off") {
		t.Errorf("without SSH: %d %s", code, errs)
	}
}

func TestBranch_ShowsAndSetsWhatDeploys(t *testing.T) {
	w := newWorld(t)
	w.signedIn()
	w.says("GET /api/v1/apps/shop", 200, `{"app": {"name": "shop", "deploy_branch": "live"}}`)
	w.says("PATCH /api/v1/apps/shop", 202, `{"deployment": null}`)
	if code, out, _ := w.run("branch", "--app", "shop"); code != ExitOK || !strings.Contains(out, "Pushes to live deploy.") {
		t.Errorf("%d %s", code, out)
	}
	for wanted, words := range map[string][]string{"production": {"branch", "production", "--app", "shop"}, "": {"branch", "--default", "-a", "shop"}} {
		w.asked = nil
		if code, _, errs := w.run(words...); code != ExitOK || !strings.Contains(strings.Join(w.asked, "\n"), `PATCH /api/v1/apps/shop {"deploy_branch":"`+wanted+`"}`) {
			t.Errorf("%v: %d %s %v", words, code, errs, w.asked)
		}
	}
	if code, _, _ := w.run("branch", "x", "--default", "-a", "shop"); code != ExitUsage {
		t.Errorf("both: %d", code)
	}
}
