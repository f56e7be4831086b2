package dockerfile_test

import (
	"context"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/lugsail/lugsail/platform"
)

func TestBuild_MakesAnImageKnownByItsID(t *testing.T) {
	a := newApp(t, map[string]string{
		"Dockerfile": "FROM " + base + "\nWORKDIR /app\nCOPY page.txt .\nRUN say building\nEXPOSE 3000\nVOLUME /data /cache\nCMD [\"probe\", \"hang\"]\n",
		"page.txt":   "hello\n", "Procfile": "worker: probe hang\nclock: say $PORT; hang\n",
	})
	result, log := a.mustBuild()
	contains(t, log, "Step 3/4: COPY page.txt .", "Step 4/4: RUN say building\n  building\n", "exposes port 3000", "Built in ")
	if !strings.HasPrefix(result.Image, "sha256:") || result.Builder != "dockerfile" || result.Bytes == 0 {
		t.Errorf("result %+v", result)
	}
	if !slices.Equal(result.Keeps, []string{"/cache", "/data"}) {
		t.Errorf("it keeps %q", result.Keeps)
	}
	want := []platform.Process{
		{Type: "web", Command: "probe hang", Port: 3000},
		{Type: "worker", Command: "probe hang", Entrypoint: []string{"probe"}, Args: []string{"hang"}},
		{Type: "clock", Command: "say $PORT; hang", Entrypoint: []string{"/bin/sh", "-c"}, Args: []string{"say $PORT; hang"}},
	}
	if !equalProcesses(result.Processes, want) {
		t.Errorf("processes %+v, want %+v", result.Processes, want)
	}
	found, err := shared.engine.ImageInspect(t.Context(), result.Image)
	if err != nil {
		t.Fatal(err)
	}
	if found.Config.Labels["lugsail.app"] != a.id || found.Config.Labels["lugsail.instance"] != "dftest" {
		t.Errorf("labels %v", found.Config.Labels)
	}
	if err := shared.builder.Ensure(t.Context(), result.Image); err != nil {
		t.Errorf("the image is there: %v", err)
	}
}

func TestBuild_OfAChangedFileRunsOnlyWhatFollows(t *testing.T) {
	a := newApp(t, map[string]string{"Dockerfile": "FROM " + base + "\nRUN append /once\nCOPY page.txt /\nCMD [\"probe\", \"hang\"]\n", "page.txt": "one"})
	first, _ := a.mustBuild()
	a.write(map[string]string{"page.txt": "two"})
	second, log := a.mustBuild()
	contains(t, log, "RUN append /once  (as before)")
	if strings.Contains(log, "COPY page.txt /  (as before)") || first.Image == second.Image {
		t.Error("the changed file was not taken")
	}
}

func TestBuild_FromScratch(t *testing.T) {
	a := newApp(t, map[string]string{"Dockerfile": "FROM scratch\nCOPY probe /probe\nENTRYPOINT [\"/probe\"]\nCMD [\"hang\"]\n"})
	program, err := os.ReadFile(shared.static)
	if err != nil {
		t.Fatal(err)
	}
	a.write(map[string]string{"probe": string(program)})
	result, _ := a.mustBuild()
	if got := result.Processes[0].Command; got != "/probe hang" {
		t.Errorf("web starts %q", got)
	}
}

func TestBuild_FailureNamesTheLine(t *testing.T) {
	a := newApp(t, map[string]string{"Dockerfile": "FROM " + base + "\n\n# a comment\nRUN say first; \\\n    exit 3\nCMD [\"probe\"]\n"})
	e, log := a.refused("build_failed")
	contains(t, e.Message, "Line 4 of Dockerfile", "RUN", "exit code 3")
	contains(t, log, "  first\n", ">   4 | RUN say first; \\", ">   5 |     exit 3")
	if left := a.images(); len(left) > 0 {
		t.Errorf("a build that failed leaves %v", left)
	}
}

