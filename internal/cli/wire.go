package cli

import (
	"fmt"
	"strings"
	"time"

	"github.com/lugsail/lugsail/platform"
)

// What the API answers, as far as it is shown here.

type account struct {
	Email string `json:"email"`
	Role  string `json:"role"`
}

type app struct {
	Name             string         `json:"name"`
	State            string         `json:"state"`
	Plan             string         `json:"plan"`
	Scale            map[string]int `json:"scale"`
	StopGrace        int            `json:"stop_grace"`
	SnapshotFirst    bool           `json:"snapshot_first"`
	HasWeb           *bool          `json:"has_web"`
	DeployBranch     string         `json:"deploy_branch"`
	URL              string         `json:"url"`
	GitURL           string         `json:"git_url"`
	SSHURL           string         `json:"ssh_url"`
	Source           *source        `json:"source"`
	Hosts            []string       `json:"hosts"`
	Status           word           `json:"status"`
	Release          *release       `json:"release"`
	LatestDeployment *deployment    `json:"latest_deployment"`
	Builder          string         `json:"builder"`
	Addon            bool           `json:"addon"`
	Blueprint        string         `json:"blueprint"`
	Dockerfile       string         `json:"dockerfile"`
	TrashEndsAt      *time.Time     `json:"trash_ends_at"`
	CreatedAt        time.Time      `json:"created_at"`
	CreatedBy        string         `json:"created_by"`
}

type word struct {
	Colour   string `json:"colour"`
	Word     string `json:"word"`
	Sentence string `json:"sentence"`
}

type release struct {
	Number      int       `json:"number"`
	Current     bool      `json:"current"`
	State       string    `json:"state"`
	Cause       string    `json:"cause"`
	Plan        string    `json:"plan"`
	Commit      string    `json:"commit"`
	CommitTitle string    `json:"commit_title"`
	CreatedAt   time.Time `json:"created_at"`
	CreatedBy   string    `json:"created_by"`
}

type deployment struct {
	Number      int        `json:"number"`
	Kind        string     `json:"kind"`
	State       string     `json:"state"`
	Serves      bool       `json:"serves"`
	CancelAsked bool       `json:"cancel_asked"`
	Cause       string     `json:"cause"`
	Origin      string     `json:"origin"`
	Commit      string     `json:"commit"`
	CommitTitle string     `json:"commit_title"`
	FromRelease int        `json:"from_release"`
	Release     int        `json:"release"`
	Failure     *failure   `json:"failure"`
	Actor       string     `json:"actor"`
	CreatedAt   time.Time  `json:"created_at"`
	StartedAt   *time.Time `json:"started_at"`
	EndedAt     *time.Time `json:"ended_at"`
}

// word is the state for people, as the console tells it.
func (d deployment) word() string {
	return strings.ToLower(platform.Deployment{
		Kind: platform.DeploymentKind(d.Kind), State: platform.DeploymentState(d.State), Serves: d.Serves, CancelAsked: d.CancelAsked, Release: d.Release,
	}.Word())
}

func underWay(state string) bool { return state == "waiting" || state == "running" }

func (d deployment) took() string {
	if d.StartedAt == nil || d.EndedAt == nil {
		return ""
	}
	return seconds(d.EndedAt.Sub(*d.StartedAt))
}

type failure struct {
	Code    string `json:"code"`
	Message string `json:"message"`
	Hint    string `json:"hint"`
}

type replica struct {
	Name        string     `json:"name"`
	Release     int        `json:"release"`
	State       string     `json:"state"`
	ExitCode    int        `json:"exit_code"`
	OutOfMemory bool       `json:"out_of_memory"`
	Restarts    int        `json:"restarts"`
	LastLines   []string   `json:"last_lines"`
	StartedAt   *time.Time `json:"started_at"`
}

type logLine struct {
	At      time.Time `json:"at"`
	Replica string    `json:"replica"`
	Release int       `json:"release"`
	Stream  string    `json:"stream"`
	Text    string    `json:"text"`
}

type domain struct {
	Host      string    `json:"host"`
	LeadsHere bool      `json:"leads_here"`
	CreatedAt time.Time `json:"created_at"`
	CreatedBy string    `json:"created_by"`
}

type plan struct {
	Name          string  `json:"name"`
	Memory        int64   `json:"memory"`
	CPU           float64 `json:"cpu"`
	CPUBurst      float64 `json:"cpu_burst"`
	Addon         bool    `json:"addon"`
	MonthlyDollar float64 `json:"monthly_dollar"`
	Fits          int     `json:"fits"`
	Limited       bool    `json:"limited"`
}

type token struct {
	ID         string     `json:"id"`
	Name       string     `json:"name"`
	Scopes     []string   `json:"scopes"`
	App        string     `json:"app"`
	CreatedAt  time.Time  `json:"created_at"`
	ExpiresAt  *time.Time `json:"expires_at"`
	LastUsedAt *time.Time `json:"last_used_at"`
}

func seconds(d time.Duration) string {
	if d < time.Minute {
		return fmt.Sprintf("%.1f s", d.Seconds())
	}
	return d.Round(time.Second).String()
}
