package cli

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/lugsail/lugsail/platform"
)

type backup struct {
	ID                                          string
	State                                       platform.BackupState
	Automatic, Proven                           bool
	Bytes                                       int64
	Apps                                        []string
	Gaps, Progress, Failure, Hint, Proof, Fault string
	CreatedAt                                   time.Time  `json:"created_at"`
	RehearsedAt                                 *time.Time `json:"rehearsed_at"`
}

type backupsAnswer struct {
	Address string
	Backups []backup
}

const backupsPath = "/api/v1/backups"

func (p *program) backups() *cobra.Command {
	c := &cobra.Command{
		Use: "backups", Short: "Copies of the whole server, elsewhere: set up, make, rehearse", Args: cobra.ArbitraryArgs,
		Long: "Copies of the whole server that have left it, encrypted: apps with their files, databases, images and repositories, and\nall that Lugsail itself knows. Once they are set up, one is made a day, and one a week is restored for a trial.\n\n" +
			"An empty server becomes this one again by: ./install.sh --restore ADDRESS\n\nIt is for the server's owner.",
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				return unknown(cmd, args)
			}
			c, err := p.client()
			if err != nil {
				return err
			}
			var answer backupsAnswer
			raw, err := c.call(cmd.Context(), http.MethodGet, backupsPath, nil, &answer)
			if err != nil {
				return err
			}
			return p.answer(raw, func() { p.showBackups(answer) })
		},
	}
	c.AddCommand(p.backupsSet(), p.backupsOff(), p.backupsKey(), p.backupCreate(), p.backupRehearse(), p.backupRemove())
	return c
}

func (p *program) showBackups(answer backupsAnswer) {
	if answer.Address == "" {
		p.printf("No backups are made: when this server's disk is lost, everything is. Set them up: lugsail backups set ADDRESS\n")
	} else {
		p.printf("Backups go to %s.\n", clean(answer.Address))
	}
	if len(answer.Backups) == 0 {
		return
	}
	rows := [][]string{{"BACKUP", "OF", "STATE", "SIZE", "PROVEN"}}
	for _, b := range answer.Backups {
		state, size := string(b.State), platform.Bytes(b.Bytes)
		if b.Progress != "" {
			state += ": " + b.Progress
		}
		if b.State != platform.BackupReady {
			size = ""
		}
		rows = append(rows, []string{b.ID, b.CreatedAt.Local().Format(minute), state, size, b.proven()})
	}
	p.table(rows)
	for _, b := range answer.Backups {
		for _, text := range []string{b.Failure, b.Fault, b.Gaps} {
			if text != "" {
				p.printf("%s: %s\n", b.ID, clean(text))
			}
		}
	}
}

func (b backup) proven() string {
	switch {
	case b.Fault != "":
		return "NO: it could not be restored"
	case b.RehearsedAt == nil:
		return ""
	}
	return "restored for a trial on " + b.RehearsedAt.Local().Format(minute)
}

