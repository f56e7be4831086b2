package docker

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/distribution/reference"
	"github.com/docker/docker/api/types/image"
	"github.com/docker/docker/api/types/registry"
	"github.com/docker/docker/api/types/system"

	"github.com/lugsail/lugsail/platform"
)

// bringing is one image on its way.
type bringing struct {
	*Images
	request platform.ImageRequest
	log     io.Writer
}

func (b bringing) say(format string, args ...any) {
	_, _ = fmt.Fprintf(b.log, format+"\n", args...) // a log that cannot be written must not stop a deployment
}

// bring gives the id of the image, which has a name of ours then.
func (b bringing) bring(ctx context.Context) (id string, err error) {
	req := b.request
	if req.File != "" {
		return b.load(ctx)
	}
	if isID := imageID.MatchString(req.Name); req.Here || isID {
		id, err := b.takeHere(ctx, req.Name, func(image.InspectResponse) string { return tagOwn })
		switch {
		case err != nil:
			return "", err
		case id != "":
			b.say("Image %s is on this server", req.Name)
			return id, nil
		case isID:
			return "", platform.Errorf(platform.NotFound, "image_not_found", "This server has no image %s.", short(strings.TrimPrefix(req.Name, "sha256:"))).
				WithHint("Its images and their ids: docker images --no-trunc")
		}
	}
	return b.pull(ctx)
}

// takeHere gives an image that the engine has a name of ours, so that it stays; "" when it has
// none. kind decides to whom it belongs.
func (b bringing) takeHere(ctx context.Context, name string, kind func(image.InspectResponse) string) (id string, err error) {
	b.turn.Lock()
	defer b.turn.Unlock()
	found, ok, err := b.inspect(ctx, name)
	if err != nil || !ok {
		return "", err
	}
	return found.ID, b.name(ctx, found.ID, kind(found))
}

func (b bringing) name(ctx context.Context, id, kind string) error {
	return do(ctx, b.engine, b.engine.limits.quick, "naming an image", func(ctx context.Context) error {
		return b.engine.client.ImageTag(ctx, id, ourName(b.request.AppID, kind+b.request.BuildID))
	})
}

// pull looks up the digest behind a name and pulls that.
func (b bringing) pull(ctx context.Context) (string, error) {
	named, err := reference.ParseNormalizedNamed(b.request.Name)
	if err != nil {
		return "", fmt.Errorf("pulling an image: %w", err)
	}
	pinned, err := b.lookUp(ctx, named)
	if err != nil {
		return "", err
	}
	if id, err := b.takeHere(ctx, pinned.String(), b.kindOf); err != nil || id != "" {
		return id, err
	}
	if err := b.fetch(ctx, named, pinned); err != nil {
		return "", err
	}
	id, err := b.takeHere(ctx, pinned.String(), func(found image.InspectResponse) string {
		if len(found.RepoTags) == 0 {
			return tagNew
		}
		return b.kindOf(found) // the same image was here under another name
	})
	if err == nil && id == "" {
		err = errors.New("pulling an image: the engine does not have what it pulled")
	}
	return id, err
}

// lookUp asks the registry for the digest behind a name.
func (b bringing) lookUp(ctx context.Context, named reference.Named) (reference.Canonical, error) {
	if err := b.mayAsk(ctx, named); err != nil {
		return nil, err
	}
	if err := b.engine.agree(ctx); err != nil {
		return nil, explain(err, "pulling an image")
	}
	b.say("Looking for %s", reference.FamiliarString(named))
	looking, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	seen, err := b.engine.client.DistributionInspect(looking, named.String(), "")
	if err != nil {
		return nil, pullError(ctx, named, err)
	}
	if err := b.fits(ctx, named, seen); err != nil {
		return nil, err
	}
	pinned, err := reference.WithDigest(reference.TrimNamed(named), seen.Descriptor.Digest)
	if err != nil {
		return nil, fmt.Errorf("pulling an image: %w", err)
	}
	return pinned, nil
}

// mayAsk refuses registries that lie inside.
func (b bringing) mayAsk(ctx context.Context, named reference.Named) error {
	ref, err := b.Reference(named.String())
	if err != nil || b.config.Reachable == nil {
		return err
	}
	err = b.config.Reachable(ctx, ref.Host, ref.Port)
	if platform.IsKind(err, platform.Unavailable) {
		return nil // the pull will tell
	}
	return err
}

