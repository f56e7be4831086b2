package enginetest

import (
	"context"
	"testing"
	"time"

	"github.com/lugsail/lugsail/platform"
)

// Run puts an engine through the contract. open gives one that works for an
// instance of its own; image is one that does the steps in its arguments.
func Run(t *testing.T, image string, open func(t *testing.T) Engine) {
	rules := []struct {
		name string
		test func(*contract)
	}{
		{"StartGivesARunningReplica", startGivesARunningReplica},
		{"StartWithoutImageSaysSoAndLeavesNothing", startWithoutImage},
		{"StartGivesUpWithItsContext", startGivesUpWithItsContext},
		{"ManyStartAtOnce", manyStartAtOnce},
		{"AVolumeIsForOneReplicaAtATime", aVolumeIsForOneReplicaAtATime},
		{"ASharedVolumeIsForAll", aSharedVolumeIsForAll},
		{"ReplicasOfOneAppOrAll", replicasOfOneAppOrAll},
		{"OtherInstancesAreNotSeen", otherInstancesAreNotSeen},
		{"AnExitedReplicaTellsItsCode", anExitedReplicaTellsItsCode},
		{"OutOfMemoryIsTold", outOfMemoryIsTold},
		{"StopEndsAndRemoves", stopEndsAndRemoves},
		{"StopKillsWhatIgnoresTerm", stopKillsWhatIgnoresTerm},
		{"EndTellsWhetherItKilled", endTellsWhetherItKilled},
		{"ARunTellsItsOutputAndItsCode", aRunTellsItsOutputAndItsCode},
		{"ARunOnItsOwnIsReadLater", aRunOnItsOwnIsReadLater},
		{"ARunIsNoReplica", aRunIsNoReplica},
		{"ClosingEndsARun", closingEndsARun},
		{"ACommandInAReplica", aCommandInAReplica},
		{"ClosingEndsACommandInAReplica", closingEndsACommandInAReplica},
		{"WhatIsPausedStandsStill", whatIsPausedStandsStill},
		{"OnlyKeptReplicasStartAgain", onlyKeptReplicasStartAgain},
		{"ListenersTellLoopback", listenersTellLoopback},
		{"LogsOfThePast", logsOfThePast},
		{"LogsAreFollowedToTheEnd", logsAreFollowedToTheEnd},
		{"WhoFollowsWhatIsStoppedHearsItsLastLines", whoFollowsWhatIsStoppedHearsItsLastLines},
		{"LogsStopWhenToldTo", logsStopWhenToldTo},
		{"WatchTellsTheLifeOfAReplica", watchTellsTheLifeOfAReplica},
		{"RemoveAppRemovesThatAppOnly", removeAppRemovesThatAppOnly},
		{"LimitsChangeWhileItRuns", limitsChangeWhileItRuns},
		{"WhatIsGoneIsNotFound", whatIsGoneIsNotFound},
		{"TheMachineIsKnown", theMachineIsKnown},
		{"SamplesAreOfAllThatRuns", samplesAreOfAllThatRuns},
	}
	for _, rule := range rules {
		t.Run(rule.name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), 4*patience)
			defer cancel()
			rule.test(&contract{T: t, Engine: open(t), image: image, open: open, within: ctx})
		})
	}
}

// contract is one rule's test.
type contract struct {
	*testing.T
	Engine
	image string
	open  func(*testing.T) Engine

	within context.Context
}

// patience is how long anything may take on a busy machine.
const patience = 30 * time.Second

func (c *contract) ctx() context.Context { return c.within }

// spec is a web replica of an app that is removed after the test.
func (c *contract) spec(appID string, steps ...string) platform.ReplicaSpec {
	c.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if err := c.RemoveApp(ctx, appID); err != nil {
			c.Errorf("removing %s: %v", appID, err)
		}
	})
	return platform.ReplicaSpec{
		AppID: appID, App: "shop", Release: 3, Deployment: "ldeployment", Process: platform.WebProcess, Index: 1,
		Image: c.image, Args: steps, Env: map[string]string{"PORT": "8080", "GREETING": "hello = you"}, Port: 8080,
		Plan: platform.Plan{Name: "test", Memory: 64 << 20, CPU: 0.5, CPUBurst: 2, PIDs: 64},
	}
}

func (c *contract) start(spec platform.ReplicaSpec) platform.Replica {
	c.Helper()
	r, err := c.Start(c.ctx(), spec)
	if err != nil {
		c.Fatalf("start: %v", err)
	}
	return r
}

// eventually polls until ok, which gives what to say when it never is.
func (c *contract) eventually(ok func() (bool, any)) {
	c.Helper()
	deadline := time.Now().Add(patience)
	for {
		done, seen := ok()
		if done {
			return
		}
		if time.Now().After(deadline) {
			c.Fatalf("not within %v; at last: %+v", patience, seen)
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// until waits for a state of a replica.
func (c *contract) until(id string, ok func(platform.Replica) bool) platform.Replica {
	c.Helper()
	var r platform.Replica
	c.eventually(func() (bool, any) {
		var err error
		if r, err = c.Replica(c.ctx(), id); err != nil {
			return false, err
		}
		return ok(r), r
	})
	return r
}

func exited(r platform.Replica) bool { return r.State == platform.ReplicaExited }

func (c *contract) wantKind(err error, kind platform.Kind, code string) {
	c.Helper()
	if e := platform.AsError(err); err == nil || e.Kind != kind || e.Code != code {
		c.Errorf("error %v, want kind %s and code %s", err, kind, code)
	}
}

// same compares what stays the same in a replica's life.
func (c *contract) same(got, want platform.Replica) {
	c.Helper()
	if got != want {
		c.Errorf("replica\n got %+v\nwant %+v", got, want)
	}
}
