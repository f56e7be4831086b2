package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/lugsail/lugsail/internal/config"
	"github.com/lugsail/lugsail/internal/service"
	"github.com/lugsail/lugsail/internal/store"
	"github.com/lugsail/lugsail/platform"
)

func dbCommand() *cobra.Command {
	var s settings
	c := s.add(&cobra.Command{Use: "db", Short: "Look after Lugsail's own database: copies, restoring, PostgreSQL", Args: cobra.NoArgs})
	c.AddCommand(
		s.host("status", "Show which database is used, its size and its copies", dbStatus),
		s.host("check", "Read the whole database and look for damage", dbCheck),
		s.host("copy", "Write a copy of the database now; one a day is written by itself", dbCopy),
		s.host("copies", "List the copies of the database", dbCopies),
		s.dbRestore(), s.dbMigrate(),
	)
	for _, sub := range c.Commands() {
		sub.Long = sub.Short + "."
	}
	return c
}

// askDB asks the running control plane; false when none answers that has the database open.
func askDB(ctx context.Context, m machine, what string, body, into any) (answered bool, err error) {
	var reader io.Reader
	if body != nil {
		data, err := json.Marshal(body)
		if err != nil {
			return true, err
		}
		reader = bytes.NewReader(data)
	}
	response, err := postAdminBody(ctx, m.config, what, reader)
	if err != nil {
		return false, err
	}
	defer func() { _ = response.Body.Close() }() // it is read to its end
	data, err := io.ReadAll(response.Body)
	if err != nil {
		return true, fmt.Errorf("reading the answer: %w", err)
	}
	if err := asPlatform(response.Trailer.Get(troubleTrailer)); err != nil {
		return true, err
	}
	return true, json.Unmarshal(data, into)
}

// withStore opens the database here, where no control plane has it open.
func withStore(ctx context.Context, m machine, do func(*store.Store, store.Config) error) error {
	sc, err := storeConfig(m.config)
	if err != nil {
		return err
	}
	sc.Patience = time.Second
	db, err := store.Open(ctx, sc)
	if err != nil {
		return err
	}
	err = do(db, sc)
	if closeErr := db.Close(); err == nil {
		err = closeErr
	}
	return err
}

func dbStatus(ctx context.Context, m machine) error {
	var info store.Info
	answered, err := askDB(ctx, m, "db/status", nil, &info)
	if !answered {
		err = withStore(ctx, m, func(db *store.Store, _ store.Config) (err error) {
			info, err = db.Info(ctx)
			return err
		})
	}
	if err != nil {
		return err
	}
	if m.json {
		return printJSON(m.out, map[string]any{"database": info, "running": answered})
	}
	var rows int64
	for _, n := range info.Rows {
		rows += n
	}
	newest := "none yet; one is written every day"
	if len(info.Copies) > 0 {
		newest = fmt.Sprintf("%d, the newest of %s: %s", len(info.Copies), info.Copies[0].At.Local().Format(time.DateTime), info.Copies[0].Path)
	}
	w := tabwriter.NewWriter(m.out, 0, 4, 2, ' ', 0)
	for _, line := range [][2]string{
		{"Database", info.Kind},
		{"Version", info.Version + ", tables of " + info.Schema},
		{"Size", fmt.Sprintf("%s, %d rows in %d tables", platform.Bytes(info.Bytes), rows, len(info.Rows))},
		{"Copies", newest},
		{"In use", map[bool]string{true: "by the control plane", false: "no: the control plane does not run (lugsail service start)"}[answered]},
	} {
		if _, err := fmt.Fprintf(w, "%s\t%s\n", line[0], line[1]); err != nil {
			return err
		}
	}
	return w.Flush()
}

func dbCheck(ctx context.Context, m machine) error {
	var done struct{}
	answered, err := askDB(ctx, m, "db/check", nil, &done)
	if !answered {
		err = withStore(ctx, m, func(db *store.Store, _ store.Config) error { return db.Check(ctx) })
	}
	if err != nil {
		return err
	}
	if m.json {
		return printJSON(m.out, map[string]any{"ok": true})
	}
	m.printf("The database is sound: every table was read, and every secret opens with the server's key.\n")
	return nil
}

func dbCopy(ctx context.Context, m machine) error {
	var done struct {
		Path string `json:"path"`
	}
	answered, err := askDB(ctx, m, "db/copy", nil, &done)
	if !answered {
		err = withStore(ctx, m, func(db *store.Store, _ store.Config) (err error) {
			done.Path, err = db.Copy(ctx)
			return err
		})
	}
	if err != nil {
		return err
	}
	if m.json {
		return printJSON(m.out, done)
	}
	m.printf("%s\n", done.Path)
	return nil
}

func dbCopies(_ context.Context, m machine) error {
	list := store.Copies(m.config.DataDir)
	if m.json {
		return printJSON(m.out, map[string]any{"copies": list})
	}
	if len(list) == 0 {
		m.printf("There is no copy yet. One is written every day, and by: lugsail db copy\n")
		return nil
	}
	w := tabwriter.NewWriter(m.out, 0, 4, 2, ' ', 0)
	for _, c := range list {
		if _, err := fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", c.At.Local().Format(time.DateTime), c.Why, platform.Bytes(c.Bytes), c.Path); err != nil {
			return err
		}
	}
	if err := w.Flush(); err != nil {
		return err
	}
	m.printf("To go back to one: lugsail db restore PATH\n")
	return nil
}

