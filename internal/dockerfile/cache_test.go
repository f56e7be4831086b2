package dockerfile_test

import (
	"os"
	"strings"
	"testing"

	"github.com/moby/moby/client"

	"github.com/lugsail/lugsail/internal/dockerfile"
)

const counting = "FROM " + base + "\nCOPY n.txt /\nRUN --mount=type=cache,id=shared,target=/cache append /cache/n; size /cache/n\nCMD [\"probe\"]\n"

func TestA40_CacheMountsBelongToTheAppAlone(t *testing.T) {
	one := newApp(t, map[string]string{"Dockerfile": counting, "n.txt": "1"})
	_, log := one.mustBuild()
	contains(t, log, "/cache/n has 1")
	one.write(map[string]string{"n.txt": "2"})
	_, log = one.mustBuild()
	contains(t, log, "/cache/n has 2")
	other := newApp(t, map[string]string{"Dockerfile": counting, "n.txt": "3"})
	_, log = other.mustBuild()
	contains(t, log, "/cache/n has 1")
	thief := newApp(t, map[string]string{"n.txt": "4", "Dockerfile": "FROM " + base + "\nRUN --mount=type=cache,id=../lugsail-dftest-" + one.id + "/shared,target=/cache append /cache/n; size /cache/n\nCMD [\"probe\"]\n"})
	_, log = thief.mustBuild()
	contains(t, log, "/cache/n has 1")
}

// records counts what the engine's build cache has.
func records(t *testing.T) map[string]bool {
	t.Helper()
	usage, err := shared.engine.DiskUsage(t.Context(), client.DiskUsageOptions{BuildCache: true, Verbose: true})
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]bool{}
	for _, item := range usage.BuildCache.Items {
		found[item.ID] = true
	}
	return found
}

func TestForget_DropsTheAppsBuildCacheAndNobodyElses(t *testing.T) {
	other := newApp(t, map[string]string{"Dockerfile": "FROM " + base + "\nCOPY n.txt /other\nCMD [\"probe\"]\n", "n.txt": "of another app"})
	other.mustBuild()
	before := records(t)
	a := newApp(t, map[string]string{"Dockerfile": counting, "n.txt": "of this app"})
	a.mustBuild()
	if len(records(t)) <= len(before) {
		t.Fatal("the build cached nothing")
	}
	if err := shared.builder.Forget(t.Context(), a.id); err != nil {
		t.Fatal(err)
	}
	after := records(t)
	for id := range before {
		if !after[id] {
			t.Errorf("record %s is gone, which is not the app's", id)
		}
	}
	for id := range after {
		if !before[id] {
			t.Errorf("record %s stays", id)
		}
	}
}

func TestRetain_CapsWhatBuildsCached(t *testing.T) {
	const most = 50 << 10
	small, err := dockerfile.New(dockerfile.Config{DataDir: t.TempDir(), DockerHost: os.Getenv("LUGSAIL_TEST_DOCKER"), Instance: "dftest", RegistryPort: port, Cache: most})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = small.Close() })
	before := records(t)
	a := newApp(t, map[string]string{"Dockerfile": counting, "n.txt": strings.Repeat("to be capped ", 20000)})
	kept := shared.builder
	shared.builder = small
	result, _ := a.mustBuild()
	shared.builder = kept
	ours := func() (bytes int64) {
		usage, err := shared.engine.DiskUsage(t.Context(), client.DiskUsageOptions{BuildCache: true, Verbose: true})
		if err != nil {
			t.Fatal(err)
		}
		for _, item := range usage.BuildCache.Items {
			if !before[item.ID] && !item.Shared {
				bytes += item.Size
			}
		}
		return bytes
	}
	if ours() <= most {
		t.Fatalf("the build cached %d bytes only", ours())
	}
	if err := small.Retain(t.Context(), a.id, []string{result.Image}); err != nil {
		t.Fatal(err)
	}
	if ours() > most {
		t.Errorf("%d bytes stay, more than %d", ours(), most)
	}
	after := records(t)
	for id := range before {
		if !after[id] {
			t.Errorf("record %s is gone, which is not the app's", id)
		}
	}
	if err := small.Forget(t.Context(), a.id); err != nil {
		t.Fatal(err)
	}
}
