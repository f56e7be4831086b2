package cli

import (
	"net/http"
	"time"

	"github.com/spf13/cobra"

	"github.com/lugsail/lugsail/platform"
)

func (p *program) undo() *cobra.Command {
	var b bringing
	c := &cobra.Command{
		Use: "undo TIME", Short: "Bring an app back to how it was at a time: release, config vars, files, rows", Args: args(1, 1),
		Long: "Bring an app back to how it was at a time: its release, config vars, files and the rows of its databases, as the newest\nsnapshot of then or before has them. What it holds now gives way; a snapshot of that is made first.\n\n" +
			"TIME is a time of day (14:03, the last one there was), a date with a time (\"2026-11-28 14:03\"), or how long ago (90m, 36h).\nWith --as a new app is made out of the snapshot, to look at first; the app stays as it is.",
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := b.check(); err != nil {
				return err
			}
			at, err := momentOf(args[0], time.Now())
			if err != nil {
				return err
			}
			c, name, err := p.target(cmd.Context())
			if err != nil {
				return err
			}
			var answer struct{ Snapshots []snapshot }
			if _, err := c.call(cmd.Context(), http.MethodGet, path(name, "snapshots"), nil, &answer); err != nil {
				return err
			}
			s, err := newestAt(name, answer.Snapshots, at)
			if err != nil {
				return err
			}
			p.note("The newest snapshot at %s is that of %s: %s.\n", at.Format(minute), s.CreatedAt.Local().Format(minute), s.holds())
			return p.bring(cmd.Context(), c, name, s.ID, b)
		},
	}
	b.flags(c)
	return c
}

// minute is how a moment is shown.
const minute = "2 Jan 2006 15:04"

// momentOf reads a time of the past, as the clock of this computer has it.
func momentOf(text string, now time.Time) (time.Time, error) {
	now = now.Local()
	if t, err := time.ParseInLocation("15:04", text, time.Local); err == nil { //nolint:gosmopolitan // the person's own clock
		at := time.Date(now.Year(), now.Month(), now.Day(), t.Hour(), t.Minute(), 59, 0, now.Location()) // to the end of the minute
		if at.Truncate(time.Minute).After(now) {
			at = at.AddDate(0, 0, -1)
		}
		return at, nil
	}
	if d, err := time.ParseDuration(text); err == nil && d >= 0 {
		return now.Add(-d), nil
	}
	for layout, last := range map[string]time.Duration{
		time.RFC3339: 0, "2006-01-02 15:04": time.Minute - time.Second, "2006-01-02T15:04": time.Minute - time.Second, minute: time.Minute - time.Second,
		"2006-01-02 15:04:05": 0, "2006-01-02": 24*time.Hour - time.Second,
	} {
		at, err := time.ParseInLocation(layout, text, time.Local) //nolint:gosmopolitan // the person's own clock
		switch {
		case err != nil:
		case at.After(now):
			return at, usagef("%s has not come yet; give a time of the past", at.Format(minute))
		default:
			return at.Add(last), nil
		}
	}
	return time.Time{}, usagef("%q is no time: give 14:03, \"2026-11-28 14:03\", or how long ago, such as 90m or 36h", text)
}

// newestAt finds the snapshot that says how an app was at a time.
func newestAt(name string, all []snapshot, at time.Time) (snapshot, error) {
	var newest, oldest snapshot
	for _, s := range all {
		if s.State != platform.SnapshotReady {
			continue
		}
		if oldest.ID == "" || s.CreatedAt.Before(oldest.CreatedAt) {
			oldest = s
		}
		if !s.CreatedAt.After(at) && (newest.ID == "" || s.CreatedAt.After(newest.CreatedAt)) {
			newest = s
		}
	}
	switch {
	case newest.ID != "":
		return newest, nil
	case oldest.ID == "":
		return newest, platform.Errorf(platform.NotFound, "snapshot_not_found", "%s has no snapshots, so there is nothing to go back to.", name).
			WithHint("The server makes one a day by itself. Make one now: lugsail snapshots create --app %s", name)
	}
	return newest, platform.Errorf(platform.NotFound, "snapshot_not_found", "%s has no snapshot of %s or before.", name, at.Format(minute)).
		WithHint("The oldest one is that of %s: lugsail snapshots restore %s --app %s", oldest.CreatedAt.Local().Format(minute), oldest.ID, name)
}
