// Package observe says how things are, in a colour, a word and a sentence, and measures what
// apps use and answer. It never changes what it looks at.
//
// What surprises: what is measured lives in memory alone, 91 KB an app, and begins anew with
// each start of the control plane; pages say so. What nobody measured is a gap, never a zero. A
// median over several steps is the middle of the steps' medians, and a time read from the
// proxy's classes may be an eighth off.
package observe

import (
	"fmt"

	"github.com/lugsail/lugsail/platform"
)

// Word is the state of an app for people.
type Word struct {
	Colour   string `json:"colour"`   // "ok", "warn", "bad", "pending"
	Word     string `json:"word"`     // "Ok", "Degraded" …
	Sentence string `json:"sentence"` // what it means
}

// Look is what a judgement rests on.
type Look struct {
	App      platform.App
	Release  *platform.Release    // that serves; nil before the first
	Latest   *platform.Deployment // newest; nil when there is none
	Replicas []platform.Replica   // of the app, whatever release
	Recent   Recent               // its last hour; the zero value is not known
}

// Judge finds the word for an app.
func Judge(l Look) Word {
	switch {
	case l.App.State == platform.AppDestroying:
		return Word{"pending", "Leaving", "This app is being removed."}
	case l.App.State == platform.AppTrashed:
		return Word{"pending", "In the trash", "It is removed for good on " + l.App.TrashEnds().Format("2 January 2006") + ". To bring it back: lugsail restore " + l.App.Name}
	case l.Release == nil && l.Latest != nil && !l.Latest.State.Ended():
		return Word{"pending", "Deploying", "The first deployment is under way."}
	case l.Release == nil && l.Latest != nil && l.Latest.State == platform.DeploymentFailed:
		return Word{"bad", "Failed", "The first deployment failed: " + l.Latest.FailureText}
	case l.Release == nil:
		if l.App.Addon {
			return Word{"pending", "New", "It does not run yet."}
		}
		return Word{"pending", "New", "Nothing is deployed yet. Push your code to start."}
	}
	return judgeRunning(l)
}

func judgeRunning(l Look) Word {
	wanted, running, oom := 0, 0, false
	for _, p := range l.Release.Processes {
		wanted += l.App.Scale.Of(p.Type) // of release always 0
	}
	for _, r := range l.Replicas {
		if r.Release == l.Release.Number && r.State == platform.ReplicaRunning && r.Index <= l.App.Scale.Of(r.Process) {
			running++
		}
		oom = oom || r.OutOfMemory && r.Release == l.Release.Number
	}
	verb, note := l.Release.Verb(l.App.Scale), ""
	switch {
	case l.App.Addon: // nobody looks for an address
	case !l.Release.HasWeb():
		note = " It has no web process, so nothing answers at its address."
	case verb != "serves":
		note = " web is scaled to 0, so nothing answers at its address."
	}
	loops, looping := crashing(l)
	switch {
	case wanted == 0:
		return Word{"pending", "Stopped", "Scaled to 0 replicas; nothing runs."}
	case looping:
		return Word{"bad", "Crashing", loops}
	case running == 0:
		return Word{"bad", "Down", "No replica is running. Lugsail keeps trying to start it; the log says why it stops."}
	case oom:
		return Word{"warn", "Warning", fmt.Sprintf("A replica ran out of the memory of plan %s. Choose a larger plan.", l.App.Plan)}
	case running < wanted:
		return Word{"warn", "Warning", fmt.Sprintf("%d of %d replicas %s running.", running, wanted, is(running))}
	case l.Recent.full():
		return Word{"warn", "Warning", l.Recent.fullText()}
	case l.Latest != nil && !l.Latest.State.Ended():
		return Word{"ok", "Updating", fmt.Sprintf("v%d %s while deployment %d is under way.", l.Release.Number, verb, l.Latest.Number)}
	case l.Latest != nil && l.Latest.State == platform.DeploymentFailed:
		return Word{"ok", "Ok", fmt.Sprintf("v%d %s. The latest deployment failed: %s", l.Release.Number, verb, l.Latest.FailureText)}
	case l.Release.Returned() != "":
		return Word{"warn", "Warning", fmt.Sprintf("v%d %s. %s", l.Release.Number, verb, l.Release.Returned())}
	}
	if visits := l.Recent.visits(); visits != "" && note == "" && !l.App.Addon {
		return Word{"ok", "Ok", fmt.Sprintf("v%d %s: %s", l.Release.Number, verb, visits)}
	}
	return Word{"ok", "Ok", fmt.Sprintf("v%d %s; %s %s running.%s", l.Release.Number, verb, replicas(running), is(running), note)}
}

// manyRestarts is how often a replica ends until that is called crashing.
const manyRestarts = 3

// Crashing reports whether a replica ends again and again; it waits to be started once more.
func Crashing(r platform.Replica) bool {
	return r.State == platform.ReplicaRestarting && r.Restarts >= manyRestarts
}

// crashing says which replica of the release ends again and again.
func crashing(l Look) (sentence string, yes bool) {
	for _, r := range l.Replicas {
		if r.Release != l.Release.Number || !Crashing(r) {
			continue
		}
		why := fmt.Sprintf("last with exit code %d", r.ExitCode)
		if r.OutOfMemory {
			why = fmt.Sprintf("last because it ran out of the memory of plan %s", l.App.Plan)
		}
		return fmt.Sprintf("%s.%d has ended %d times, %s. Lugsail keeps starting it, after growing pauses; the log says why it ends.", r.Process, r.Index, r.Restarts, why), true
	}
	return "", false
}

func replicas(n int) string {
	if n == 1 {
		return "1 replica"
	}
	return fmt.Sprintf("%d replicas", n)
}

func is(n int) string {
	if n == 1 {
		return "is"
	}
	return "are"
}
