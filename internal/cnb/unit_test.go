package cnb

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/random"

	"github.com/lugsail/lugsail/platform"
)

// leastFree is the headroom rule's on a small disk.
const leastFree = 2 << 30

func TestLifecycleVersion_IsTheOneOfGoMod(t *testing.T) {
	text, err := os.ReadFile("../../go.mod")
	if err != nil {
		t.Fatal(err)
	}
	match := regexp.MustCompile(`buildpacks/lifecycle v(\S+)`).FindSubmatch(text)
	if match == nil || string(match[1]) != lifecycleVersion {
		t.Errorf("go.mod has %s, the code %s", match, lifecycleVersion)
	}
}

func TestBuildLog_ShowsBuildpacksOnly(t *testing.T) {
	var out strings.Builder
	stored := 0
	l := &buildLog{out: &out, limit: 1 << 20, exceeded: func() { t.Error("limit") }, hidden: &tail{}, stored: func() { stored++ }}
	text := "===> ANALYZING\nRestoring data\n===> BUILDING\nNode 24\r\nTimer: x\n*** Images (sha256:fake):\n" +
		strings.Repeat("x", maxLine+100) + "\nlast\n===> EXPORTING\nAdding layer\n*** Images (sha256:abc):\n"
	for len(text) > 0 { // in pieces, as it comes from the engine
		n := min(7, len(text))
		if _, err := l.Write([]byte(text[:n])); err != nil {
			t.Fatal(err)
		}
		text = text[n:]
	}
	l.close()
	want := "Node 24\n*** Images (sha256:fake):\n" + strings.Repeat("x", maxLine) + "\nlast\n"
	if out.String() != want {
		t.Errorf("shows %q", out.String())
	}
	if stored != 1 {
		t.Errorf("stored %d times", stored)
	}
	if !strings.Contains(l.hidden.String(), "Adding layer") {
		t.Error("the rest is lost")
	}
}

func TestBuildLog_StopsAtItsLimit(t *testing.T) {
	for name, c := range map[string]struct{ text, want string }{
		"lines":            {"12345678\n", "12345678\n12345678\n"},
		"one endless line": {"123456789", ""},
		"what is hidden":   {"===> X\nab", ""},
	} {
		var out strings.Builder
		exceeded := 0
		l := &buildLog{out: &out, limit: 20, exceeded: func() { exceeded++ }, hidden: &tail{}, building: true}
		for range 10 {
			if _, err := l.Write([]byte(c.text)); err != nil {
				t.Fatal(err)
			}
		}
		l.close()
		if out.String() != c.want || exceeded != 1 {
			t.Errorf("%s: shows %q, exceeded %d times", name, out.String(), exceeded)
		}
	}
}

// lifecycleImage is an image as the lifecycle makes it: base, runtime, program, app, launcher.
func lifecycleImage(t *testing.T) (image v1.Image, ids []string) {
	t.Helper()
	image, err := random.Image(512, 5)
	if err != nil {
		t.Fatal(err)
	}
	config, err := image.ConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	for _, id := range config.RootFS.DiffIDs {
		ids = append(ids, id.String())
	}
	config = config.DeepCopy()
	config.Config.Labels = map[string]string{"io.buildpacks.lifecycle.metadata": `{"app":[{"sha":"` + ids[3] + `"}],"buildpacks":[{"key":"lugsail/go","layers":{"program":{"sha":"` + ids[2] + `"},"other":{"sha":"` + ids[1] + `"}}}],"launcher":{"sha":"` + ids[4] + `"}}`}
	config.Config.WorkingDir = "/home/app"
	if image, err = mutate.ConfigFile(image, config); err != nil {
		t.Fatal(err)
	}
	return image, ids
}

