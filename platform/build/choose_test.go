package build

import (
	"bytes"
	"context"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/lugsail/lugsail/platform"
)

// named is a builder that only tells its name.
type named string

func (n named) Build(context.Context, platform.BuildRequest, io.Writer) (platform.BuildResult, error) {
	return platform.BuildResult{Builder: string(n)}, nil
}
func (n named) Retain(context.Context, string, []string) error { return nil }
func (n named) Forget(context.Context, string) error           { return nil }

func TestChoice_TheSourceDecidesUnlessAPersonDid(t *testing.T) {
	plain, docker, deep := t.TempDir(), t.TempDir(), t.TempDir()
	for _, file := range []string{filepath.Join(plain, "package.json"), filepath.Join(docker, "Dockerfile"), filepath.Join(docker, "package.json"), filepath.Join(deep, "web.Dockerfile")} {
		if err := os.WriteFile(file, []byte("x"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Mkdir(filepath.Join(plain, "Dockerfile"), 0o700); err != nil {
		t.Fatal(err)
	}
	choice := Choice{Buildpacks: named("buildpacks"), Dockerfile: named("dockerfile")}
	for _, c := range []struct {
		request platform.BuildRequest
		want    string
		says    string
	}{
		{platform.BuildRequest{Dir: plain}, "buildpacks", ""},
		{platform.BuildRequest{Dir: docker}, "dockerfile", "because the source has it"},
		{platform.BuildRequest{Dir: docker, Builder: platform.BuilderBuildpacks}, "buildpacks", "as set for this app"},
		{platform.BuildRequest{Dir: plain, Builder: platform.BuilderDockerfile}, "dockerfile", "as set for this app"},
		{platform.BuildRequest{Dir: deep, Dockerfile: "web.Dockerfile"}, "dockerfile", "web.Dockerfile"},
		{platform.BuildRequest{Dir: deep}, "buildpacks", ""},
	} {
		var log bytes.Buffer
		result, err := choice.Build(t.Context(), c.request, &log)
		if err != nil || result.Builder != c.want || !strings.Contains(log.String(), c.says) || (c.says == "") != (log.Len() == 0) {
			t.Errorf("%+v: %q (%v), said %q; want %q", c.request, result.Builder, err, log.String(), c.want)
		}
	}
	if _, err := choice.Build(t.Context(), platform.BuildRequest{Dir: docker, Dockerfile: "../x"}, io.Discard); !platform.IsKind(err, platform.Invalid) {
		t.Errorf("a path that leaves the source: %v", err)
	}
}
