package dockerfile

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/lugsail/lugsail/platform"
)

// result reads what was built from the image itself.
func (r *run) result(ctx context.Context, image string) (platform.BuildResult, error) {
	found, err := r.builder.engine.ImageInspect(ctx, image)
	if err != nil {
		return platform.BuildResult{}, fmt.Errorf("looking at the image: %w", err)
	}
	if found.Config == nil {
		return platform.BuildResult{}, fmt.Errorf("looking at the image: it has no configuration")
	}
	if err := labels(found.Config.Labels); err != nil {
		return platform.BuildResult{}, err
	}
	result := platform.BuildResult{Image: found.ID, Bytes: found.Size, Builder: name, Keeps: slices.Sorted(maps.Keys(found.Config.Volumes))}
	port := r.port(slices.Sorted(maps.Keys(found.Config.ExposedPorts)))
	result.Processes, err = r.processes(append(slices.Clone(found.Config.Entrypoint), found.Config.Cmd...), port)
	if err != nil {
		return platform.BuildResult{}, err
	}
	result.Detected = r.recipe.path
	if user := found.Config.User; user == "" || user == "root" || user == "0" {
		result.Detected += ", runs as root in its container"
	}
	if port != 0 {
		result.Detected += fmt.Sprintf(", port %d", port)
	}
	return result, nil
}

// labels refuses those that would make the app's containers look like something else of Lugsail's.
func labels(of map[string]string) error {
	for _, key := range slices.Sorted(maps.Keys(of)) {
		if strings.HasPrefix(key, labelPrefix) && !slices.Contains([]string{labelInstance, labelApp, labelBuilder}, key) {
			return platform.Errorf(platform.Invalid, "label_reserved", "The image has the label %s; labels that begin with lugsail. belong to Lugsail.", plain(key, 60)).
				WithHint("Give the label another name in the Dockerfile, or build on another image.")
		}
	}
	return nil
}

// port is the one that the image exposes, when it is the only one; 0 else.
func (r *run) port(exposed []string) int {
	var ports []int
	for _, text := range exposed {
		number, protocol, _ := strings.Cut(text, "/")
		n, err := strconv.Atoi(number)
		if err == nil && n > 0 && n < 1<<16 && (protocol == "" || protocol == "tcp") {
			ports = append(ports, n)
		}
	}
	switch len(ports) {
	case 0:
		return 0
	case 1:
		r.say("The image exposes port %d: PORT is %d, and requests go there", ports[0], ports[0])
		return ports[0]
	}
	r.say("The image exposes %d ports; listen on $PORT to say which one is for requests", len(ports))
	return 0
}

// processes are the image's own command as web, and what a Procfile adds or changes.
func (r *run) processes(command []string, port int) ([]platform.Process, error) {
	var found []platform.Process
	if len(command) > 0 {
		found = append(found, platform.Process{Type: platform.WebProcess, Command: plain(strings.Join(command, " "), 500), Port: port})
	}
	lines, err := processes(r.request.Dir)
	if err != nil {
		return nil, err
	}
	for _, p := range lines {
		if p.Type == platform.WebProcess {
			p.Port = port
		}
		if i := slices.IndexFunc(found, func(f platform.Process) bool { return f.Type == p.Type }); i >= 0 {
			found[i] = p
			continue
		}
		found = append(found, p)
	}
	if len(found) == 0 {
		return nil, platform.Errorf(platform.Invalid, "no_process", "The image says nothing of what to start.").
			WithHint("End the Dockerfile with a line such as CMD [\"./server\"], or add a Procfile with a line such as web: ./server")
	}
	return found, nil
}

// Ensure reports whether the engine still has an image. One that is gone cannot be fetched again.
func (b *Builder) Ensure(ctx context.Context, image string) error {
	there, err := b.has(ctx, image)
	if err != nil || there {
		return err
	}
	return platform.Errorf(platform.Conflict, "image_lost", "The image of this release is gone from the server.").
		WithHint("Push again to build it anew.")
}
