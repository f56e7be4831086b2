package observe

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/lugsail/lugsail/platform"
)

// Checkup is everything that an app's check-up rests on.
type Checkup struct {
	Now        time.Time
	App        platform.App
	Release    *platform.Release    // that serves; nil before the first
	Latest     *platform.Deployment // the newest; nil when there is none
	Engine     error                // why replicas could not be looked at
	Replicas   []Inside
	Routed     int // replicas that get requests
	Probe      *platform.ProbeResult
	ProbeError error // the proxy could not be asked
	Domains    []Name
	Certs      []Certificate
	EmptyVars  []string // names of config vars without a value
	Damaged    error    // why a config var cannot be read; nil when all can
	Waiting    bool     // config vars or settings were changed that no release has yet
	PortWanted int      // what PORT says
}

// Inside is a replica with what was seen in it.
type Inside struct {
	platform.Replica
	Listeners []platform.Listener
	Unseen    error // why Listeners could not be looked at
	Memory    int64 // bytes in use; 0 when not known
	Limit     int64
}

// Name is what people call it: "web.1".
func (i Inside) Name() string { return fmt.Sprintf("%s.%d", i.Process, i.Index) }

// ExamineApp judges an app, in the order in which a person would look.
func ExamineApp(c Checkup) []Finding {
	found := []Finding{appRelease(c)}
	if c.Release == nil {
		return append(found, appNames(c)...)
	}
	for _, check := range []func(Checkup) []Finding{appReplicas, appPort, appHealth, appMemory, appNames, appConfig} {
		found = append(found, check(c)...)
	}
	return found
}

func appRelease(c Checkup) Finding {
	switch {
	case c.Latest != nil && c.Latest.State == platform.DeploymentFailed:
		level, serves := bad, "Nothing serves yet."
		if c.Release != nil {
			level, serves = warning, fmt.Sprintf("v%d %s as before.", c.Release.Number, c.Release.Verb(c.App.Scale))
		}
		hint := c.Latest.FailureHint
		if hint == "" {
			hint = fmt.Sprintf("Its log says more: lugsail deployments %d --app %s", c.Latest.Number, c.App.Name)
		}
		return level("deployment", fmt.Sprintf("Deployment %d failed: %s %s", c.Latest.Number, stop(c.Latest.FailureText), serves), hint)
	case c.Latest != nil && !c.Latest.State.Ended():
		return fine("deployment", fmt.Sprintf("Deployment %d is under way.", c.Latest.Number))
	case c.Release == nil:
		return warning("deployment", "Nothing is deployed yet.", "Push your code: git push lugsail main")
	case c.Release.Returned() != "":
		return warning("deployment", fmt.Sprintf("v%d %s. %s", c.Release.Number, c.Release.Verb(c.App.Scale), c.Release.Returned()),
			fmt.Sprintf("Mend it and push again. What it wrote: lugsail logs --app %s", c.App.Name))
	}
	return fine("deployment", fmt.Sprintf("v%d %s.", c.Release.Number, c.Release.Verb(c.App.Scale)))
}

// stop ends a text with a full stop.
func stop(s string) string {
	if s = strings.TrimSpace(s); s == "" || strings.HasSuffix(s, ".") {
		return s
	}
	return s + "."
}

func appReplicas(c Checkup) []Finding {
	if c.Engine != nil {
		return []Finding{bad("replicas", "Docker is not answering, so the replicas cannot be seen. What runs goes on running.", "On the server: lugsail doctor")}
	}
	var found []Finding
	wanted, running := 0, 0
	for _, p := range c.Release.Processes {
		wanted += c.App.Scale.Of(p.Type)
	}
	for _, r := range c.serving() {
		if r.State == platform.ReplicaRunning {
			running++
		}
		if f, ok := lastExit(r, c.App); ok {
			found = append(found, f)
		}
	}
	log := "The log says why: lugsail logs --app " + c.App.Name
	switch {
	case wanted == 0:
		found = append(found, warning("replicas", "It is scaled to 0 replicas, so nothing runs.", "Start it: lugsail scale web=1 --app "+c.App.Name))
	case running == 0:
		found = append(found, bad("replicas", "No replica is running.", log))
	case running < wanted:
		found = append(found, warning("replicas", fmt.Sprintf("%d of %d replicas are running.", running, wanted), log))
	default:
		found = append(found, fine("replicas", fmt.Sprintf("%s running.", count(running, "replica is", "replicas are"))))
	}
	return found
}

// serving are the replicas of the release that serves.
func (c Checkup) serving() []Inside {
	return slices.DeleteFunc(slices.Clone(c.Replicas), func(r Inside) bool {
		return r.Release != c.Release.Number || r.Index > c.App.Scale.Of(r.Process)
	})
}

// lastExit says why a replica ended, when that was not on purpose.
func lastExit(r Inside, a platform.App) (Finding, bool) {
	log := "Its last lines say why: lugsail logs --app " + a.Name
	switch {
	case r.OutOfMemory:
		return bad("exit", fmt.Sprintf("%s ran out of the memory of plan %s.", r.Name(), a.Plan), fmt.Sprintf("Choose a larger plan: lugsail plans, then: lugsail scale --plan PLAN --app %s", a.Name)), true
	case r.State == platform.ReplicaRunning && r.Address == "":
		return bad("network", r.Name()+" has lost its network: nothing reaches it.", "Start it again: lugsail restart --app "+a.Name), true
	case r.State != platform.ReplicaExited && r.State != platform.ReplicaRestarting && r.Restarts > 3:
		return warning("exit", fmt.Sprintf("%s was started again %d times.", r.Name(), r.Restarts), log), true
	case r.State != platform.ReplicaExited && r.State != platform.ReplicaRestarting:
		return Finding{}, false
	}
	return bad("exit", fmt.Sprintf("%s ended with exit code %d%s.", r.Name(), r.ExitCode, meaning(r.ExitCode)), log), true
}