func TestReorder_PutsWhatChangesOnTop(t *testing.T) {
	image, ids := lifecycleImage(t)
	arranged, changed, err := reorder(image)
	if err != nil || !changed {
		t.Fatalf("changed %t, %v", changed, err)
	}
	config, err := arranged.ConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	for i, from := range []int{0, 1, 4, 2, 3} {
		if got := config.RootFS.DiffIDs[i].String(); got != ids[from] {
			t.Errorf("layer %d is %s, want %s", i, got, ids[from])
		}
	}
	if config.Config.WorkingDir != "/home/app" || len(config.Config.Labels) != 1 {
		t.Errorf("the configuration is %+v", config.Config)
	}
	layers, err := arranged.Layers()
	if err != nil {
		t.Fatal(err)
	}
	for i, layer := range layers { // manifest and configuration agree
		if id, err := layer.DiffID(); err != nil || id != config.RootFS.DiffIDs[i] {
			t.Errorf("layer %d: %s, %v", i, id, err)
		}
	}
	if _, changed, err := reorder(arranged); err != nil || changed {
		t.Errorf("again: changed %t, %v", changed, err)
	}
}

func TestProcesses_AreTheLaunchersAndHaveWordsForPeople(t *testing.T) {
	label := `{"processes": [{"type": "web", "command": ["/layers/x/web"], "args": ["a"]}, {"type": "worker", "command": ["/layers/x/worker"], "args": null}]}`
	found, err := processes(label, report{Processes: map[string]string{"web": "node\x1b[31m server.js\n"}})
	if err != nil || len(found) != 2 {
		t.Fatalf("got %+v, %v", found, err)
	}
	if found[0].Command != "node [31m server.js" || found[0].Entrypoint[0] != "/cnb/process/web" || !strings.Contains(found[1].Command, "/layers/x/worker") {
		t.Errorf("got %+v", found)
	}
	if _, err := processes(`{"processes": [{"type": "We/b"}]}`, report{}); err == nil {
		t.Error("a strange type is taken")
	}
}

func TestReport_IsNotReadThroughLinks(t *testing.T) {
	w := workspace{dir: t.TempDir()}
	if err := os.Mkdir(w.inner("report"), 0o755); err != nil {
		t.Fatal(err)
	}
	if r, err := w.report(); err != nil || r.Detected != "" {
		t.Errorf("without one: %+v, %v", r, err)
	}
	if err := os.Symlink("/etc/hostname", w.inner("report/report.json")); err != nil {
		t.Fatal(err)
	}
	if _, err := w.report(); err == nil {
		t.Error("a link is read")
	}
}

func TestLock_LetsOneInAtATime(t *testing.T) {
	b := &Builder{apps: map[string]*appLock{}}
	unlock, err := b.lock(t.Context(), "a")
	if err != nil {
		t.Fatal(err)
	}
	other, err := b.lock(t.Context(), "b")
	if err != nil {
		t.Fatal(err)
	}
	other()
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := b.lock(ended, "a"); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	entered := make(chan func())
	go func() {
		second, err := b.lock(context.Background(), "a")
		if err != nil {
			t.Error(err)
		}
		entered <- second
	}()
	select {
	case <-entered:
		t.Error("two are inside")
	default:
	}
	unlock()
	(<-entered)()
	if len(b.apps) != 0 {
		t.Errorf("%d locks are left", len(b.apps))
	}
}

func TestBuild_RefusesStrangeIDs(t *testing.T) {
	b := &Builder{}
	for _, id := range []string{"", "../x", "a/b", "A", "a b", "a:b"} {
		if _, err := b.Build(t.Context(), platform.BuildRequest{AppID: id, BuildID: "l1"}, &tail{}); err == nil {
			t.Errorf("%q is taken", id)
		}
	}
}

