package docker

import (
	"context"
	"os"
	"testing"
	"time"

	"github.com/lugsail/lugsail/platform"
)

func TestFacts_AreThoseOfTheDaemon(t *testing.T) {
	e := openEngine(t)
	f, err := e.Facts(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	version, err := e.Version(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if f.Version != version || !f.LiveRestore || f.Swarm || f.Driver == "" || !f.MemoryLimit || !f.PidsLimit || f.Cgroups == "" || f.Runc == "" {
		t.Errorf("got %+v", f)
	}
	if _, err := os.Stat(f.Root); err != nil {
		t.Errorf("images lie in %q: %v", f.Root, err)
	}
}

func TestFacts_ADaemonThatIsAwayIsUnavailable(t *testing.T) {
	e, err := New(Config{Host: "unix:///nonexistent/docker.sock", Instance: platform.NewID()})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	if _, err := e.Facts(ctx); !platform.IsKind(err, platform.Unavailable) {
		t.Errorf("got %v", err)
	}
}