// meaning tells what the exit codes of shells and signals mean.
func meaning(code int) string {
	switch code {
	case 0:
		return ": it has done its work, but an app must keep running"
	case 126:
		return ": its command is no program"
	case 127:
		return ": its command was not found"
	case 134:
		return ": it stopped itself (abort)"
	case 137:
		return ": it was killed"
	case 139:
		return ": it crashed (segmentation fault)"
	case 143:
		return ": it was asked to stop"
	}
	return ""
}

func appPort(c Checkup) []Finding {
	var found []Finding
	seen := map[string]bool{}
	for _, r := range c.serving() {
		if r.Process != platform.WebProcess || r.State != platform.ReplicaRunning || r.Unseen != nil {
			continue
		}
		if f := port(r, c.PortWanted); !seen[f.Text] {
			seen[f.Text] = true
			found = append(found, f)
		}
	}
	return found
}

func port(r Inside, wanted int) Finding {
	fix := fmt.Sprintf("Make it listen on 0.0.0.0 and the port in $PORT (%d).", wanted)
	var inside, open []string
	for _, l := range r.Listeners {
		switch at := fmt.Sprintf("%s:%d", l.IP, l.Port); {
		case l.Loopback:
			inside = append(inside, at)
		case l.Port == wanted:
			return fine("port", fmt.Sprintf("%s listens on port %d.", r.Name(), wanted))
		default:
			open = append(open, fmt.Sprint(l.Port))
		}
	}
	switch {
	case len(open) > 0:
		slices.Sort(open)
		return fine("port", fmt.Sprintf("%s listens on port %s instead of $PORT (%d); Lugsail has found it.", r.Name(), strings.Join(slices.Compact(open), " and "), wanted))
	case len(inside) > 0:
		slices.Sort(inside)
		return bad("port", fmt.Sprintf("%s listens on %s only, where nothing outside of its container can reach it.", r.Name(), strings.Join(slices.Compact(inside), " and ")), fix)
	}
	return bad("port", r.Name()+" listens on no port.", fix)
}

func appHealth(c Checkup) []Finding {
	_, web := c.Release.Process(platform.WebProcess)
	what := "takes connections"
	if c.Release.Health.Path != "" {
		what = "answers GET " + c.Release.Health.Path
	}
	switch {
	case !web:
		return []Finding{fine("health", "This app has no web process, so nothing needs to answer.")}
	case c.App.Scale.Of(platform.WebProcess) == 0 || c.Engine != nil:
		return nil
	case c.Routed == 0:
		return []Finding{bad("health", "Visitors reach no replica of it.", "It must listen on $PORT. The log says what it does: lugsail logs --app "+c.App.Name)}
	case c.ProbeError != nil:
		return []Finding{warning("health", "Whether it answers could not be tried: the proxy does not answer.", "On the server: lugsail doctor")}
	case c.Probe == nil:
		return nil
	case !c.Probe.OK:
		return []Finding{bad("health", "It does not answer as it should: "+stop(c.Probe.Reason), "The log says what it does: lugsail logs --app "+c.App.Name)}
	}
	return []Finding{fine("health", "It "+what+".")}
}

func appMemory(c Checkup) []Finding {
	var most Inside
	for _, r := range c.serving() {
		if r.Limit > 0 && float64(r.Memory)/float64(r.Limit) > share(most) {
			most = r
		}
	}
	if most.Limit == 0 {
		return nil
	}
	text := fmt.Sprintf("%s uses %s of %s memory.", most.Name(), size(uint64(most.Memory)), size(uint64(most.Limit)))
	if share(most) > 0.9 {
		return []Finding{warning("memory", text, fmt.Sprintf("It is ended when it needs more. Choose a larger plan: lugsail plans, then: lugsail scale --plan PLAN --app %s", c.App.Name))}
	}
	return []Finding{fine("memory", text)}
}

func share(i Inside) float64 {
	if i.Limit == 0 {
		return 0
	}
	return float64(i.Memory) / float64(i.Limit)
}

func appNames(c Checkup) []Finding {
	var found []Finding
	for _, n := range c.Domains {
		n.App = c.App.Name
		found = append(found, name(n))
	}
	for _, cert := range c.Certs {
		if f := certificate(cert, c.Now); cert.Public {
			found = append(found, f)
		}
	}
	return found
}

func appConfig(c Checkup) []Finding {
	var found []Finding
	if c.Damaged != nil {
		e := platform.AsError(c.Damaged)
		found = append(found, bad("config", e.Message, e.Hint))
	}
	if len(c.EmptyVars) > 0 {
		found = append(found, warning("config", fmt.Sprintf("%s %s without a value.", strings.Join(c.EmptyVars, ", "), is(len(c.EmptyVars))),
			"Set it: lugsail config set NAME=value   Or take it away: lugsail config unset NAME"))
	}
	if c.Waiting {
		found = append(found, warning("config", "Config vars were changed, and the release that serves does not have them.", "Deploy them: lugsail deploy --app "+c.App.Name))
	}
	return found
}
