package cnb

import (
	"context"
	"errors"
	"fmt"
	"regexp"

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
		return r.request.Limits.Exceeded(errors.Join(platform.BuildMemory, err))
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
	if cause == nil {
		return nil
	}
	if e := r.request.Limits.Exceeded(cause); e != nil {
		return e
	}
	return fmt.Errorf("building: %w", ctx.Err())
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
