package platform

import (
	"testing"
	"time"
)

func TestOutdatedSnapshots_SevenDaysFourWeeksThreeMonthsAndAllThatPeopleMade(t *testing.T) {
	now := time.Date(2026, 6, 30, 12, 0, 0, 0, time.UTC)
	var all []Snapshot
	for day := range 200 {
		all = append(all, Snapshot{ID: "daily", Daily: true, State: SnapshotReady, CreatedAt: now.AddDate(0, 0, -day)})
	}
	all = append(all,
		Snapshot{ID: "mine", State: SnapshotReady, CreatedAt: now.AddDate(-3, 0, 0)},
		Snapshot{ID: "young", Daily: true, State: SnapshotFailed, CreatedAt: now.AddDate(0, 0, -6)},
		Snapshot{ID: "old", Daily: true, State: SnapshotFailed, CreatedAt: now.AddDate(0, 0, -8)},
		Snapshot{ID: "before", Before: "d", State: SnapshotReady, CreatedAt: now.AddDate(0, 0, -190)},
	)
	gone := map[string]int{}
	var left []time.Time
	outdated := map[time.Time]bool{}
	for _, s := range OutdatedSnapshots(all, now) {
		gone[s.ID]++
		outdated[s.CreatedAt] = outdated[s.CreatedAt] || s.ID == "daily"
	}
	for day := range 200 {
		if at := now.AddDate(0, 0, -day); !outdated[at] {
			left = append(left, at)
		}
	}
	// 24 to 30 June; the weeks of 22 and 29 June are among them, those of 8 and 15 June end on the 14th and 21st; 31 May and 30 April.
	if gone["mine"] != 0 || gone["young"] != 0 || gone["old"] != 1 || gone["before"] != 1 || len(left) != 7+2+2 {
		t.Errorf("gone %v, left %v", gone, left)
	}
}

func TestOutdatedSnapshots_TheNewestStaysHoweverOld(t *testing.T) {
	now := time.Now()
	one := []Snapshot{{Daily: true, State: SnapshotReady, CreatedAt: now.AddDate(-2, 0, 0)}}
	if gone := OutdatedSnapshots(one, now); len(gone) != 0 {
		t.Errorf("gone: %v", gone)
	}
}
