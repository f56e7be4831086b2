package dockerfile_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/lugsail/lugsail/internal/dockerfile"
	"github.com/lugsail/lugsail/platform"
)

func TestA04_NameOfAnImageThatIsNone(t *testing.T) {
	for _, image := range []string{"x;id", "--privileged", "UPPER/case", "x:y:z", "-v"} {
		a := newApp(t, map[string]string{"Dockerfile": "FROM " + image + "\nCMD [\"x\"]\n"})
		_, log, err := a.build(t.Context())
		e := platform.AsError(err)
		if err == nil || e.Kind != platform.Invalid || e.Hint == "" {
			t.Errorf("FROM %s: %v", image, err)
		}
		if strings.Contains(log, "uid=") {
			t.Errorf("FROM %s ran something:\n%s", image, log)
		}
	}
}

func TestA05_PathsOfDockerfilesStayInside(t *testing.T) {
	outside := filepath.Join(t.TempDir(), "outside")
	if err := os.WriteFile(outside, []byte("FROM scratch\nLABEL secret=of-the-server\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	a := newApp(t, map[string]string{"Dockerfile": "FROM scratch\n", "sub/Dockerfile": "FROM " + base + "\nCMD [\"probe\", \"hang\"]\n"})
	if err := os.Symlink(outside, filepath.Join(a.dir, "link")); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("/etc", filepath.Join(a.dir, "folder")); err != nil {
		t.Fatal(err)
	}
	for path, code := range map[string]string{
		"../../etc/passwd": "dockerfile_path_invalid", "/etc/passwd": "dockerfile_path_invalid", "$(id)": "dockerfile_path_invalid",
		"a/../../b": "dockerfile_path_invalid", "..": "dockerfile_path_invalid", "x\ny": "dockerfile_path_invalid", "sub/": "dockerfile_path_invalid",
		"link": "dockerfile_unreadable", "folder/passwd": "dockerfile_unreadable", "sub": "dockerfile_unreadable", "nowhere": "dockerfile_missing",
	} {
		a.request.Dockerfile = path
		a.refused(code)
	}
	a.request.Dockerfile = "./sub/Dockerfile"
	a.mustBuild()
}

func TestA41_AddFetchesNothing(t *testing.T) {
	for source, code := range map[string]string{
		"http://127.0.0.1:19000/": "add_remote", "HTTPS://169.254.169.254/latest": "add_remote", "git@host:a/b.git": "add_remote",
		"git://127.0.0.1/a.git": "add_remote", "ssh://git@10.0.0.1/a": "add_remote", "github.com/a/b": "add_remote", "file:///etc/passwd": "add_remote",
		"$A": "add_variable", "${A}${B}": "add_variable", "h${A}//127.0.0.1/": "add_variable",
	} {
		a := newApp(t, map[string]string{"Dockerfile": "FROM " + base + "\nARG A=http:\nARG B=//127.0.0.1/\nADD " + source + " /x\nCMD [\"probe\"]\n"})
		e, _ := a.refused(code)
		contains(t, e.Message, "Line 4")
	}
	a := newApp(t, map[string]string{"Dockerfile": "FROM " + base + "\nADD files/a.txt ./files/b.txt /x/\nCMD [\"probe\", \"hang\"]\n", "files/a.txt": "a", "files/b.txt": "b"})
	a.mustBuild()
}

func TestA39_ImagesOfOtherAppsCannotBeUsed(t *testing.T) {
	victim := newApp(t, map[string]string{"Dockerfile": "FROM " + base + "\nCMD [\"probe\"]\n"})
	victim.mustBuild()
	name := victim.images()[0]
	for _, file := range []string{
		"FROM " + name + "\nCMD [\"x\"]\n",
		"ARG B=" + name + "\nFROM ${B}\nCMD [\"x\"]\n",
		"ARG H=127.0.0.1\nARG B=$H:5987/apps/l234\nFROM $B\nCMD [\"x\"]\n",
		"FROM " + base + "\nCOPY --from=" + name + " /bin/probe /stolen\nCMD [\"x\"]\n",
		"FROM " + base + "\nRUN --mount=type=bind,from=" + name + ",target=/m say hi\nCMD [\"x\"]\n",
		"FROM localhost:5987/apps/l234:latest\nCMD [\"x\"]\n",
	} {
		a := newApp(t, map[string]string{"Dockerfile": file})
		a.refused("image_of_lugsail")
	}
}

func TestA39_LabelsOfLugsailAreRefused(t *testing.T) {
	a := newApp(t, map[string]string{"Dockerfile": "FROM " + base + "\nLABEL lugsail.build=x lugsail.app=someone\nCMD [\"probe\"]\n"})
	e, _ := a.refused("label_reserved")
	contains(t, e.Message, "lugsail.build")
}

func TestA38_HostNetworkAndPrivilegesAreRefused(t *testing.T) {
	for _, line := range []string{"RUN --network=host say hi", "RUN --security=insecure say hi"} {
		a := newApp(t, map[string]string{"Dockerfile": "# syntax=docker/dockerfile:1-labs\nFROM " + base + "\n" + line + "\nCMD [\"probe\"]\n"})
		_, log, err := a.build(t.Context())
		if e := platform.AsError(err); err == nil || e.Kind != platform.Invalid {
			t.Errorf("%s: %v", line, err)
		}
		if strings.Contains(log, "\n  hi\n") {
			t.Errorf("%s ran:\n%s", line, log)
		}
	}
}

func TestA73_SecretsOfTheServerAreNoBuildArguments(t *testing.T) {
	a := newApp(t, map[string]string{"Dockerfile": "FROM " + base + "\nARG SECRET=none\nARG HTTP_PROXY=none\nRUN say $SECRET $HTTP_PROXY\nCMD [\"probe\"]\n"})
	a.request.Env = map[string]string{"SECRET": "hunter2-hunter2"}
	_, log := a.mustBuild()
	if strings.Contains(log, "hunter2") {
		t.Errorf("the value is in the log:\n%s", log)
	}
}

func FuzzRead(f *testing.F) {
	for _, seed := range []string{
		"FROM scratch\n", "# syntax=x\nFROM a AS b\nCOPY --from=b / /\n", "ARG A=${B:-c}\nFROM $A\nRUN <<EOF\nx\nEOF\n",
		"# escape=`\nFROM x`\n y\n", "FROM\n", "ONBUILD RUN x", "\ufeffFROM a\nRUN --mount=type=cache,from=x,target=/ x", "FROM ${A",
	} {
		f.Add(seed)
	}
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, text string) {
		if err := os.WriteFile(filepath.Join(dir, "Dockerfile"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := dockerfile.Read(shared.builder, dir); err != nil && platform.AsError(err).Kind == platform.Internal {
			t.Errorf("not for people: %v", err)
		}
	})
}

func FuzzProcfile(f *testing.F) {
	for _, seed := range []string{"web: x", "web: a && b\nworker: c $D\n", "\ufeffweb:x\r\n# no\n\nA_b: c", "web\n", ":", "web: \x00"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		processes, err := dockerfile.ParseProcfile(data)
		if err != nil && platform.AsError(err).Kind == platform.Internal {
			t.Errorf("not for people: %v", err)
		}
		for _, p := range processes {
			if platform.ValidateProcessType(p.Type) != nil || len(p.Entrypoint) == 0 || p.Entrypoint[0] == "" {
				t.Errorf("%q gives %+v", data, p)
			}
		}
	})
}