func (b bringing) kindOf(found image.InspectResponse) string {
	if b.onlyOurs(found.RepoTags) {
		return tagNew
	}
	return tagOwn
}

// onlyOurs reports whether an image is here because of apps alone.
func (b bringing) onlyOurs(tags []string) bool {
	ours := false
	for _, tag := range tags {
		if !strings.HasPrefix(tag, imagesOf+"/") || strings.Contains(tag, ":"+tagOwn) {
			return false
		}
		ours = true
	}
	return ours
}

func (b bringing) fetch(ctx context.Context, named reference.Named, pinned reference.Canonical) error {
	b.say("Pulling %s", pinned)
	return b.watched(ctx, func(watched context.Context) error {
		answer, err := b.engine.client.ImagePull(watched, pinned.String(), image.PullOptions{})
		if err == nil {
			err = errors.Join(b.follow(answer), answer.Close())
		}
		if err != nil {
			return pullError(ctx, named, err)
		}
		return nil
	})
}

// follow reads what the engine tells of its work, and the error that may stand in it.
func (b bringing) follow(answer io.Reader) error {
	lines := json.NewDecoder(answer)
	told := map[string]bool{}
	for {
		var line struct{ Status, ID, Error string }
		err := lines.Decode(&line)
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return fmt.Errorf("reading the engine's answer: %w", err)
		case line.Error != "":
			return errors.New(line.Error)
		}
		if text := line.ID + ": " + line.Status; line.Status == "Pull complete" && !told[text] && len(told) < 200 {
			told[text] = true
			b.say("  %s", text)
		}
	}
}

// fits refuses early what cannot run here.
func (b bringing) fits(ctx context.Context, named reference.Named, seen registry.DistributionInspect) error {
	info, err := call(ctx, b.engine, b.engine.limits.quick, "asking Docker", b.engine.client.Info)
	if err != nil {
		return err
	}
	var have []string
	for _, p := range seen.Platforms {
		if p.OS == info.OSType && p.Architecture == goArch(info) || p.OS == "" {
			return nil
		}
		if text := p.OS + "/" + p.Architecture; p.OS != "unknown" && !slices.Contains(have, text) {
			have = append(have, text)
		}
	}
	if len(seen.Platforms) == 0 {
		return nil
	}
	return wrongPlatform(reference.FamiliarString(named), strings.Join(have, ", "), info)
}

func wrongPlatform(name, have string, info system.Info) error {
	return platform.Errorf(platform.Invalid, "image_wrong_platform", "%s is made for %s, and this server is %s/%s.", name, have, info.OSType, goArch(info)).
		WithHint("Build it for this server: docker build --platform %s/%s", info.OSType, goArch(info))
}

// goArch is the engine's architecture as images call it.
func goArch(info system.Info) string {
	switch info.Architecture {
	case "x86_64":
		return "amd64"
	case "aarch64":
		return "arm64"
	}
	return info.Architecture
}

// load lets the engine read a file of docker save, whose only name is one of ours.
func (b bringing) load(ctx context.Context) (string, error) {
	if !strings.HasPrefix(b.request.Name, imagesOf+"/"+b.request.AppID+":") {
		return "", fmt.Errorf("loading an image: %q is no name of the app's", b.request.Name)
	}
	all, err := call(ctx, b.engine, b.engine.limits.start, "listing images", func(ctx context.Context) ([]image.Summary, error) {
		return b.engine.client.ImageList(ctx, image.ListOptions{All: true})
	})
	if err != nil {
		return "", err
	}
	file, err := os.Open(b.request.File)
	if err != nil {
		return "", fmt.Errorf("loading an image: %w", err)
	}
	defer file.Close() //nolint:errcheck // nothing was written
	b.say("Loading the image")
	err = b.watched(ctx, func(ctx context.Context) error {
		answer, err := b.engine.client.ImageLoad(ctx, cuttable{ctx, file})
		if err == nil {
			err = errors.Join(b.follow(answer.Body), answer.Body.Close())
		}
		return err
	})
	if !platform.IsKind(err, platform.NoRoom) {
		err = explain(err, "loading an image")
	}
	if known := platform.AsError(err); known != nil && known.Kind != platform.Internal {
		return "", errors.Join(known, b.removeLate(ctx, b.request.Name))
	}
	id, takeErr := b.takeHere(ctx, b.request.Name, func(found image.InspectResponse) string {
		if i := slices.IndexFunc(all, func(s image.Summary) bool { return s.ID == found.ID }); i >= 0 && !b.onlyOurs(all[i].RepoTags) {
			return tagOwn // it was here before
		}
		return tagNew
	})
	if takeErr != nil {
		return "", takeErr
	}
	if err != nil || id == "" {
		return "", platform.Errorf(platform.Invalid, "image_unreadable", "Docker cannot load the image.").
			WithHint("Write it anew, docker save -o image.tar NAME, and send it again.").Because(err)
	}
	return id, b.remove(ctx, b.request.Name)
}

