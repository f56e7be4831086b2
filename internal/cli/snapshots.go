package cli

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/lugsail/lugsail/platform"
)

type snapshot struct {
	ID                             string
	State                          platform.SnapshotState
	Cause, Progress, Failure, Hint string
	Release                        int
	Bytes                          int64
	Volumes, Addons                []string
	Frozen                         bool
	CreatedAt                      time.Time `json:"created_at"`
}

func (p *program) snapshots() *cobra.Command {
	c := &cobra.Command{
		Use: "snapshots", Short: "Copies of an app's files and rows: list, make, restore", Args: cobra.ArbitraryArgs,
		Long: "Copies of what an app keeps at one moment: the files of its volumes and the rows of its databases.\n\n" +
			"The server makes one a day by itself, and keeps 7 daily, 4 weekly and 3 monthly ones. They lie on the server: they are no\nbackup against the loss of its disk. What caches such as Valkey hold is not part of them.",
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				return unknown(cmd, args)
			}
			c, name, err := p.target(cmd.Context())
			if err != nil {
				return err
			}
			var answer struct{ Snapshots []snapshot }
			raw, err := c.call(cmd.Context(), http.MethodGet, path(name, "snapshots"), nil, &answer)
			if err != nil {
				return err
			}
			return p.answer(raw, func() { p.showSnapshots(name, answer.Snapshots) })
		},
	}
	c.AddCommand(p.snapshotCreate(), p.snapshotRestore(), p.snapshotRemove(), p.snapshotBefore())
	return c
}

func (p *program) showSnapshots(name string, all []snapshot) {
	if len(all) == 0 {
		p.printf("%s has no snapshots yet. Make one: lugsail snapshots create\n", name)
		return
	}
	rows := [][]string{{"SNAPSHOT", "OF", "STATE", "SIZE", "HOLDS", "WHY"}}
	for _, s := range all {
		state, size := string(s.State), platform.Bytes(s.Bytes)
		if s.Progress != "" {
			state += ": " + s.Progress
		}
		if s.State == platform.SnapshotReady && !s.Frozen {
			state += ", made while the app ran"
		}
		if s.State != platform.SnapshotReady {
			size = ""
		}
		rows = append(rows, []string{s.ID, s.CreatedAt.Local().Format(minute), state, size, s.holds(), firstOf(s.Failure, s.Cause)})
	}
	p.table(rows)
}

func (s snapshot) holds() string {
	parts := append(append([]string{}, s.Volumes...), s.Addons...)
	if s.Release > 0 {
		parts = append(parts, fmt.Sprintf("v%d", s.Release))
	}
	return strings.Join(parts, ", ")
}

func (p *program) snapshotCreate() *cobra.Command {
	var cause string
	var detach bool
	c := &cobra.Command{
		Use: "create", Short: "Make a snapshot of an app", Args: args(0, 0),
		Long: "Make a snapshot of an app's volumes and databases. It is made while the app runs; for the last part of it the app stands\nstill, for a minute at most. Ctrl-C leaves it to go on by itself.",
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, name, err := p.target(cmd.Context())
			if err != nil {
				return err
			}
			var answer struct{ Snapshot snapshot }
			raw, err := c.call(cmd.Context(), http.MethodPost, path(name, "snapshots"), map[string]string{"cause": cause}, &answer)
			if err != nil {
				return err
			}
			if detach {
				return p.answer(raw, func() {
					p.printf("The snapshot %s is being made. See how far it is: lugsail snapshots\n", answer.Snapshot.ID)
				})
			}
			made, err := p.awaitSnapshot(cmd.Context(), c, name, answer.Snapshot.ID)
			if err != nil {
				return err
			}
			return p.show(map[string]any{"snapshot": made}, func() {
				p.printf("Made the snapshot %s of %s: %s, with %s.\nRestore it: lugsail snapshots restore %s\n", made.ID, name, platform.Bytes(made.Bytes), made.holds(), made.ID)
			})
		},
	}
	c.Flags().StringVar(&cause, "message", "", "one line on what it is for")
	detachFlag(c, &detach)
	return c
}

// awaitSnapshot looks until a snapshot is made, and shows a person how far it is.
func (p *program) awaitSnapshot(ctx context.Context, c *client, name, id string) (snapshot, error) {
	_, person := isTerminal(p.Stderr)
	for {
		var answer struct{ Snapshots []snapshot }
		if _, err := c.call(ctx, http.MethodGet, path(name, "snapshots"), nil, &answer); err != nil {
			return snapshot{}, err
		}
		for _, s := range answer.Snapshots {
			switch {
			case s.ID != id:
			case s.State == platform.SnapshotReady:
				return s, nil
			case s.State == platform.SnapshotFailed:
				return s, platform.Errorf(platform.Conflict, "snapshot_failed", "%s", s.Failure).WithHint("%s", s.Hint)
			case person:
				_, _ = fmt.Fprintf(p.Stderr, "\r\x1b[K%s", clean(s.Progress)) // for the eye only
			}
		}
		select {
		case <-ctx.Done():
			return snapshot{}, ctx.Err()
		case <-time.After(500 * time.Millisecond):
		}
	}
}

