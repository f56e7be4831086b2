package cnb

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"time"

	"github.com/lugsail/lugsail/platform"
)

// Exit statuses of the lifecycle.
const (
	exitNoneDetected    = 20
	exitDetectionFailed = 21
	exitBuildFailed     = 51
	exitExportFailed    = 62
)

// explain turns the failure of a build into a sentence for the person who pushed.
func (r *run) explain(ctx context.Context, err error) error {
	if stopped := r.stopped(ctx); stopped != nil {
		return stopped
	}
	var known *platform.Error
	if errors.As(err, &known) || r.session == nil {
		return err
	}
	status, killed := r.session.outcome()
	said, reportErr := r.space.report()
	switch {
	case killed:
		return platform.Errorf(platform.Invalid, "build_out_of_memory", "The build needed more than its %d MB of memory and was stopped.", r.request.Limits.Memory>>20).
			WithHint("Make the build smaller: fewer dependencies, or build on your machine and push the result.").Because(err)
	case status == exitNoneDetected || status == exitDetectionFailed:
		return unknownLanguage(r.request.Dir)
	case reportErr == nil && said.Failure != nil:
		return failure(said)
	case status == exitBuildFailed:
		return platform.Errorf(platform.Invalid, "build_failed", "The build failed.").WithHint("The lines above say why.").Because(err)
	case status == exitExportFailed:
		return platform.Errorf(platform.Unavailable, "image_not_stored", "The image was built, but could not be stored.").
			WithHint("Look whether the server's disk is full, then push again.").Because(fmt.Errorf("%w: %s", err, r.said.last()))
	}
	return fmt.Errorf("building: %w: %s", err, r.said) // the whole end, for the log
}

// stopped is for builds that were ended from outside.
func (r *run) stopped(ctx context.Context) error {
	cause := context.Cause(ctx)
	switch {
	case cause == nil:
		return nil
	case errors.Is(cause, errOutput):
		return platform.Errorf(platform.Invalid, "build_output_limit", "The build printed more than %d MB and was stopped.", r.request.Limits.Output>>20).
			WithHint("Make the build print less.")
	case errors.Is(cause, errTime):
		return platform.Errorf(platform.Invalid, "build_timeout", "The build took longer than %s and was stopped.", span(r.request.Limits.Timeout)).
			WithHint("Look in the log where it hangs; a build must not wait for input or start a server.")
	case errors.Is(cause, errRoom):
		return platform.Errorf(platform.NoRoom, "disk_low", "The build was stopped because the server's disk was nearly full.").
			WithHint("Make the build smaller, remove apps or files that are not needed, or take a larger disk.")
	}
	return fmt.Errorf("building: %w", ctx.Err())
}

// span is a time for people.
func span(d time.Duration) string {
	switch {
	case d == time.Minute:
		return "a minute"
	case d%time.Minute == 0:
		return fmt.Sprintf("%d minutes", d/time.Minute)
	}
	return d.String()
}

var failureCode = regexp.MustCompile(`^[a-z][a-z0-9_]{0,40}$`)

func failure(said report) error {
	code := said.Failure.Code
	if !failureCode.MatchString(code) {
		code = "build_failed"
	}
	e := platform.Errorf(platform.Invalid, code, "%s", plain(said.Failure.Message, 600))
	if hint := plain(said.Failure.Hint, 400); hint != "" {
		return e.WithHint("%s", hint)
	}
	return e
}
