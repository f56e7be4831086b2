package cli

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"time"

	"github.com/spf13/cobra"

	"github.com/lugsail/lugsail/platform"
)

type volume struct {
	Name, Path  string
	Shared      bool
	State       platform.VolumeState
	Bytes       *int64
	TrashEndsAt *time.Time `json:"trash_ends_at"`
}

func (p *program) volumes() *cobra.Command {
	c := &cobra.Command{
		Use: "volumes", Short: "Show and change the directories that an app keeps", Args: cobra.ArbitraryArgs,
		Long: "Show and change an app's volumes: directories that stay when replicas come and go.\n\nWhat an app writes anywhere else is gone with the next deployment.",
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				return unknown(cmd, args)
			}
			c, name, err := p.target(cmd.Context())
			if err != nil {
				return err
			}
			var answer struct{ Volumes []volume }
			raw, err := c.list(cmd.Context(), path(name, "volumes"), "volumes", &answer)
			if err != nil {
				return err
			}
			return p.answer(raw, func() { p.showVolumes(name, answer.Volumes) })
		},
	}
	c.AddCommand(p.volumeCreate(), p.volumeSet(), p.volumeRemove(), p.volumeRestore(), p.volumeList(), p.volumeCopy(), p.volumeFileRemove())
	return c
}

func (p *program) showVolumes(name string, volumes []volume) {
	if len(volumes) == 0 {
		p.printf("%s has no volumes: what it writes is gone with the next deployment. Add one: lugsail volumes create uploads /data\n", name)
		return
	}
	rows := [][]string{{"VOLUME", "AT", "FOR", "SIZE", "STATE"}}
	for _, v := range volumes {
		users, size, state := "one replica", "not measured yet", string(v.State)
		if v.Shared {
			users = "all replicas"
		}
		if v.Bytes != nil {
			size = platform.Bytes(*v.Bytes)
		}
		if v.TrashEndsAt != nil {
			state = "in the trash until " + v.TrashEndsAt.Local().Format("2 January 2006")
		}
		rows = append(rows, []string{v.Name, v.Path, users, size, state})
	}
	p.table(rows)
}

const sharedMeans = "all replicas have it at once; without it one replica at a time"

func (p *program) volumeCreate() *cobra.Command {
	var shared, detach bool
	c := &cobra.Command{
		Use: "create NAME PATH", Short: "Give an app a volume", Args: args(2, 2),
		Long: "Give an app a volume. Its processes find it at PATH; what runs gets it by a restart.\n\n" +
			"Without --shared it is for one replica at a time, as databases need it: a new release starts when the old one has ended.",
		RunE: func(cmd *cobra.Command, args []string) error {
			c, name, err := p.target(cmd.Context())
			if err != nil {
				return err
			}
			body := map[string]any{"name": args[0], "path": args[1], "shared": shared}
			return p.start(cmd.Context(), c, name, http.MethodPost, path(name, "volumes"), body, detach)
		},
	}
	c.Flags().BoolVar(&shared, "shared", false, sharedMeans)
	detachFlag(c, &detach)
	return c
}

func (p *program) volumeSet() *cobra.Command {
	var shared, detach bool
	c := &cobra.Command{
		Use: "set NAME PATH", Short: "Say where an app finds a volume, and who shares it", Args: args(2, 2),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, name, err := p.target(cmd.Context())
			if err != nil {
				return err
			}
			body := map[string]any{"path": args[1], "shared": shared}
			return p.start(cmd.Context(), c, name, http.MethodPut, path(name, "volumes", url.PathEscape(args[0])), body, detach)
		},
	}
	c.Flags().BoolVar(&shared, "shared", false, sharedMeans)
	detachFlag(c, &detach)
	return c
}

func (p *program) volumeRemove() *cobra.Command {
	var confirm string
	var now, detach bool
	c := &cobra.Command{
		Use: "remove NAME", Short: "Put a volume into the trash, or remove one for good that is there", Args: args(1, 1),
		Long: "Put a volume into the trash: the app restarts without it, and for 14 days it can be brought back\nwith its files: lugsail volumes restore. With --now one that is in the trash is removed for good.",
		RunE: func(cmd *cobra.Command, args []string) error {
			c, name, err := p.target(cmd.Context())
			if err != nil {
				return err
			}
			if confirm == "" {
				if confirm, err = p.askVolume(cmd.Context(), args[0], now); err != nil {
					return err
				}
			}
			if confirm != args[0] {
				return platform.Errorf(platform.Invalid, "not_confirmed", "Nothing was removed: %q is not the volume's name.", confirm)
			}
			at, body := path(name, "volumes", url.PathEscape(args[0])), map[string]any{"confirm": confirm, "now": now}
			if !now {
				return p.start(cmd.Context(), c, name, http.MethodDelete, at, body, detach)
			}
			if _, err := c.call(cmd.Context(), http.MethodDelete, at, body, nil); err != nil {
				return err
			}
			return p.done(map[string]string{"removed": args[0]}, "Removed the volume %s of %s for good.\n", args[0], name)
		},
	}
	c.Flags().StringVar(&confirm, "confirm", "", "the volume's name, to go on without a question")
	c.Flags().BoolVar(&now, "now", false, "remove one that is in the trash for good; this cannot be undone")
	detachFlag(c, &detach)
	return c
}

func (p *program) askVolume(ctx context.Context, name string, now bool) (string, error) {
	question := "This takes the volume " + name + " away from the app and puts it into the trash for 14 days.\nType its name to go on: "
	if now {
		question = "This removes the volume " + name + " with all its files for ever.\nType its name to go on: "
	}
	confirm, err := p.ask(ctx, question)
	if errors.Is(err, errNobody) {
		return "", usagef("Give --confirm %s where nobody can be asked", name)
	}
	return confirm, err
}

func (p *program) volumeRestore() *cobra.Command {
	var detach bool
	c := &cobra.Command{
		Use: "restore NAME", Short: "Bring a volume back from the trash", Args: args(1, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, name, err := p.target(cmd.Context())
			if err != nil {
				return err
			}
			return p.start(cmd.Context(), c, name, http.MethodPost, path(name, "volumes", url.PathEscape(args[0]), "restore"), nil, detach)
		},
	}
	detachFlag(c, &detach)
	return c
}
