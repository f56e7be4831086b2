package dockerfile

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/moby/buildkit/solver/errdefs"
	"github.com/moby/moby/client"

	"github.com/lugsail/lugsail/platform"
)

// explain turns the failure of a build into a sentence for the person who pushed.
func (r *run) explain(ctx context.Context, err error) error {
	if stopped := r.stopped(ctx); stopped != nil {
		return stopped
	}
	var known *platform.Error
	if errors.As(err, &known) {
		return err
	}
	if e := r.builder.engineError(ctx, err); e != nil {
		return e
	}
	if r.progress != nil && len(r.progress.metadata) > 0 {
		return r.noImage(err)
	}
	if line, last := r.lines(err); line > 0 && r.progress != nil {
		r.show(line, last)
		return r.failedAt(line, err)
	}
	text := err.Error()
	if r.progress != nil && r.progress.reason != "" {
		text = r.progress.reason
	}
	return platform.Errorf(platform.Invalid, "build_failed", "The build failed: %s.", strings.TrimSuffix(tell(text), ".")).
		WithHint("Correct %s and push again.", r.recipe.path).Because(err)
}

// lines are those of the Dockerfile that the failure is about; 0 when it is about none.
func (r *run) lines(err error) (first, last int) {
	for _, source := range errdefs.Sources(err) {
		for _, part := range source.Ranges {
			if first == 0 || int(part.Start.Line) < first {
				first = int(part.Start.Line)
			}
			last = max(last, int(part.End.Line))
		}
	}
	if first == 0 && r.progress != nil {
		return r.recipe.placeOf(r.progress.failed)
	}
	return first, max(first, last)
}

// show writes the part of the Dockerfile that failed into the log.
func (r *run) show(first, last int) {
	r.say("%s, line %d:", r.recipe.path, first)
	for number := max(1, first-2); number <= min(last+2, first+20, len(r.recipe.lines)); number++ {
		mark := " "
		if number >= first && number <= last {
			mark = ">"
		}
		text := strings.TrimRight(r.recipe.lines[number-1], "\r")
		r.say("%s %3d | %s", mark, number, plainLine(text))
	}
}

func plainLine(text string) string {
	indent := len(text) - len(strings.TrimLeft(text, " \t"))
	return strings.Repeat(" ", min(indent, 40)) + plain(text, 300)
}

var exitCode = regexp.MustCompile(`exit code: (\d+)`)

// failedAt names the line, and its instruction only by its kind: the words of the line are in the log,
// where secret values are taken out.
func (r *run) failedAt(line int, err error) error {
	keyword := "It"
	if line <= len(r.recipe.lines) {
		if word, _, _ := strings.Cut(strings.TrimSpace(r.recipe.lines[line-1]), " "); word != "" {
			keyword = strings.ToUpper(plain(word, 20))
		}
	}
	text := r.progress.reason
	if text == "" {
		text = err.Error()
	}
	if code := exitCode.FindStringSubmatch(text); code != nil {
		if limit := r.steps.exceeded(code[1]); limit != nil {
			return r.request.Limits.Exceeded(errors.Join(limit, err))
		}
		e := platform.Errorf(platform.Invalid, "build_failed", "Line %d of %s failed: %s ended with exit code %s.", line, r.recipe.path, keyword, code[1])
		if code[1] == "137" {
			return e.WithHint("It was killed, as a rule because the server ran out of memory. Let the build need less.").Because(err)
		}
		return e.WithHint("The lines above say why. What served before goes on serving.").Because(err)
	}
	return platform.Errorf(platform.Invalid, "build_failed", "Line %d of %s failed: %s.", line, r.recipe.path, strings.TrimSuffix(tell(text), ".")).
		WithHint("Correct it and push again. What served before goes on serving.").Because(err)
}

// tell takes the innermost words of a chain.
func tell(text string) string {
	for _, start := range []string{"failed to solve with frontend dockerfile.v0: ", "failed to solve: ", "rpc error: code = Unknown desc = ", "failed to create LLB definition: ", "failed to compute cache key: "} {
		if i := strings.LastIndex(text, start); i >= 0 {
			text = text[i+len(start):]
		}
	}
	return plain(text, 400)
}

// noImage is for FROM of an image that the engine does not have and cannot fetch.
func (r *run) noImage(err error) error {
	image := strings.TrimPrefix(strings.TrimPrefix(r.progress.metadata[0], "docker.io/library/"), "docker.io/")
	line := 0
	for number, text := range r.recipe.lines {
		if strings.Contains(text, image) || strings.Contains(text, strings.TrimSuffix(image, ":latest")) {
			line = number + 1
			break
		}
	}
	where := "The Dockerfile"
	if line > 0 {
		r.show(line, line)
		where = fmt.Sprintf("Line %d of %s", line, r.recipe.path)
	}
	return platform.Errorf(platform.Invalid, "base_image_missing", "%s needs the image %s, which is not on this server and could not be fetched: %s.",
		where, plain(image, 100), strings.TrimSuffix(tell(r.progress.reason), ".")).
		WithHint("Check its name, and that the server reaches the registry. An image can also be brought by hand: docker load on the server.").Because(err)
}

// stopped is for builds that were ended from outside.
func (r *run) stopped(ctx context.Context) error {
	cause := context.Cause(ctx)
	if cause == nil {
		return nil
	}
	if e := r.request.Limits.Exceeded(cause); e != nil {
		return e
	}
	return fmt.Errorf("building: %w", ctx.Err())
}

// engineError says when the engine does not answer at all, or has no room; nil when it is something else.
func (b *Builder) engineError(ctx context.Context, err error) error {
	if strings.Contains(err.Error(), "no space left on device") { // the engine has no other word for it
		return platform.Errorf(platform.NoRoom, "disk_full", "The server's disk is full.").
			WithHint("Free some space on the disk that Docker uses, then push again.").Because(err)
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	if _, pingErr := b.engine.Ping(ctx, client.PingOptions{}); pingErr != nil {
		return platform.Errorf(platform.Unavailable, "docker_unavailable", "Docker is not answering.").
			WithHint("Running apps go on. If it stays so, restart Docker (where systemd runs: systemctl restart docker), then push again.").
			Because(errors.Join(err, pingErr))
	}
	return nil
}
