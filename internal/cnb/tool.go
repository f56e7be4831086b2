package cnb

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/moby/moby/api/pkg/stdcopy"
	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/client"

	"github.com/lugsail/lugsail/platform"
)

// tool is a program of Debian packages that is run once.
type tool struct {
	packages []string
	args     []string
	env      []string
}

// toolOut is where a tool leaves its results.
const toolOut = "/out"

// withTool makes a file system with the packages, runs the program in it and hands over the directory
// with its results. Nothing of it stays.
func (b *Builder) withTool(ctx context.Context, t tool, use func(out string) error) error {
	dir, remove, err := b.scratch("tool")
	if err != nil {
		return err
	}
	defer remove()
	file, out := filepath.Join(dir, "rootfs.tar"), filepath.Join(dir, "out")
	if err := b.config.Base.Tools(ctx, file, t.packages...); err != nil {
		return err
	}
	if err := os.Mkdir(out, 0o755); err != nil {
		return fmt.Errorf("making a directory: %w", err)
	}
	if err := os.Chown(out, userID, userID); err != nil {
		return fmt.Errorf("giving a directory to the build user: %w", err)
	}
	image, err := b.load(ctx, file)
	if err != nil {
		return err
	}
	defer b.dropImage(ctx, image)
	if err := os.Remove(file); err != nil {
		return fmt.Errorf("removing the unpacked packages: %w", err)
	}
	if err := b.runTool(ctx, t, image, out); err != nil {
		return err
	}
	return use(out)
}

// load imports a root file system into the engine, without a name.
func (b *Builder) load(ctx context.Context, file string) (image string, err error) {
	f, err := os.Open(file)
	if err != nil {
		return "", fmt.Errorf("reading the file system: %w", err)
	}
	defer func() { _ = f.Close() }() // read only
	response, err := b.engine.ImageImport(ctx, client.ImageImportSource{Source: f, SourceName: "-"}, "", client.ImageImportOptions{
		Changes: []string{"LABEL " + labelInstance + "=" + b.config.Instance + " " + labelTool + "=once"},
	})
	if err != nil {
		return "", b.engineError("loading the tools", err)
	}
	defer func() { _ = response.Close() }() // read only
	text, err := io.ReadAll(io.LimitReader(response, 1<<20))
	if err != nil {
		return "", b.engineError("loading the tools", err)
	}
	for line := range strings.Lines(string(text)) {
		var message struct{ Status, Error string }
		if json.Unmarshal([]byte(line), &message) != nil {
			continue
		}
		if message.Error != "" {
			return "", fmt.Errorf("loading the tools: %s", message.Error)
		}
		if strings.HasPrefix(message.Status, "sha256:") {
			return message.Status, nil
		}
	}
	return "", errors.New("loading the tools: the engine gave no image")
}

func (b *Builder) dropImage(ctx context.Context, image string) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Minute)
	defer cancel()
	_, _ = b.engine.ImageRemove(ctx, image, client.ImageRemoveOptions{}) // Clean finds what stays
}

func (b *Builder) runTool(ctx context.Context, t tool, image, out string) error {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Minute)
	defer cancel()
	host := &container.HostConfig{
		NetworkMode: container.NetworkMode(b.networkName()), Binds: append([]string{out + ":" + toolOut}, certificates()...),
		Tmpfs: map[string]string{"/tmp": "exec,mode=1777"}, CapDrop: []string{"ALL"}, SecurityOpt: []string{"no-new-privileges=true"},
	}
	created, err := b.engine.ContainerCreate(context.WithoutCancel(ctx), client.ContainerCreateOptions{
		Config: &container.Config{
			Image: image, User: fmt.Sprint(userID), Entrypoint: t.args[:1], Cmd: t.args[1:], WorkingDir: toolOut,
			Env:    append(append([]string{"HOME=" + toolOut, "PATH=/usr/bin:/bin"}, t.env...), mirrors()...),
			Labels: map[string]string{labelInstance: b.config.Instance, labelBuild: "tool"},
		},
		HostConfig: host,
	})
	if err != nil {
		return b.engineError("starting the tools", err)
	}
	defer b.removeContainer(ctx, created.ID)
	wait := b.engine.ContainerWait(ctx, created.ID, client.ContainerWaitOptions{Condition: container.WaitConditionNextExit})
	if _, err := b.engine.ContainerStart(ctx, created.ID, client.ContainerStartOptions{}); err != nil {
		return b.engineError("starting the tools", err)
	}
	select {
	case err := <-wait.Error:
		return b.engineError("running the tools", err)
	case result := <-wait.Result:
		if result.StatusCode != 0 {
			return b.toolFailed(ctx, created.ID, t)
		}
	}
	return nil
}

func (b *Builder) toolFailed(ctx context.Context, id string, t tool) error {
	said := &tail{}
	if logs, err := b.engine.ContainerLogs(ctx, id, client.ContainerLogsOptions{ShowStdout: true, ShowStderr: true, Tail: "50"}); err == nil {
		_, _ = stdcopy.StdCopy(said, said, logs) // what came is better than nothing
		_ = logs.Close()                         // read only
	}
	return platform.Errorf(platform.Unavailable, "runtime_unreachable", "A runtime for apps could not be fetched: %s.", strings.TrimSuffix(said.last(), ".")).
		WithHint("Check the machine's network, then run: lugsail service restart.").Because(fmt.Errorf("%s: %s", t.args[0], said))
}

func (b *Builder) removeContainer(ctx context.Context, id string) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Minute)
	defer cancel()
	_, _ = b.engine.ContainerRemove(ctx, id, client.ContainerRemoveOptions{Force: true, RemoveVolumes: true}) // Clean finds what stays
}

// hostCertificates are the ones that this machine trusts, also those its owner added: where a proxy
// of a company reads along, nothing could be fetched without them. Images do not get them.
const hostCertificates = "/etc/ssl/certs/ca-certificates.crt"

func certificates() []string {
	if _, err := os.Stat(hostCertificates); err != nil {
		return nil
	}
	return []string{hostCertificates + ":" + hostCertificates + ":ro"}
}

// mirrors are the owner's settings for where modules come from, and how to get there.
func mirrors() []string {
	var env []string
	if _, err := os.Stat(hostCertificates); err == nil {
		env = append(env, "NODE_EXTRA_CA_CERTS="+hostCertificates, "SSL_CERT_FILE="+hostCertificates)
	}
	for _, name := range append(mirrorNames, "http_proxy", "https_proxy", "no_proxy", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY") {
		if value, ok := os.LookupEnv(name); ok {
			env = append(env, name+"="+value)
		}
	}
	return env
}

var mirrorNames = []string{"GOPROXY", "GOSUMDB", "GONOSUMDB", "GONOPROXY", "npm_config_registry", "NPM_CONFIG_REGISTRY", "COREPACK_NPM_REGISTRY"}
