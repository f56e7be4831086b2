package platform

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"
)

func TestBuildLimits_EachIsSaidInWordsWithItsNumber(t *testing.T) {
	limits := BuildLimits{Memory: 64 << 20, PIDs: 60, Timeout: 2 * time.Minute, Output: 3 << 20}
	for limit, want := range map[BuildLimit]string{
		BuildMemory: "64 MB of memory", BuildPIDs: "60 processes", BuildTime: "2 minutes", BuildOutput: "3 MB", BuildRoom: "disk was nearly full",
	} {
		e := limits.Exceeded(fmt.Errorf("building: %w", limit))
		if e == nil || !strings.Contains(e.Message, want) || e.Hint == "" {
			t.Errorf("%s: %v", limit, e)
		}
	}
	if e := limits.Exceeded(errors.New("something else")); e != nil {
		t.Errorf("something else is no limit: %v", e)
	}
	whole := BuildLimits{}.OrDefault()
	if whole.Memory == 0 || whole.PIDs == 0 || whole.Timeout == 0 || whole.Output == 0 || limits.OrDefault() != limits {
		t.Errorf("%+v", whole)
	}
}
