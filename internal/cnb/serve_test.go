package cnb_test

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/moby/moby/api/pkg/stdcopy"
	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/client"

	"github.com/lugsail/lugsail/platform"
)

// start runs a process of an image as an engine would: no capabilities, no write access, the user of the image.
func start(t *testing.T, result platform.BuildResult, process string) (id, address string) {
	t.Helper()
	ctx := t.Context()
	entrypoint := []string(nil)
	for _, p := range result.Processes {
		if p.Type == process {
			entrypoint = p.Entrypoint
		}
	}
	if entrypoint == nil {
		t.Fatalf("there is no process %s in %+v", process, result.Processes)
	}
	created, err := shared.engine.ContainerCreate(ctx, client.ContainerCreateOptions{
		Config: &container.Config{
			Image: result.Image, Entrypoint: entrypoint, Env: []string{"PORT=8081", "SAY=hello"},
			Labels: map[string]string{"lugsail.instance": shared.config.Instance},
		},
		HostConfig: &container.HostConfig{
			NetworkMode: container.NetworkMode("lugsail-build-" + shared.config.Instance), CapDrop: []string{"ALL"}, SecurityOpt: []string{"no-new-privileges"},
			ReadonlyRootfs: true, Tmpfs: map[string]string{"/tmp": ""},
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if _, err := shared.engine.ContainerRemove(context.Background(), created.ID, client.ContainerRemoveOptions{Force: true}); err != nil {
			t.Error(err)
		}
	})
	if _, err := shared.engine.ContainerStart(ctx, created.ID, client.ContainerStartOptions{}); err != nil {
		t.Fatal(err)
	}
	found, err := shared.engine.ContainerInspect(ctx, created.ID, client.ContainerInspectOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range found.Container.NetworkSettings.Networks {
		address = n.IPAddress.String()
	}
	return created.ID, "http://" + address + ":8081"
}

// get asks until something answers.
func get(t *testing.T, id, url string) (status int, body string) {
	t.Helper()
	deadline := time.Now().Add(20 * time.Second)
	for {
		response, err := http.Get(url)
		if err == nil {
			text, err := io.ReadAll(response.Body)
			if closeErr := response.Body.Close(); err != nil || closeErr != nil {
				t.Fatal(err, closeErr)
			}
			return response.StatusCode, string(text)
		}
		if time.Now().After(deadline) {
			t.Fatalf("no answer: %v; it said: %s", err, output(t, id))
		}
		pause(t, 20*time.Millisecond)
	}
}

// pause lets a little time go by between two tries.
func pause(t *testing.T, d time.Duration) {
	select {
	case <-time.After(d):
	case <-t.Context().Done():
	}
}

func output(t *testing.T, id string) string {
	t.Helper()
	logs, err := shared.engine.ContainerLogs(context.Background(), id, client.ContainerLogsOptions{ShowStdout: true, ShowStderr: true})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = logs.Close() }() // read only
	var text bytes.Buffer
	if _, err := stdcopy.StdCopy(&text, &text, logs); err != nil {
		t.Fatal(err)
	}
	return text.String()
}

// serves checks that the web process answers with that text.
func serves(t *testing.T, result platform.BuildResult, want string) {
	t.Helper()
	id, url := start(t, result, "web")
	status, body := get(t, id, url+"/")
	if status != http.StatusOK || !strings.Contains(body, want) {
		t.Fatalf("answered %d %q, want %q", status, body, want)
	}
}