func (p *program) snapshotRestore() *cobra.Command {
	var b bringing
	c := &cobra.Command{
		Use: "restore SNAPSHOT", Short: "Bring an app back to a snapshot, or make a new app out of it", Args: args(1, 1),
		Long: "Bring an app back to a snapshot: its files, the rows of its databases, and the release that served then with its config\nvars. What it holds now gives way; a snapshot of that is made first. When something fails, all is as it was before.\n\n" +
			"With --as the app stays as it is, and a new app of that name is made out of the snapshot: with volumes and databases of its\nown, and without the domains. Its config vars are those of then: look whether they name the old app.",
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := b.check(); err != nil {
				return err
			}
			c, name, err := p.target(cmd.Context())
			if err != nil {
				return err
			}
			return p.bring(cmd.Context(), c, name, args[0], b)
		},
	}
	b.flags(c)
	return c
}

// bringing is how a snapshot is brought back.
type bringing struct {
	confirm, as, plan string
	detach            bool
}

func (b *bringing) flags(c *cobra.Command) {
	c.Flags().StringVar(&b.confirm, "confirm", "", "the app's name, to go on without a question")
	c.Flags().StringVar(&b.as, "as", "", "name of a new app to make out of it")
	c.Flags().StringVar(&b.plan, "plan", "", "plan of the new app; that of the app unless given")
	detachFlag(c, &b.detach)
}

func (b *bringing) check() error {
	if b.plan != "" && b.as == "" {
		return usagef("--plan is for a new app: give --as NAME, too")
	}
	return nil
}

// bring brings an app back to a snapshot, or makes a new one out of it.
func (p *program) bring(ctx context.Context, c *client, name, id string, b bringing) (err error) {
	if b.as != "" {
		return p.start(ctx, c, b.as, http.MethodPost, path(name, "snapshots", url.PathEscape(id), "copy"), map[string]string{"name": b.as, "plan": b.plan}, b.detach)
	}
	if b.confirm == "" {
		b.confirm, err = p.ask(ctx, "This brings "+name+" back to the snapshot "+id+": files and rows of today give way to those of then.\nType the app's name to go on: ")
		if errors.Is(err, errNobody) {
			return usagef("Give --confirm %s where nobody can be asked", name)
		}
		if err != nil {
			return err
		}
	}
	return p.start(ctx, c, name, http.MethodPost, path(name, "snapshots", url.PathEscape(id), "restore"), map[string]string{"confirm": b.confirm}, b.detach)
}

func (p *program) snapshotBefore() *cobra.Command {
	return &cobra.Command{
		Use: "before-deployments [on|off]", Short: "Make a snapshot before each deployment, or end that", Args: args(0, 1), ValidArgs: []string{"on", "off"},
		Long: "Make a snapshot before each deployment that brings a new release, or end that; alone it tells what is set.\n\n" +
			"It is made when the release is built, before anything of it runs, and stays a week. When it cannot be made, the deployment\nfails, and what served before goes on serving.",
		RunE: func(cmd *cobra.Command, args []string) error {
			c, name, err := p.target(cmd.Context())
			if err != nil {
				return err
			}
			if len(args) == 0 {
				return p.showBefore(cmd.Context(), c, name)
			}
			if args[0] != "on" && args[0] != "off" {
				return usagef("Say on or off, not %q", args[0])
			}
			on := args[0] == "on"
			raw, err := c.call(cmd.Context(), http.MethodPatch, path(name), map[string]bool{"snapshot_first": on}, nil)
			if err != nil {
				return err
			}
			return p.answer(raw, func() { p.sayBefore(name, on) })
		},
	}
}

func (p *program) showBefore(ctx context.Context, c *client, name string) error {
	var answer struct{ App app }
	raw, err := c.call(ctx, http.MethodGet, path(name), nil, &answer)
	if err != nil {
		return err
	}
	return p.answer(raw, func() { p.sayBefore(name, answer.App.SnapshotFirst) })
}

func (p *program) sayBefore(name string, on bool) {
	if on {
		p.printf("Each deployment of %s makes a snapshot first, which stays a week.\n", name)
		return
	}
	p.printf("Deployments of %s make no snapshots.\n", name)
}

func (p *program) snapshotRemove() *cobra.Command {
	return &cobra.Command{
		Use: "remove SNAPSHOT", Short: "Remove a snapshot for good", Args: args(1, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, name, err := p.target(cmd.Context())
			if err != nil {
				return err
			}
			if _, err := c.call(cmd.Context(), http.MethodDelete, path(name, "snapshots", url.PathEscape(args[0])), nil, nil); err != nil {
				return err
			}
			return p.done(map[string]string{"removed": args[0]}, "Removed the snapshot %s of %s.\n", args[0], name)
		},
	}
}