func TestBuild_UnreadableDockerfileNamesTheLine(t *testing.T) {
	a := newApp(t, map[string]string{"Dockerfile": "FROM " + base + "\nRNU say hello\n"})
	e, _ := a.refused("dockerfile_invalid")
	contains(t, e.Message, "Line 2 of Dockerfile", "RNU")
}

func TestBuild_MissingFileOfCopyNamesTheLine(t *testing.T) {
	a := newApp(t, map[string]string{"Dockerfile": "FROM " + base + "\nCOPY nowhere.txt /\nCMD [\"probe\"]\n"})
	e, _ := a.refused("build_failed")
	contains(t, e.Message, "Line 2 of Dockerfile", "nowhere.txt")
}

func TestBuild_ImageThatCannotBeReachedIsNamed(t *testing.T) {
	a := newApp(t, map[string]string{"Dockerfile": "# nothing\nFROM no-such-host.invalid/node:99\nCMD [\"node\"]\n"})
	e, _ := a.refused("base_image_missing")
	contains(t, e.Message, "Line 2 of Dockerfile", "no-such-host.invalid/node:99")
}

func TestBuild_SyntaxLineOfDockerNeedsNoRegistry(t *testing.T) {
	a := newApp(t, map[string]string{"Dockerfile": "# syntax=docker/dockerfile:1.7\nFROM " + base + "\nRUN --mount=type=cache,target=/cache append /cache/n; size /cache/n\nCMD [\"probe\"]\n"})
	_, log := a.mustBuild()
	contains(t, log, "Line 1 of Dockerfile (# syntax=docker/dockerfile:1.7) is passed over", "/cache/n has 1")
}

func TestBuild_SyntaxLineOfStrangersIsRefused(t *testing.T) {
	a := newApp(t, map[string]string{"Dockerfile": "# syntax=evil.example/frontend:1\nFROM " + base + "\n"})
	e, _ := a.refused("dockerfile_syntax")
	contains(t, e.Message, "Line 1", "evil.example/frontend:1")
}

func TestBuild_ImageWithoutCommandIsTold(t *testing.T) {
	a := newApp(t, map[string]string{"Dockerfile": "FROM " + base + "\nRUN say hi\n"})
	a.refused("no_process")
	if left := a.images(); len(left) > 0 {
		t.Errorf("it leaves %v", left)
	}
}

func TestBuild_CancelledLeavesNothing(t *testing.T) {
	a := newApp(t, map[string]string{"Dockerfile": "FROM " + base + "\nRUN hang\nCMD [\"probe\"]\n"})
	ctx, cancel := context.WithCancel(t.Context())
	var log syncBuffer
	ended := make(chan error, 1)
	a.request.BuildID = platform.NewID()
	go func() {
		_, err := shared.builder.Build(ctx, a.request, &log)
		ended <- err
	}()
	until(t, "the step runs", func() bool { return strings.Contains(log.String(), "hanging") })
	cancel()
	select {
	case err := <-ended:
		if err == nil {
			t.Error("a build that was cancelled went well")
		}
	case <-time.After(30 * time.Second):
		t.Fatal("the build does not end")
	}
	until(t, "the step's processes end", func() bool { return !running(t, "hang") })
	if left := a.images(); len(left) > 0 {
		t.Errorf("it leaves %v", left)
	}
}

func TestBuild_TakesItsTimeOnly(t *testing.T) {
	a := newApp(t, map[string]string{"Dockerfile": "FROM " + base + "\nRUN hang\nCMD [\"probe\"]\n"})
	a.request.Limits.Timeout = 2 * time.Second
	a.refused("build_timeout")
	until(t, "the step's processes end", func() bool { return !running(t, "hang") })
}

func TestBuild_PrintsSoMuchOnly(t *testing.T) {
	a := newApp(t, map[string]string{"Dockerfile": "FROM " + base + "\nRUN flood\nCMD [\"probe\"]\n"})
	a.request.Limits.Output = 100 << 10
	_, log := a.refused("build_output_limit")
	if len(log) > 200<<10 {
		t.Errorf("the log has %d bytes", len(log))
	}
}

