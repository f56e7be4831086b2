package platform

import (
	"errors"
	"fmt"
	"time"
)

// BuildLimit is what a build went beyond; as the cause of its end it is an error.
type BuildLimit string

// The limits of builds.
const (
	BuildMemory BuildLimit = "memory"
	BuildPIDs   BuildLimit = "processes"
	BuildTime   BuildLimit = "time"
	BuildOutput BuildLimit = "output"
	BuildRoom   BuildLimit = "disk" // the server's, not one of its own
)

// Error is for the log.
func (b BuildLimit) Error() string { return "the build went beyond its limit: " + string(b) }

// OrDefault fills in what is not set.
func (l BuildLimits) OrDefault() BuildLimits {
	if l.Memory <= 0 {
		l.Memory = 3 << 29
	}
	if l.PIDs <= 0 {
		l.PIDs = 4096
	}
	if l.Timeout <= 0 {
		l.Timeout = 15 * time.Minute
	}
	if l.Output <= 0 {
		l.Output = 20 << 20
	}
	return l
}

// Exceeded tells a person which limit ended a build: codes build_out_of_memory, build_processes,
// build_timeout, build_output_limit and disk_low. It gives nil when err is of something else.
func (l BuildLimits) Exceeded(err error) *Error {
	var limit BuildLimit
	if !errors.As(err, &limit) {
		return nil
	}
	switch limit {
	case BuildMemory:
		return Errorf(Invalid, "build_out_of_memory", "The build needed more than its %d MB of memory and was stopped.", l.Memory>>20).
			WithHint("Make the build smaller: fewer dependencies, or build on your machine and push the result.").Because(err)
	case BuildPIDs:
		return Errorf(Invalid, "build_processes", "The build started more than %d processes at once and was stopped.", l.PIDs).
			WithHint("Let it do less at once, for example make -j2.").Because(err)
	case BuildOutput:
		return Errorf(Invalid, "build_output_limit", "The build printed more than %d MB and was stopped.", l.Output>>20).
			WithHint("Make the build print less.")
	case BuildTime:
		return Errorf(Invalid, "build_timeout", "The build took longer than %s and was stopped.", span(l.Timeout)).
			WithHint("Look in the log where it hangs; a build must not wait for input or start a server.")
	}
	return Errorf(NoRoom, "disk_low", "The build was stopped because the server's disk was nearly full.").
		WithHint("Make the build smaller, remove apps or files that are not needed, or take a larger disk.")
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
