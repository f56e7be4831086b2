package cli

import (
	"bytes"
	"os"
	"strings"
	"testing"

	"github.com/spf13/cobra"
)

func TestExecute_WrongNumberOfArgumentsSaysHowItIsUsed(t *testing.T) {
	w := newWorld(t)
	w.signedIn()
	for _, takes := range []cobra.PositionalArgs{cobra.ExactArgs(1), cobra.MinimumNArgs(1), args(1, 1)} {
		var errs bytes.Buffer
		root := New(Deps{Stdin: os.Stdin, Stdout: &errs, Stderr: &errs, Env: func(name string) string { return w.env[name] }})
		root.AddCommand(&cobra.Command{Use: "move ADDRESS", Args: takes, RunE: func(*cobra.Command, []string) error { return nil }})
		if code := Execute(t.Context(), root, []string{"move"}); code != ExitUsage || !strings.Contains(errs.String(), "This command is used as: lugsail move ADDRESS") {
			t.Errorf("%d %s", code, errs.String())
		}
	}
}

func TestPushLine_IsWhatDeploysThisFolder(t *testing.T) {
	for name, c := range map[string]struct {
		branch, deploys string
		committed       bool
		want            string
	}{
		"main":                          {"main", "", true, "git push lugsail main"},
		"master, as git begins":         {"master", "", true, "git push lugsail master"},
		"another branch":                {"feature/x", "", true, "git push lugsail feature/x:main"},
		"the branch that was chosen":    {"live", "live", true, "git push lugsail live"},
		"master, but another deploys":   {"master", "live", true, "git push lugsail master:live"},
		"a name that a shell would eat": {"a$b", "", true, "git push lugsail main"},
		"nothing committed":             {"master", "", false, `git add . && git commit -m "First version" && git push lugsail master`},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.signedIn()
			t.Chdir(t.TempDir())
			commands := [][]string{{"init", "-q", "-b", c.branch}}
			if c.committed {
				commands = append(commands, []string{"-c", "user.name=A", "-c", "user.email=a@example.com", "commit", "-q", "--allow-empty", "-m", "x"})
			}
			for _, words := range commands {
				if err := git(words...).Run(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
			w.says("POST /api/v1/apps", 201, `{"app": {"name": "shop", "plan": "micro", "deploy_branch": "`+c.deploys+`", "git_url": "https://x.example/git/shop.git"}}`)
			if code, out, errs := w.run("create", "shop"); code != ExitOK || !strings.HasSuffix(out, "Deploy it:  "+c.want+"\n") {
				t.Errorf("%d %s%s", code, out, errs)
			}
		})
	}
}

func TestCreate_OutsideOfARepositoryTellsBothWays(t *testing.T) {
	w := newWorld(t)
	w.signedIn()
	t.Chdir(t.TempDir())
	w.says("POST /api/v1/apps", 201, `{"app": {"name": "shop", "plan": "micro", "git_url": "https://x.example/git/shop.git"}}`)
	if code, out, errs := w.run("create", "shop"); code != ExitOK || !strings.Contains(out, "git init -b main") || !strings.Contains(out, "lugsail deploy . --app shop") {
		t.Errorf("%d %s%s", code, out, errs)
	}
}

func TestDeploy_OfAFileThatIsNoneSaysSo(t *testing.T) {
	w := newWorld(t)
	w.signedIn()
	t.Chdir(t.TempDir())
	if err := os.Mkdir("folder", 0o700); err != nil {
		t.Fatal(err)
	}
	for file, want := range map[string]string{"image.tar": "There is no file \"image.tar\" here.", "folder": "lugsail deploy folder"} {
		if code, _, errs := w.run("deploy", "--image-file", file, "--app", "shop"); code != ExitUsage || !strings.Contains(errs, want) || strings.Contains(errs, "ignore") {
			t.Errorf("%s: %d %s", file, code, errs)
		}
	}
}

func TestExec_AReplicaInThePlaceOfTheCommandIsTold(t *testing.T) {
	w := newWorld(t)
	w.signedIn()
	if code, _, errs := w.run("exec", "--app", "shop", "web.2", "--", "ls"); code != ExitUsage || !strings.Contains(errs, "lugsail exec --replica web.2 -- COMMAND") {
		t.Errorf("%d %s", code, errs)
	}
	if len(w.asked) > 0 {
		t.Errorf("the server was asked: %v", w.asked)
	}
}

func TestLogs_AFailedDeploymentIsNotLookedForInVain(t *testing.T) {
	w := newWorld(t)
	w.signedIn()
	w.says("GET /api/v1/apps/shop/logs", 200, `{"lines": [{"at": "2026-01-02T03:04:05Z", "replica": "web.1", "text": "hi"}]}`)
	w.says("GET /api/v1/apps/blog/logs", 200, `{"lines": []}`)
	w.says("GET /api/v1/apps/shop/deployments", 200, `{"deployments": [{"number": 7, "state": "failed"}]}`)
	w.says("GET /api/v1/apps/blog/deployments", 200, `{"deployments": [{"number": 8, "state": "live"}]}`)
	if code, out, errs := w.run("logs", "shop"); code != ExitOK || !strings.Contains(out, "hi") || !strings.Contains(errs, "#7, failed; its own log says why: lugsail deployments 7 --app shop") {
		t.Errorf("%d %s%s", code, out, errs)
	}
	if _, out, errs := w.run("logs", "shop", "--json"); strings.Contains(out+errs, "failed") {
		t.Errorf("as JSON: %s%s", out, errs)
	}
	if code, _, errs := w.run("logs", "blog"); code != ExitOK || strings.Contains(errs, "failed") {
		t.Errorf("%d %s", code, errs)
	}
}
