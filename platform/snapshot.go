package platform

import (
	"slices"
	"time"
)

// Snapshot is a copy of what an app keeps at one moment: the files of its volumes and the rows of its add-ons.
// The release that served then, with its config vars, is kept as every release is; the snapshot knows its number.
type Snapshot struct {
	ID          string        `gorm:"primaryKey"`
	AppID       string        `gorm:"index;not null"`
	State       SnapshotState `gorm:"not null"`
	Cause       string        // for people: "daily", "before deployment 12", or what a person wrote
	Daily       bool          `gorm:"not null"` // made by the server once a day
	Before      string        // id of the deployment that it was made for, as the way back; "" for others
	Release     int           // that served; of an add-on, the add-on's own
	Repository  string        // its id in the repository; "" until it is ready
	Bytes       int64         // of all in it, before the repository makes one of what is the same
	Parts       SnapshotParts `gorm:"serializer:json"`
	Frozen      bool          `gorm:"not null"` // the app stood still, so files and rows belong to one moment
	FailureText string
	FailureHint string
	CreatedAt   time.Time
	CreatedBy   string // the account's e-mail address
	EndedAt     *time.Time
}

// SnapshotParts is what a snapshot holds.
type SnapshotParts struct {
	Volumes []SnapshotVolume `json:"volumes"`
	Addons  []SnapshotAddon  `json:"addons"`
}

// SnapshotVolume is a volume in a snapshot.
type SnapshotVolume struct {
	ID   string `json:"id"`
	Name string `json:"name"`
	Path string `json:"path"`
}

// SnapshotAddon is an add-on in a snapshot.
type SnapshotAddon struct {
	ID        string `json:"id"`
	Name      string `json:"name"`
	Blueprint string `json:"blueprint"`
}

// Nothing reports whether there is nothing to keep.
func (p SnapshotParts) Nothing() bool { return len(p.Volumes) == 0 && len(p.Addons) == 0 }

// SnapshotState is where a snapshot is in its life.
type SnapshotState string

// The states of a snapshot.
const (
	SnapshotMaking SnapshotState = "making" // it waits for others, or is under way
	SnapshotReady  SnapshotState = "ready"
	SnapshotFailed SnapshotState = "failed"
)

// Automatic reports whether nobody asked for it: it goes when its time is over.
func (s Snapshot) Automatic() bool { return s.Daily || s.Before != "" }

// InUse is what the removal of a snapshot is refused by that somebody needs just now.
func (s Snapshot) InUse() error {
	return Errorf(Conflict, "snapshot_in_use", "The snapshot is being made or restored just now.").WithHint("Wait until that is over.")
}

// How many automatic snapshots of an app are kept: the newest of so many days, weeks and months that have one.
const (
	keptDays   = 7
	keptWeeks  = 4
	keptMonths = 3
)

// OutdatedSnapshots tells which snapshots of one app may go: daily ones beyond the newest of 7 days, 4 weeks and
// 3 months, and after a week those that failed and those made before a restore or a deployment. What a person made stays.
func OutdatedSnapshots(all []Snapshot, now time.Time) []Snapshot {
	sorted := slices.Clone(all)
	slices.SortFunc(sorted, func(a, b Snapshot) int { return b.CreatedAt.Compare(a.CreatedAt) })
	periods := newPeriods()
	var outdated []Snapshot
	for _, s := range sorted {
		if !s.Automatic() || s.State == SnapshotMaking {
			continue
		}
		keep := (s.State == SnapshotFailed || s.Before != "") && now.Sub(s.CreatedAt) < keptDays*24*time.Hour
		if s.State == SnapshotReady && s.Daily && periods.keeps(s.CreatedAt) {
			keep = true
		}
		if !keep {
			outdated = append(outdated, s)
		}
	}
	return outdated
}

// periods are the days, weeks and months of which the newest copy is kept.
type periods []period

type period struct {
	most int
	of   func(time.Time) string
	seen map[string]bool
}

func newPeriods() periods {
	return periods{
		{keptDays, func(t time.Time) string { return t.Format("2006-01-02") }, map[string]bool{}},
		{keptWeeks, func(t time.Time) string { return t.AddDate(0, 0, -int(t.Weekday()+6)%7).Format("2006-01-02") }, map[string]bool{}},
		{keptMonths, func(t time.Time) string { return t.Format("2006-01") }, map[string]bool{}},
	}
}

// keeps tells whether a copy stays, the newest being asked for first.
func (ps periods) keeps(at time.Time) (keep bool) {
	for _, p := range ps {
		if key := p.of(at.UTC()); !p.seen[key] && len(p.seen) < p.most {
			p.seen[key], keep = true, true
		}
	}
	return keep
}

// Stored is what a repository has taken in.
type Stored struct {
	ID         string // in the repository
	Bytes      int64  // of all that was to be stored, new or known
	Incomplete bool   // something could not be read and is missing
}