// asRootWith is host for commands with an argument; one with none gets "".
func (s *settings) asRootWith(use, short, long string, takes cobra.PositionalArgs, do func(*cobra.Command, machine, string) error) *cobra.Command {
	return &cobra.Command{
		Use: use, Short: short, Long: long, Args: takes,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := asRoot("db " + use); err != nil {
				return err
			}
			m, err := s.machine(cmd)
			if err != nil {
				return err
			}
			return do(cmd, m, strings.Join(args, ""))
		},
	}
}

func (s *settings) dbRestore() *cobra.Command {
	var yes, older bool
	c := s.asRootWith("restore COPY", "Go back to a copy of the database; the present one is kept", "", cobra.MaximumNArgs(1), func(cmd *cobra.Command, m machine, path string) error {
		switch {
		case older && path == "":
			return restoreOlder(cmd, m, yes)
		case older || path == "":
			return platform.Errorf(platform.Invalid, "usage", "Which copy? Name one, or say --older to go back to before an upgrade.").WithHint("See: lugsail db copies")
		}
		return restore(cmd, m, path, yes)
	})
	c.Flags().BoolVarP(&yes, "yes", "y", false, "do not ask")
	c.Flags().BoolVar(&older, "older", false, "where a newer Lugsail has changed the database: the newest copy that this one can use")
	return c
}

// restoreOlder is the way back from an upgrade: nothing where this program knows the database as it is.
func restoreOlder(cmd *cobra.Command, m machine, yes bool) error {
	sc, err := storeConfig(m.config)
	if err != nil {
		return err
	}
	path, err := store.WayBack(cmd.Context(), sc)
	if err != nil {
		return err
	}
	if path != "" {
		return restore(cmd, m, path, yes)
	}
	if m.json {
		return printJSON(m.out, map[string]any{"restored": nil})
	}
	m.printf("No newer Lugsail has changed the database: nothing to go back from.\n")
	return nil
}

func restore(cmd *cobra.Command, m machine, path string, yes bool) error {
	ctx := cmd.Context()
	sc, err := storeConfig(m.config)
	if err != nil {
		return err
	}
	if !strings.Contains(path, "/") {
		path = filepath.Join(m.config.DataDir, "copies", path)
	}
	if err := confirm(cmd, yes, "What was recorded after this copy was made is set aside: newer apps, releases, settings and people. Running apps go on.\nGo back to "+path+"?"); err != nil {
		return err
	}
	found, err := store.StageRestore(ctx, sc, path)
	if err != nil {
		return err
	}
	restarted, err := restartServe(ctx, m)
	if err != nil {
		return err
	}
	kept := ""
	if restarted {
		kept = store.SetAside(m.config.DataDir)
	}
	if m.json {
		return printJSON(m.out, map[string]any{"restored": found, "started": restarted, "kept": kept})
	}
	m.printf("Back to %s: %d apps, %d events, %d secrets that open.\n", path, found.Apps, found.Events, found.Values)
	if !restarted {
		m.printf("It takes effect with the next start: lugsail service start\nThe database of before will lie in %s.\n", filepath.Join(m.config.DataDir, "copies"))
		return nil
	}
	m.printf("The database of before is kept: %s\nLook at your apps: lugsail apps\n", kept)
	return nil
}

// confirm asks on a terminal; elsewhere --yes must have been given.
func confirm(cmd *cobra.Command, yes bool, question string) error {
	if yes {
		return nil
	}
	_, _ = fmt.Fprintf(cmd.ErrOrStderr(), "%s (yes/no) ", question) // a closed pipe ends the program by signal
	answer, err := bufio.NewReader(cmd.InOrStdin()).ReadString('\n')
	if strings.TrimSpace(answer) == "yes" {
		return nil
	}
	return platform.Errorf(platform.Invalid, "not_confirmed", "Nothing was changed.").WithHint("Answer yes, or add --yes.").Because(err)
}

// restartServe lets the control plane start anew and waits until it has; false when it does not run.
func restartServe(ctx context.Context, m machine) (bool, error) {
	running, _, err := service.NewControl(m.service).Status(ctx)
	if err != nil || !running {
		return false, err
	}
	var done struct{}
	if _, err := askDB(ctx, m, "restart", nil, &done); err != nil && !platform.IsKind(err, platform.Unavailable) {
		return true, err
	}
	return true, awaitServe(ctx, m)
}

// awaitServe waits for a control plane that has its database open.
func awaitServe(ctx context.Context, m machine) error {
	ctx, cancel := context.WithTimeout(ctx, 90*time.Second)
	defer cancel()
	for {
		select {
		case <-ctx.Done():
			return platform.Errorf(platform.Unavailable, "service_slow", "The control plane does not answer yet.").
				WithHint("lugsail service status says whether it starts, and why not.")
		case <-time.After(300 * time.Millisecond): // the one that ends still answers for a moment
		}
		var info store.Info
		if answered, err := askDB(ctx, m, "db/status", nil, &info); answered && err == nil {
			return nil
		}
	}
}