func TestRetain_KeepsTheImagesThatAreInReach(t *testing.T) {
	a := newApp(t, map[string]string{"Dockerfile": "FROM " + base + "\nCOPY page.txt /\nCMD [\"probe\"]\n", "page.txt": "one"})
	first, _ := a.mustBuild()
	a.write(map[string]string{"page.txt": "two"})
	second, _ := a.mustBuild()
	if err := shared.builder.Retain(t.Context(), a.id, []string{second.Image}); err != nil {
		t.Fatal(err)
	}
	if err := shared.builder.Ensure(t.Context(), first.Image); !platform.IsKind(err, platform.Conflict) {
		t.Errorf("the first image should be gone: %v", err)
	}
	if err := shared.builder.Ensure(t.Context(), second.Image); err != nil {
		t.Errorf("the second image should be there: %v", err)
	}
}

// running reports whether a process of a step runs on this machine.
func running(t *testing.T, word string) bool {
	t.Helper()
	entries, err := os.ReadDir("/proc")
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range entries {
		line, err := os.ReadFile("/proc/" + entry.Name() + "/cmdline")
		if err == nil && string(line) == "/bin/sh\x00-c\x00"+word+"\x00" {
			return true
		}
	}
	return false
}

func equalProcesses(a, b []platform.Process) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i].Type != b[i].Type || a[i].Command != b[i].Command || a[i].Port != b[i].Port ||
			strings.Join(a[i].Entrypoint, " ") != strings.Join(b[i].Entrypoint, " ") || strings.Join(a[i].Args, " ") != strings.Join(b[i].Args, " ") {
			return false
		}
	}
	return true
}

// The clock stands in for a mirror with newer packages: a step that nothing has changed runs again, and only then.
func TestBuild_ARenewalRunsAllStepsAndIsWhatOthersOfTheBlueprintGet(t *testing.T) {
	blueprint := "renewed-" + platform.NewID()[:6]
	made := func(renew bool) (string, string) {
		a := newApp(t, map[string]string{"Dockerfile": "FROM " + base + "\nRUN now /packages\nCMD [\"probe\", \"hang\"]\n"})
		a.request.Blueprint, a.request.Digest, a.request.Renew = blueprint, "sha256:same", renew
		result, log := a.mustBuild()
		return result.Image, log
	}
	first, _ := made(false)
	if second, log := made(false); second != first || !strings.Contains(log, "is there already") {
		t.Errorf("one more app has %s, and not %s", second, first)
	}
	renewed, log := made(true)
	if renewed == first || strings.Contains(log, "RUN now /packages  (as before)") || strings.Contains(log, "is there already") {
		t.Errorf("the renewal has %s:\n%s", renewed, log)
	}
	if next, log := made(false); next != renewed || !strings.Contains(log, "is there already") {
		t.Errorf("the next app has %s, and not the renewed %s", next, renewed)
	}
	if err := shared.builder.DropIdle(t.Context(), blueprint); err != nil {
		t.Error(err)
	}
}

func TestBuild_AfterARenewalTheNewerStepsAreTakenOver(t *testing.T) {
	a := newApp(t, map[string]string{"Dockerfile": "FROM " + base + "\nRUN now /packages/" + platform.NewID() + "\nCOPY page.txt /\nCMD [\"probe\", \"hang\"]\n", "page.txt": "one"})
	first, _ := a.mustBuild()
	a.request.Renew = true
	renewed, _ := a.mustBuild()
	a.request.Renew = false
	if again, log := a.mustBuild(); again.Image != renewed.Image || again.Image == first.Image || !strings.Contains(log, "(as before)") {
		t.Errorf("built again, it is %s; first %s, renewed %s", again.Image, first.Image, renewed.Image)
	}
}