// cuttable is a file whose reading ends with ctx: an engine that has all of it does not ask any more
// whether somebody waits.
type cuttable struct {
	ctx  context.Context //nolint:containedctx // of one call
	file io.Reader
}

func (c cuttable) Read(p []byte) (int, error) {
	if err := c.ctx.Err(); err != nil {
		return 0, err
	}
	return c.file.Read(p)
}

// describe reads from the image itself how it is started.
func (b bringing) describe(ctx context.Context, id string) (platform.BuildResult, error) {
	found, ok, err := b.inspect(ctx, id)
	if err != nil || !ok || found.Config == nil {
		return platform.BuildResult{}, errors.Join(fmt.Errorf("looking at image %s", id), err)
	}
	info, err := call(ctx, b.engine, b.engine.limits.quick, "asking Docker", b.engine.client.Info)
	if err != nil {
		return platform.BuildResult{}, err
	}
	if found.Os != info.OSType || found.Architecture != goArch(info) {
		return platform.BuildResult{}, wrongPlatform("The image", found.Os+"/"+found.Architecture, info)
	}
	for _, key := range slices.Sorted(maps.Keys(found.Config.Labels)) {
		if strings.HasPrefix(key, "lugsail.") && key != labelInstance && key != labelApp && key != "lugsail.builder" {
			return platform.BuildResult{}, platform.Errorf(platform.Invalid, "label_reserved", "The image has the label %.60q; labels that begin with lugsail. belong to Lugsail.", key).
				WithHint("Build the image without that label.")
		}
	}
	start := append(slices.Clone(found.Config.Entrypoint), found.Config.Cmd...)
	if len(start) == 0 {
		return platform.BuildResult{}, platform.Errorf(platform.Invalid, "no_process", "The image says nothing of what to start.").
			WithHint("End its Dockerfile with a line such as CMD [\"./server\"], and build it again.")
	}
	result := platform.BuildResult{Image: found.ID, Bytes: found.Size, Builder: "image", Detected: b.shown(), Keeps: slices.Sorted(maps.Keys(found.Config.Volumes))}
	web := platform.Process{Type: platform.WebProcess, Command: plain(strings.Join(start, " ")), Port: b.port(slices.Sorted(maps.Keys(found.Config.ExposedPorts)))}
	if web.Port != 0 {
		result.Detected += fmt.Sprintf(", port %d", web.Port)
	}
	result.Processes = []platform.Process{web}
	return result, nil
}

func (b bringing) shown() string {
	if b.request.File != "" {
		return "image of a file"
	}
	if named, err := reference.ParseNormalizedNamed(b.request.Name); err == nil {
		return "image " + reference.FamiliarString(named)
	}
	return "image " + short(strings.TrimPrefix(b.request.Name, "sha256:"))
}

// port is the one that the image exposes, when it is the only one; 0 else.
func (b bringing) port(exposed []string) int {
	var ports []int
	for _, text := range exposed {
		number, protocol, _ := strings.Cut(text, "/")
		if n, err := strconv.Atoi(number); err == nil && n > 0 && n < 1<<16 && (protocol == "" || protocol == "tcp") {
			ports = append(ports, n)
		}
	}
	switch len(ports) {
	case 0:
		return 0
	case 1:
		b.say("The image exposes port %d: PORT is %d, and requests go there", ports[0], ports[0])
		return ports[0]
	}
	b.say("The image exposes %d ports; requests go to the one in $PORT, or to the lowest that it listens on", len(ports))
	return 0
}

// plain makes an image's words fit for a line.
func plain(s string) string {
	s = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || r >= 0x80 && r < 0xa0 {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(s, "?"))
	if letters := []rune(s); len(letters) > 500 {
		s = string(letters[:499]) + "…"
	}
	return s
}
