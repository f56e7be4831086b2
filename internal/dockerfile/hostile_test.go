package dockerfile_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/moby/moby/client"

	"github.com/lugsail/lugsail/internal/docker"
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

func TestA41_AnImageThatFetchesWhenSomethingIsBuiltOnItIsRefused(t *testing.T) {
	t.Cleanup(func() {
		if _, err := shared.engine.ImageRemove(context.Background(), "lugsail-test/trigger:1", client.ImageRemoveOptions{Force: true}); err != nil {
			t.Error(err)
		}
	})
	for trigger, refused := range map[string]bool{
		"ADD http://127.0.0.1:9/ /x": true, "ADD $WHERE /x": true, "COPY --from=" + base + " /bin/probe /x": true,
		"RUN say built": false, "ADD page.txt /x": false,
	} {
		answer, err := shared.engine.ImageImport(t.Context(), client.ImageImportSource{Source: emptyTar(), SourceName: "-"}, "lugsail-test/trigger:1", client.ImageImportOptions{Changes: []string{"ONBUILD " + trigger}})
		if err != nil {
			t.Fatal(err)
		}
		_, err = io.Copy(io.Discard, answer)
		if err = errors.Join(err, answer.Close()); err != nil {
			t.Fatal(err)
		}
		a := newApp(t, map[string]string{"Dockerfile": "FROM lugsail-test/trigger:1\nCOPY page.txt /\nCMD [\"x\"]\n", "page.txt": "one"})
		if refused {
			e, _ := a.refused("image_onbuild")
			contains(t, e.Message, "Line 1", "lugsail-test/trigger:1", "ONBUILD")
			continue
		}
		if _, _, err := a.build(t.Context()); err != nil && platform.AsError(err).Code == "image_onbuild" {
			t.Errorf("ONBUILD %s: %v", trigger, err)
		}
	}
}

func TestA41_AStageThatFetchesWhenAnotherIsBuiltOnItIsRefused(t *testing.T) {
	for _, trigger := range []string{"ADD http://127.0.0.1:9/ /x", "ADD $WHERE /x", "COPY --from=" + base + " /bin/probe /x", "RUN --mount=type=bind,from=" + base + ",target=/m say hi"} {
		a := newApp(t, map[string]string{"Dockerfile": "FROM scratch AS a\nONBUILD " + trigger + "\nFROM a\nCMD [\"x\"]\n"})
		a.refused("onbuild_remote")
	}
}

func emptyTar() io.Reader { return bytes.NewReader(make([]byte, 1024)) }

// What is only on the server is for its owner: nothing gives this one away at that address.
func TestA39_ImagesOfTheServersOwnerAreForTheOwnersBuilds(t *testing.T) {
	const private = "127.0.0.1:1/private/shell:1"
	if _, err := shared.engine.ImageTag(t.Context(), client.ImageTagOptions{Source: base, Target: private}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if _, err := shared.engine.ImageRemove(context.Background(), private, client.ImageRemoveOptions{}); err != nil {
			t.Error(err)
		}
	})
	engine, err := docker.New(docker.Config{Host: os.Getenv("LUGSAIL_TEST_DOCKER"), Instance: "dftest", Pool: "10.230.128.0/17"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = engine.Close() })
	builder, err := dockerfile.New(dockerfile.Config{
		DataDir: t.TempDir(), DockerHost: os.Getenv("LUGSAIL_TEST_DOCKER"), Instance: "dftest", RegistryPort: port, Bases: engine.Images(docker.ImagesConfig{RegistryPort: port}),
	})
	if err != nil {
		t.Fatal(err)
	}
	kept := shared.builder
	shared.builder = builder
	t.Cleanup(func() {
		shared.builder = kept
		_ = builder.Close()
	})
	for _, file := range []string{
		"FROM " + private + "\nCMD [\"probe\"]\n",
		"ARG TAG=1\nARG OF=127.0.0.1:1/private\nFROM $OF/shell:${TAG}\nCMD [\"probe\"]\n",
		"FROM scratch\nCOPY --from=" + private + " /bin/probe /stolen\nCMD [\"x\"]\n",
		"FROM " + private + " AS first\nFROM scratch\nCOPY --from=first /bin/probe /stolen\nCMD [\"x\"]\n",
		"FROM scratch\nCOPY --from=0 / /\nRUN --mount=type=bind,from=" + private + ",target=/m say hi\nCMD [\"x\"]\n",
	} {
		a := newApp(t, map[string]string{"Dockerfile": file})
		e, _ := a.refused("base_image_missing")
		contains(t, e.Message, private)
		contains(t, e.Hint, "when its owner deploys")
	}
	a := newApp(t, map[string]string{"Dockerfile": "FROM " + private + "\nCMD [\"probe\"]\n"})
	a.request.Here = true
	a.mustBuild()
	// stages that are not built need nothing
	a = newApp(t, map[string]string{"Dockerfile": "FROM " + private + " AS tests\nFROM scratch\nCOPY page.txt /\nCMD [\"x\"]\n", "page.txt": "one"})
	a.mustBuild()
}

func TestA39_VariablesThatNobodySetNameNoImage(t *testing.T) {
	for _, file := range []string{
		"ARG BASE\nFROM ${BASE}\n", "FROM ${TARGETSTAGE:+" + base + "}\n", "FROM node:$VERSION\n",
		"FROM " + base + "\nARG X=y\nCOPY --from=$X / /\n",
		"ARG X=${TARGETSTAGE:+" + base + "}\nFROM ${X:-scratch}\n", "ARG X=\nFROM $X\n",
		"ARG BUILDKIT_CACHE_MOUNT_NS=\nFROM ${BUILDKIT_CACHE_MOUNT_NS:+" + base + "}\n",
	} {
		a := newApp(t, map[string]string{"Dockerfile": file})
		a.refused("image_variable")
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