func (p *program) backupsSet() *cobra.Command {
	var keyID, secretFile, passwordFile string
	var newHostKey bool
	c := &cobra.Command{
		Use: "set ADDRESS", Short: "Say where backups go", Args: args(1, 1),
		Long: "Say where backups go. ADDRESS is one of\n\n  /mnt/disk/backups                 a directory on another disk, which must be there\n  sftp://USER@HOST[:PORT]/DIRECTORY another machine; it must know the key that `lugsail backups key` shows\n" +
			"  s3://BUCKET[/DIRECTORY]           Amazon S3\n  s3:https://ENDPOINT/BUCKET[/DIR]  any other storage that speaks S3\n\n" +
			"Where there are no backups yet, a password is made and shown once: without it and without this server, nobody reads them.\nWhere there are, give their password.",
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := p.client()
			if err != nil {
				return err
			}
			body := map[string]any{"address": args[0], "key_id": keyID, "new_host_key": newHostKey}
			if body["secret"], err = p.secretFrom(cmd.Context(), secretFile, "Secret of the access key: ", keyID != ""); err != nil {
				return err
			}
			if body["password"], err = p.secretFrom(cmd.Context(), passwordFile, "", false); err != nil {
				return err
			}
			var answer struct{ Password string }
			raw, err := c.call(cmd.Context(), http.MethodPut, backupsPath+"/target", body, &answer)
			if err != nil {
				return err
			}
			return p.answer(raw, func() {
				p.printf("Backups go to %s from now on. The first one is being made: lugsail backups\n", clean(args[0]))
				if answer.Password != "" {
					p.printf("\nTheir password, shown this once:\n\n    %s\n\nKeep it where this server is not, on paper or in a password manager. Without it and without this server, nobody reads\nthe backups. An empty server becomes this one again by: ./install.sh --restore %s\n", answer.Password, clean(args[0]))
				}
			})
		},
	}
	c.Flags().StringVar(&keyID, "key-id", "", "id of an access key for S3; its secret is asked for")
	c.Flags().StringVar(&secretFile, "secret-file", "", "file with the secret of that key, where nobody can be asked")
	c.Flags().StringVar(&passwordFile, "password-file", "", "file with the password of backups that are there already")
	c.Flags().BoolVar(&newHostKey, "new-host-key", false, "the SFTP server may show another host key than the first time")
	return c
}

// secretFrom reads a secret from a file, or asks for it.
func (p *program) secretFrom(ctx context.Context, file, prompt string, wanted bool) (string, error) {
	switch {
	case file != "":
		text, err := os.ReadFile(file)
		if err != nil {
			return "", usagef("The file %s cannot be read: %v", file, errors.Unwrap(err))
		}
		return strings.TrimRight(string(text), "\r\n"), nil
	case !wanted:
		return "", nil
	}
	text, err := p.password(ctx, prompt)
	if errors.Is(err, errNobody) {
		return "", usagef("Give --secret-file FILE where nobody can be asked")
	}
	return text, err
}

func (p *program) backupsOff() *cobra.Command {
	return &cobra.Command{
		Use: "off", Short: "Make no more backups", Args: args(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return p.askBackups(cmd, http.MethodDelete, "/target", map[string]bool{"off": true}, "No more backups are made. Those that there are stay where they are.\n")
		},
	}
}

func (p *program) askBackups(cmd *cobra.Command, method, path string, done any, text string) error {
	c, err := p.client()
	if err != nil {
		return err
	}
	if _, err := c.call(cmd.Context(), method, backupsPath+path, nil, nil); err != nil {
		return err
	}
	return p.show(done, func() { p.printf("%s", text) })
}

func (p *program) backupsKey() *cobra.Command {
	return &cobra.Command{
		Use: "key", Short: "Show the key that an SFTP server must know", Args: args(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := p.client()
			if err != nil {
				return err
			}
			var answer struct{ Key string }
			raw, err := c.call(cmd.Context(), http.MethodGet, backupsPath+"/key", nil, &answer)
			if err != nil {
				return err
			}
			return p.answer(raw, func() { p.printf("%s\n", clean(answer.Key)) })
		},
	}
}

func (p *program) backupCreate() *cobra.Command {
	var detach bool
	c := &cobra.Command{
		Use: "create", Short: "Make a backup now", Args: args(0, 0),
		Long: "Make a backup now. It stays until you remove it. Ctrl-C leaves it to go on by itself.",
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := p.client()
			if err != nil {
				return err
			}
			var answer struct{ Backup backup }
			raw, err := c.call(cmd.Context(), http.MethodPost, backupsPath, nil, &answer)
			if err != nil {
				return err
			}
			if detach {
				return p.answer(raw, func() {
					p.printf("The backup %s is being made. See how far it is: lugsail backups\n", answer.Backup.ID)
				})
			}
			made, err := p.awaitBackup(cmd.Context(), c, answer.Backup.ID, func(b backup) bool { return b.State != platform.BackupMaking })
			if err == nil && made.State == platform.BackupFailed {
				err = platform.Errorf(platform.Conflict, "backup_failed", "%s", made.Failure).WithHint("%s", made.Hint)
			}
			if err != nil {
				return err
			}
			return p.show(map[string]any{"backup": made}, func() {
				p.printf("Made the backup %s: %s, with %s.\n", made.ID, platform.Bytes(made.Bytes), plural(len(made.Apps), "app"))
				if made.Gaps != "" {
					p.printf("%s\n", clean(made.Gaps))
				}
			})
		},
	}
	detachFlag(c, &detach)
	return c
}