func TestWorkspace_ALinkOfTheLastBuildIsNotFollowed(t *testing.T) {
	dir := t.TempDir()
	w := workspace{home: dir + "/home"}
	for _, d := range []string{w.home, dir + "/precious", dir + "/source/sub"} {
		if err := os.MkdirAll(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for name, text := range map[string]string{"precious/x": "x", "source/sub/a": "a"} {
		if err := os.WriteFile(dir+"/"+name, []byte(text), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink("/etc/passwd", dir+"/source/link"); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(dir+"/precious", w.home+"/app"); err != nil {
		t.Fatal(err)
	}
	if err := w.fill(dir + "/source"); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(dir + "/precious/x"); err != nil {
		t.Errorf("what the link led to: %v", err)
	}
	if text, err := os.ReadFile(w.home + "/app/sub/a"); err != nil || string(text) != "a" {
		t.Errorf("copied %q, %v", text, err)
	}
	if target, err := os.Readlink(w.home + "/app/link"); err != nil || target != "/etc/passwd" {
		t.Errorf("the link leads to %q, %v", target, err)
	}
	if info, err := os.Stat(w.home + "/app/sub/a"); err != nil || info.Mode().Perm() != 0o755 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
}

func TestRoom_ABuildNeitherBeginsNorGoesOnWithoutIt(t *testing.T) {
	var left atomic.Uint64
	b := &Builder{}
	b.disks.room = func(string) (room, error) { return room{bytes: left.Load(), files: 1 << 20, counted: true}, nil }
	left.Store(leastFree)
	if err := b.headroom(t.Context()); err != nil {
		t.Errorf("with room: %v", err)
	}
	ctx, abort := context.WithCancelCause(t.Context())
	end := b.watchRoom(ctx, abort)
	left.Store(reserve - 1)
	if err := b.headroom(t.Context()); !platform.IsKind(err, platform.NoRoom) {
		t.Errorf("without room: %v", err)
	}
	<-ctx.Done()
	end()
	if !errors.Is(context.Cause(ctx), platform.BuildRoom) {
		t.Errorf("ended by %v", context.Cause(ctx))
	}
	r := run{}
	if err := r.stopped(ctx); !platform.IsKind(err, platform.NoRoom) {
		t.Errorf("said as %v", err)
	}
}

func TestRoom_ABuildOfManyFilesEndsToo(t *testing.T) {
	var files atomic.Uint64
	files.Store(leastFiles)
	b := &Builder{}
	b.disks.room = func(string) (room, error) { return room{bytes: 2 * leastFree, files: files.Load(), counted: true}, nil }
	ctx, abort := context.WithCancelCause(t.Context())
	end := b.watchRoom(ctx, abort)
	files.Store(reserveFiles - 1)
	<-ctx.Done()
	end()
	if !errors.Is(context.Cause(ctx), platform.BuildRoom) {
		t.Errorf("ended by %v", context.Cause(ctx))
	}
	least := room{bytes: 1, files: 9, counted: true}.orLess(room{bytes: 5, files: 2, counted: true}).orLess(room{bytes: 7})
	if least != (room{bytes: 1, files: 2, counted: true}) {
		t.Errorf("got %+v", least)
	}
}

func TestUnknownLanguage_SaysWhatToDo(t *testing.T) {
	for name, c := range map[string]struct {
		files []string
		want  string
	}{
		"nothing":         {nil, "git add . && git commit"},
		"one folder":      {[]string{"web/package.json", "README.md"}, "web/package.json is in a folder below the top. Push that folder alone: git subtree push --prefix web lugsail main"},
		"several folders": {[]string{"client/package.json", "client/index.html", "api/go.mod"}, "api/go.mod, client/package.json are in folders below the top. Create an app for each and push its folder alone: git subtree push --prefix api lugsail main"},
		"strange folder":  {[]string{"a;b/package.json"}, "Push that folder alone"},
		"Python":          {[]string{"main.py"}, "looks like Python"},
		"Dockerfile":      {[]string{"Dockerfile", "src/x.c"}, "lugsail builder auto"},
		"Python in it":    {[]string{"Dockerfile.dev", "requirements.txt", "x.rb"}, "looks like Python"},
		"page":            {[]string{"home.html"}, "rename home.html"},
		"Python's way":    {[]string{"main.py"}, "has a Dockerfile"},
		"docker save":     {[]string{"manifest.json", "repositories", "0123abcd/layer.tar"}, "lugsail deploy --image-file FILE"},
		"OCI layout":      {[]string{"manifest.json", "oci-layout", "index.json"}, "lugsail deploy --image-file FILE"},
		"else":            {[]string{"README.md"}, "Add one of these files"},
	} {
		dir := t.TempDir()
		for _, file := range c.files {
			if err := errors.Join(os.MkdirAll(filepath.Dir(filepath.Join(dir, file)), 0o755), os.WriteFile(filepath.Join(dir, file), nil, 0o644)); err != nil {
				t.Fatal(err)
			}
		}
		var e *platform.Error
		if err := unknownLanguage(dir); !errors.As(err, &e) || !strings.Contains(e.Hint, c.want) || strings.Contains(e.Hint, "--prefix a;") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestMakeRoom_WhatBuildsKeptGoesBeforeABuildIsRefused(t *testing.T) {
	b := &Builder{dir: t.TempDir(), apps: map[string]*appLock{}}
	for _, app := range []string{"idle", "busy"} {
		if err := os.MkdirAll(b.path("apps", app, "home"), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	b.disks.room = func(string) (room, error) {
		if _, err := os.Stat(b.path("apps", "idle")); err == nil {
			return room{}, nil
		}
		return room{bytes: leastFree}, nil
	}
	unlock, err := b.lock(t.Context(), "busy")
	if err != nil {
		t.Fatal(err)
	}
	if err := b.makeRoom(t.Context()); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(b.path("apps", "busy", "home")); err != nil {
		t.Errorf("a build under way: %v", err)
	}
	unlock()
	if len(b.apps) != 0 {
		t.Errorf("%d locks are left", len(b.apps))
	}
	b.disks.room = func(string) (room, error) { return room{}, nil }
	if err := b.makeRoom(t.Context()); !platform.IsKind(err, platform.NoRoom) {
		t.Errorf("without any room: %v", err)
	}
}

func TestDropOthers_LeavesABuildWhatItMayUse(t *testing.T) {
	b := &Builder{dir: t.TempDir()}
	for _, name := range []string{"1.26.8", "1.27.0"} {
		if err := os.MkdirAll(b.path("depot", "go", name, "bin"), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	names := func() string {
		found, err := filepath.Glob(b.path("depot", "go", "*"))
		if err != nil {
			t.Fatal(err)
		}
		for i := range found {
			found[i] = filepath.Base(found[i])
		}
		return strings.Join(found, " ")
	}
	b.building.RLock()
	if err := b.dropOthers("go", "1.27.0"); err != nil || names() != "1.26.8 1.27.0" {
		t.Errorf("during a build: %s, %v", names(), err)
	}
	b.building.RUnlock()
	if err := b.dropOthers("go", "1.27.0"); err != nil || names() != "1.27.0" {
		t.Errorf("afterwards: %s, %v", names(), err)
	}
}

func TestWorkspace_ANameThatIsNotUTF8IsTold(t *testing.T) {
	dir := t.TempDir()
	w := workspace{home: dir + "/home"}
	if err := errors.Join(os.MkdirAll(w.home, 0o755), os.MkdirAll(dir+"/source/caf\xe9/x", 0o755)); err != nil {
		t.Fatal(err)
	}
	var e *platform.Error
	if err := w.fill(dir + "/source"); !errors.As(err, &e) || e.Code != "name_not_utf8" || !strings.Contains(e.Message, "caf?") {
		t.Errorf("got %v", err)
	}
}

func TestEngineError_AFullDiskIsNoRoom(t *testing.T) {
	err := (&Builder{}).engineError("pulling x", errors.New("write /var/lib/docker/tmp/y: no space left on device"))
	if !platform.IsKind(err, platform.NoRoom) || platform.AsError(err).Code != "disk_full" {
		t.Errorf("%v", err)
	}
}
