package deploy

import (
	"testing"
	"time"

	"github.com/lugsail/lugsail/platform"
)

func TestNote_MemoryIsNoReasonForAMuchLaterEnd(t *testing.T) {
	now := time.Now()
	c := &Conductor{Now: func() time.Time { return now }}
	killed := platform.ReplicaChange{ReplicaID: "one", ExitCode: 1}
	c.starve("one")
	now = now.Add(starvedFor - time.Second)
	if !c.wasStarved(t.Context(), killed) {
		t.Error("memory ends a replica, and it is not told")
	}
	c.starve("one")
	now = now.Add(time.Hour)
	if c.wasStarved(t.Context(), killed) {
		t.Error("an end is put down to memory that was short an hour ago")
	}
	c.starve("gone")
	now = now.Add(time.Hour)
	c.starve("other")
	if _, kept := c.starved.Load("gone"); kept {
		t.Error("what led to no end is remembered for ever")
	}
}