// awaitBackup looks until a backup is as wanted, and shows a person how far it is.
func (p *program) awaitBackup(ctx context.Context, c *client, id string, done func(backup) bool) (backup, error) {
	_, person := isTerminal(p.Stderr)
	for {
		var answer backupsAnswer
		if _, err := c.call(ctx, http.MethodGet, backupsPath, nil, &answer); err != nil {
			return backup{}, err
		}
		for _, b := range answer.Backups {
			switch {
			case b.ID != id:
			case done(b):
				return b, nil
			case person:
				_, _ = fmt.Fprintf(p.Stderr, "\r\x1b[K%s", clean(b.Progress)) // for the eye only
			}
		}
		select {
		case <-ctx.Done():
			return backup{}, ctx.Err()
		case <-time.After(500 * time.Millisecond):
		}
	}
}

func (p *program) backupRehearse() *cobra.Command {
	var detach bool
	c := &cobra.Command{
		Use: "rehearse [BACKUP]", Short: "Restore a backup for a trial, the newest when none is named", Args: args(0, 1),
		Long: "Restore a backup for a trial: all of it is read, databases take their rows in, and apps must become healthy, in a network\nwithout a way out. Then it is thrown away. What runs notices nothing of it.",
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := p.client()
			if err != nil {
				return err
			}
			was, err := newestOf(cmd.Context(), c, args)
			if err != nil {
				return err
			}
			id := was.ID
			if _, err := c.call(cmd.Context(), http.MethodPost, backupsPath+"/"+url.PathEscape(id)+"/rehearse", nil, nil); err != nil {
				return err
			}
			if detach {
				return p.done(map[string]string{"rehearses": id}, "The backup %s is restored for a trial. See what comes of it: lugsail backups\n", id)
			}
			tried, err := p.awaitBackup(cmd.Context(), c, id, func(b backup) bool {
				return b.RehearsedAt != nil && (was.RehearsedAt == nil || b.RehearsedAt.After(*was.RehearsedAt))
			})
			if err == nil && tried.Fault != "" {
				err = platform.Errorf(platform.Conflict, "backup_faulty", "The backup %s could not be restored. %s", id, tried.Fault)
			}
			if err != nil {
				return err
			}
			return p.show(map[string]any{"backup": tried}, func() { p.printf("The backup %s can be restored: %s\n", id, clean(tried.Proof)) })
		},
	}
	detachFlag(c, &detach)
	return c
}

// newestOf is the backup that was named, or the newest that is ready.
func newestOf(ctx context.Context, c *client, args []string) (backup, error) {
	var answer backupsAnswer
	if _, err := c.call(ctx, http.MethodGet, backupsPath, nil, &answer); err != nil {
		return backup{}, err
	}
	for _, b := range answer.Backups {
		if len(args) == 0 && b.State == platform.BackupReady || len(args) == 1 && strings.HasPrefix(b.ID, args[0]) {
			return b, nil
		}
	}
	if len(args) == 1 {
		return backup{ID: args[0]}, nil // the server says that there is none
	}
	return backup{}, platform.Errorf(platform.NotFound, "backup_not_found", "There is no backup yet.").WithHint("Make one: lugsail backups create")
}

func (p *program) backupRemove() *cobra.Command {
	return &cobra.Command{
		Use: "remove BACKUP", Short: "Remove a backup for good", Args: args(1, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return p.askBackups(cmd, http.MethodDelete, "/"+url.PathEscape(args[0]), map[string]string{"removed": args[0]}, "Removed the backup "+clean(args[0])+".\n")
		},
	}
}