func (s *settings) dbMigrate() *cobra.Command {
	var yes bool
	c := s.asRootWith("migrate-to ADDRESS", "Move everything into a PostgreSQL database, or back: migrate-to sqlite",
		"Move everything that Lugsail has recorded into another database, and go on with that one.\n\nADDRESS is postgres://user:password@host:5432/name?sslmode=require of an empty database, or sqlite.\nWith - it is read from the standard input, so that no list of processes shows the password.",
		cobra.ExactArgs(1),
		func(cmd *cobra.Command, m machine, address string) error { return migrateTo(cmd, m, address, yes) })
	c.Flags().BoolVarP(&yes, "yes", "y", false, "do not ask")
	return c
}

func migrateTo(cmd *cobra.Command, m machine, address string, yes bool) error {
	if address == "-" {
		line, err := bufio.NewReader(cmd.InOrStdin()).ReadString('\n')
		if address = strings.TrimSpace(line); address == "" {
			return platform.Errorf(platform.Invalid, "database_setting", "No address came on the standard input.").Because(err)
		}
		yes = true // nobody is there to ask
	}
	where := address
	if address != store.SQLite {
		var err error
		if where, err = store.Where(address); err != nil {
			return err
		}
	}
	if err := byEnvironment(); err != nil {
		return err
	}
	if err := confirm(cmd, yes, "Everything that Lugsail has recorded moves to "+where+". Apps go on; nothing can be changed for some seconds.\nMove?"); err != nil {
		return err
	}
	begun := time.Now()
	done, served, err := moveByWhoeverHasIt(cmd.Context(), m, address)
	if err != nil {
		return err
	}
	if served {
		if err := awaitServe(cmd.Context(), m); err != nil {
			return err
		}
	}
	return tellMove(m, done, served, time.Since(begun))
}

// moveByWhoeverHasIt lets the control plane move, or does it here when none runs.
func moveByWhoeverHasIt(ctx context.Context, m machine, address string) (done store.Move, served bool, err error) {
	say := func(line string) {
		if !m.json {
			m.printf("%s\n", line)
		}
	}
	body, err := json.Marshal(map[string]string{"address": address})
	if err != nil {
		return done, false, err
	}
	response, err := postAdminBody(ctx, m.config, "db/migrate", bytes.NewReader(body))
	if err != nil {
		err = withStore(ctx, m, func(db *store.Store, sc store.Config) (err error) {
			done, err = move(ctx, m.config, db, sc.Key, address, say)
			return err
		})
		return done, false, err
	}
	defer func() { _ = response.Body.Close() }() // it is read to its end
	lines := bufio.NewScanner(response.Body)
	for lines.Scan() {
		if strings.HasPrefix(lines.Text(), "{") {
			err = json.Unmarshal(lines.Bytes(), &done)
		} else {
			say(lines.Text())
		}
	}
	if err == nil {
		err = lines.Err()
	}
	if trouble := asPlatform(response.Trailer.Get(troubleTrailer)); trouble != nil {
		err = trouble
	}
	return done, true, err
}

func tellMove(m machine, done store.Move, served bool, took time.Duration) error {
	if m.json {
		return printJSON(m.out, map[string]any{"moved": done, "started": served, "milliseconds": took.Milliseconds()})
	}
	m.printf("Moved %d rows in %d tables from %s to %s. All are the same there, and %d secrets open.\n", done.Rows, done.Tables, done.From, done.To, done.Values)
	m.printf("Nothing could be changed for %.1f seconds; visitors noticed nothing.\n", done.Paused.Seconds())
	m.printf("The old database is still there and marked as moved. A copy of it: %s\n", done.Kept)
	if !served {
		m.printf("Start Lugsail: lugsail service start\n")
	}
	if strings.HasPrefix(done.To, "PostgreSQL") {
		m.printf("Lugsail goes on writing a copy every day. Back up the database server too. To go back: lugsail db migrate-to sqlite\n")
	}
	return nil
}

// printSafeMode says why the control plane is in safe mode.
func printSafeMode(out io.Writer, cfg config.Config) error {
	crashes, err := service.ReadCrashes(cfg.RunDir, time.Now)
	if err != nil || crashes.Reason == nil || os.Geteuid() != 0 {
		return err
	}
	if crashes.Running && len(crashes.Ended) == 0 {
		return nil // the try after safe mode is under way, or has become more than one
	}
	word := "The control plane ended " + fmt.Sprint(len(crashes.Ended)) + " times within a minute"
	if crashes.Safe() && !crashes.Running {
		word = "Safe mode since " + crashes.Since.Local().Format(time.DateTime) + ": the control plane cannot start. Apps go on"
	}
	_, err = fmt.Fprintf(out, "\n%s.\n%s\n", word, crashes.Reason.Message)
	if err == nil && crashes.Reason.Hint != "" {
		_, err = fmt.Fprintf(out, "→ %s\n", crashes.Reason.Hint)
	}
	return err
}
