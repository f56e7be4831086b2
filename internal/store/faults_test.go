package store

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/go-gormigrate/gormigrate/v2"
	"gorm.io/gorm"

	"github.com/lugsail/lugsail/platform"
)

// filled makes a closed store with some rows and gives its directory.
func filled(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	s := openTest(t, dir)
	app := newApp(t, s, "shop")
	for range 300 {
		must(t, s.AppendEvent(t.Context(), &platform.Event{AppID: app.ID, Text: strings.Repeat("long ", 40)}))
	}
	must(t, s.Close())
	return dir
}

func TestOpen_F08SecondInstanceIsRefusedWithThePID(t *testing.T) {
	dir := t.TempDir()
	first := openTest(t, dir)
	_, err := Open(t.Context(), Config{Dir: dir, Key: testKey{}})
	wantKind(t, err, platform.Conflict, "already_running")
	if want := "(pid " + strconv.Itoa(os.Getpid()) + ")"; !strings.Contains(err.Error(), want) {
		t.Fatalf("got %q, want %s", err, want)
	}
	newApp(t, first, "shop") // the refused one did not take the lock along
	must(t, first.Close())
	must(t, openTest(t, dir).Close())
}

// foreign opens the database as another process would.
func foreign(t *testing.T, s *Store) *sql.DB {
	t.Helper()
	db, err := sql.Open("sqlite", "file:"+filepath.Join(s.dir, File)+"?_pragma=busy_timeout(5000)")
	must(t, err)
	db.SetMaxOpenConns(1)
	t.Cleanup(func() { must(t, db.Close()) })
	return db
}

func TestWrite_F25ForeignLockMeansBusyAfterFiveSecondsAndReadersGoOn(t *testing.T) {
	t.Parallel() // it waits
	s := newSQLite(t)
	app := newApp(t, s, "shop")
	other := foreign(t, s)
	_, err := other.Exec("BEGIN EXCLUSIVE")
	must(t, err)
	began := time.Now()
	_, err = s.UpdateApp(t.Context(), app.ID, func(a *platform.App) error { a.Plan = "large"; return nil })
	wantKind(t, err, platform.Unavailable, "busy")
	if took := time.Since(began); took < 4*time.Second || took > 7*time.Second {
		t.Errorf("it waited %s, want about 5 s", took)
	}
	if _, err := s.AppByID(t.Context(), app.ID); err != nil {
		t.Errorf("a reader was kept out: %v", err)
	}
	_, err = other.Exec("COMMIT")
	must(t, err)
	got, err := s.UpdateApp(t.Context(), app.ID, func(a *platform.App) error { a.Plan += "+"; return nil })
	must(t, err)
	if got.Plan != "micro+" {
		t.Errorf("the busy change was half made: %s", got.Plan)
	}
}

func TestWrite_F25QueuedWriteEndsWithItsContextOrAfterFiveSeconds(t *testing.T) {
	t.Parallel() // it waits
	s := newTest(t)
	app := newApp(t, s, "shop")
	inside, leave := make(chan struct{}), make(chan struct{})
	done := make(chan error, 1)
	go func() {
		_, err := s.UpdateApp(context.WithoutCancel(t.Context()), app.ID, func(*platform.App) error { close(inside); <-leave; return nil })
		done <- err
	}()
	<-inside
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.AppendEvent(ctx, &platform.Event{Text: "a"}); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	err := s.AppendEvent(t.Context(), &platform.Event{Text: "a"})
	close(leave)
	wantKind(t, err, platform.Unavailable, "busy")
	must(t, <-done)
	must(t, s.AppendEvent(t.Context(), &platform.Event{Text: "a"}))
}

func TestOpen_SetsWhatKeepsRowsThroughAPowerCut(t *testing.T) {
	s := newSQLite(t)
	for pragma, want := range map[string]string{"journal_mode": "wal", "synchronous": "2", "foreign_keys": "1", "busy_timeout": "5000", "query_only": "0"} {
		var got string
		must(t, s.writer.Raw("PRAGMA "+pragma).Scan(&got).Error)
		if got != want {
			t.Errorf("%s is %s, want %s", pragma, got, want)
		}
	}
	must(t, s.Check(t.Context()))
	if err := s.reader.Exec("DELETE FROM apps").Error; err == nil {
		t.Error("a reader may write")
	}
}

func TestOpen_F26DamagedDatabaseIsRefusedWithTheReasonAndKept(t *testing.T) {
	for name, c := range map[string]struct {
		damage func(b []byte) []byte
		reason string
	}{
		"zero length":  {func([]byte) []byte { return nil }, "the file is empty"},
		"cut header":   {func(b []byte) []byte { return b[:7] }, "the file is cut off"},
		"half":         {func(b []byte) []byte { return b[:len(b)/2] }, "contents are not what SQLite wrote|check of its pages"},
		"other format": {func([]byte) []byte { return bytes.Repeat([]byte("text"), 5000) }, "does not start like a SQLite database"},
		"random page": {func(b []byte) []byte {
			for i := len(b) / 2 / 4096 * 4096; i < len(b)-4096*2; i++ {
				b[i] = byte(i * 7)
			}
			return b
		}, "contents are not what SQLite wrote|check of its pages"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := filled(t)
			path := filepath.Join(dir, File)
			b, err := os.ReadFile(path)
			must(t, err)
			b = c.damage(b)
			must(t, os.WriteFile(path, b, 0o600))
			wantRefusal(t, dir, c.reason)
			if after, err := os.ReadFile(path); err != nil || !bytes.Equal(after, b) {
				t.Fatalf("the damaged file was changed (%v)", err)
			}
		})
	}
}

func wantRefusal(t *testing.T, dir, reasons string) {
	t.Helper()
	_, err := Open(t.Context(), Config{Dir: dir, Key: testKey{}})
	wantKind(t, err, platform.Unavailable, "database_damaged")
	e := platform.AsError(err)
	for reason := range strings.SplitSeq(reasons, "|") {
		if strings.Contains(e.Message, reason) && strings.Contains(e.Hint, "Restore") || strings.Contains(e.Message, reason) && strings.Contains(e.Hint, "restore") {
			return
		}
	}
	t.Fatalf("got %q / %q, want %q", e.Message, e.Hint, reasons)
}

func TestOpen_F26MissingOrForeignDatabaseIsRefused(t *testing.T) {
	dir := filled(t)
	other := filled(t)
	path := filepath.Join(dir, File)
	must(t, os.Rename(filepath.Join(other, File), path))
	wantRefusal(t, dir, "it belongs to another server")
	must(t, os.Remove(path))
	wantRefusal(t, dir, "the file is gone")
	if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
		t.Fatalf("a new database was made: %v", err)
	}
}

func TestOpen_F26NewestCopyIsNamed(t *testing.T) {
	dir := filled(t)
	must(t, os.MkdirAll(filepath.Join(dir, "copies"), 0o700))
	for _, name := range []string{"20300101T000000.000000Z-before-2.db", "20310101T000000.000000Z-before-3.db"} {
		must(t, os.WriteFile(filepath.Join(dir, "copies", name), nil, 0o600))
	}
	must(t, os.Truncate(filepath.Join(dir, File), 0))
	_, err := Open(t.Context(), Config{Dir: dir, Key: testKey{}})
	if hint := platform.AsError(err).Hint; !strings.Contains(hint, "20310101") {
		t.Fatalf("got %q", hint)
	}
}

func TestOpen_FirstStartThatWasCutOffStartsOver(t *testing.T) {
	dir := t.TempDir()
	must(t, os.WriteFile(filepath.Join(dir, File+".new"), []byte("half"), 0o600))
	s := openTest(t, dir)
	id, err := s.Instance(t.Context())
	must(t, err)
	must(t, s.Close())
	must(t, os.Remove(filepath.Join(dir, instanceName))) // cut off between the two files
	s = openTest(t, dir)
	again, err := s.Instance(t.Context())
	must(t, err)
	must(t, s.Close())
	if id == "" || again != id {
		t.Fatalf("got %q, then %q", id, again)
	}
	b, err := os.ReadFile(filepath.Join(dir, instanceName))
	if err != nil || strings.TrimSpace(string(b)) != id {
		t.Fatalf("got %q, %v", b, err)
	}
}

func addColumn(tx *gorm.DB) error { return tx.Exec("ALTER TABLE apps ADD COLUMN colour text").Error }

func TestMigrate_F28FailureLeavesTheOldSchemaAndACopy(t *testing.T) {
	dir := filled(t)
	broken := append(migrations(),
		&gormigrate.Migration{ID: "0002_colour", Migrate: addColumn},
		&gormigrate.Migration{ID: "0003_broken", Migrate: func(tx *gorm.DB) error {
			if err := tx.Exec("ALTER TABLE apps ADD COLUMN size text").Error; err != nil {
				return err
			}
			return errors.New("power went")
		}})
	_, err := open(t.Context(), Config{Dir: dir, Key: testKey{}}, broken)
	wantKind(t, err, platform.Unavailable, "migration_failed")
	if e := platform.AsError(err); !strings.Contains(e.Error(), "power went") || !strings.Contains(e.Message, "0003_broken") || !strings.Contains(e.Hint, "-before-0002_colour.db") {
		t.Fatalf("got %v / %s", e, e.Hint)
	}
	if found := copies(dir); len(found) != 1 || !strings.HasSuffix(found[0], "-before-0002_colour.db") {
		t.Fatalf("got copies %v", found)
	}
	s := openTest(t, dir) // the previous binary
	defer func() { must(t, s.Close()) }()
	if s.reader.Migrator().HasColumn("apps", "colour") || s.reader.Migrator().HasColumn("apps", "size") {
		t.Fatal("half of the migration stayed")
	}
	if _, err := s.AppByName(t.Context(), "shop"); err != nil {
		t.Fatal(err)
	}
}

func TestMigrate_F28NewerSchemaRefusesToStartAndTheCopyRestoresIt(t *testing.T) {
	dir := filled(t)
	newer := append(migrations(), &gormigrate.Migration{ID: "0002_colour", Migrate: addColumn})
	s, err := open(t.Context(), Config{Dir: dir, Key: testKey{}}, newer)
	must(t, err)
	must(t, s.Close())
	_, err = Open(t.Context(), Config{Dir: dir, Key: testKey{}})
	wantKind(t, err, platform.Conflict, "database_newer")
	found := copies(dir)
	if hint := platform.AsError(err).Hint; len(found) != 1 || !strings.Contains(hint, found[0]) {
		t.Fatalf("got %q, copies %v", hint, found)
	}
	b, err := os.ReadFile(found[0])
	must(t, err)
	must(t, os.WriteFile(filepath.Join(dir, File), b, 0o600))
	s = openTest(t, dir)
	events, err := s.Events(t.Context(), "", 0, 1000)
	must(t, err)
	must(t, s.Close())
	if len(events) != 300 {
		t.Fatalf("the copy has %d of 300 events", len(events))
	}
}

func TestMigrate_KeepsThreeCopies(t *testing.T) {
	dir := filled(t)
	steps := migrations()
	now := time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)
	for i := range 5 {
		steps = append(steps, &gormigrate.Migration{ID: "000" + strconv.Itoa(i+2), Migrate: func(*gorm.DB) error { return nil }})
		s, err := open(t.Context(), Config{Dir: dir, Key: testKey{}, Now: func() time.Time { now = now.Add(time.Second); return now }}, steps)
		must(t, err)
		must(t, s.Close())
	}
	found := copies(dir)
	if len(found) != 3 || !strings.HasSuffix(found[2], "-before-0006.db") {
		t.Fatalf("got %v", found)
	}
	info, err := os.Stat(found[2])
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Fatalf("got %v, %v", info, err)
	}
}

func TestWrite_F21FullDiskIsNoRoomWithNumbersAndPassesLater(t *testing.T) {
	s := newSQLite(t)
	var pages int
	must(t, s.writer.Raw("PRAGMA page_count").Scan(&pages).Error)
	must(t, s.writer.Exec("PRAGMA max_page_count="+strconv.Itoa(pages+2)).Error)
	var err error
	for err == nil {
		err = s.AppendEvent(t.Context(), &platform.Event{Text: strings.Repeat("x", 3000)})
	}
	wantKind(t, err, platform.NoRoom, "disk_full")
	if e := platform.AsError(err); !strings.Contains(e.Message, "MiB are free") || e.Hint == "" {
		t.Fatalf("got %q", e.Message)
	}
	if _, err := s.Apps(t.Context()); err != nil {
		t.Fatalf("reading: %v", err)
	}
	must(t, s.writer.Exec("PRAGMA max_page_count=1000000").Error)
	must(t, s.AppendEvent(t.Context(), &platform.Event{Text: strings.Repeat("x", 3000)}))
}

func TestWrite_F24StopsWhenTheDiskDidNotKeepWhatWasWritten(t *testing.T) {
	s := newSQLite(t)
	app := newApp(t, s, "shop")
	err := s.explain(t.Context(), "testing", coded(sqliteIOErrFsync))
	wantKind(t, err, platform.Unavailable, "database_stopped")
	_, err = s.UpdateApp(t.Context(), app.ID, func(*platform.App) error { return nil })
	wantKind(t, err, platform.Unavailable, "database_stopped")
	wantKind(t, s.Ping(t.Context()), platform.Unavailable, "database_stopped")
	if _, err := s.AppByID(t.Context(), app.ID); err != nil {
		t.Fatalf("reading: %v", err)
	}
}

// coded is an error with SQLite's code.
type coded int

func (c coded) Error() string { return "sqlite: " + strconv.Itoa(int(c)) }
func (c coded) Code() int     { return int(c) }

func TestExplain_SpeaksOfWhatTheDatabaseSays(t *testing.T) {
	s := newSQLite(t)
	for code, want := range map[int]string{
		5: "busy", 5 | 2<<8: "busy", 6: "busy", 13: "disk_full", 8: "database_unwritable", 14: "database_unwritable",
		11: "database_damaged", 26: "database_damaged",
	} {
		if e := platform.AsError(s.explain(t.Context(), "testing", coded(code))); e.Code != want {
			t.Errorf("%d: got %s, want %s", code, e.Code, want)
		}
	}
	if err := s.explain(t.Context(), "testing", syscall.EIO); !errors.Is(err, syscall.EIO) {
		t.Errorf("got %v", err)
	}
}

func TestFiles_AreForTheOwnerOnlyAndHoldNoConfigValue(t *testing.T) {
	const canary = "LGS-CANARY-5f1c2e"
	dir := t.TempDir()
	s := openTest(t, dir)
	app := newApp(t, s, "shop")
	_, err := s.ReplaceConfigVars(t.Context(), platform.ConfigChange{AppID: app.ID}, func(v map[string]string) error { v["SECRET"] = canary; return nil })
	must(t, err)
	must(t, s.AppendRelease(t.Context(), &platform.Release{AppID: app.ID, Image: "i", Plan: "micro", ConfigVars: map[string]string{"SECRET": canary}}))
	must(t, s.Close())
	s, err = open(t.Context(), Config{Dir: dir, Key: testKey{}}, append(migrations(), &gormigrate.Migration{ID: "0002_colour", Migrate: addColumn}))
	must(t, err)
	defer func() { must(t, s.Close()) }()
	vars, err := s.ConfigVars(t.Context(), app.ID)
	if err != nil || vars["SECRET"] != canary {
		t.Fatalf("got %v, %v", vars, err)
	}
	files := 0
	must(t, filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		files++
		b, err := os.ReadFile(path)
		if bytes.Contains(b, []byte(canary)) {
			t.Errorf("%s holds the value", path)
		}
		if info, e := entry.Info(); e != nil || info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s is open to others: %v", path, info.Mode())
		}
		return err
	}))
	if files < 4 {
		t.Fatalf("only %d files were looked at", files)
	}
}

func TestConfigVars_AValueMovedToAnotherRowDoesNotOpen(t *testing.T) {
	s := newTest(t)
	mine, other := newApp(t, s, "mine"), newApp(t, s, "other")
	_, err := s.ReplaceConfigVars(t.Context(), platform.ConfigChange{AppID: mine.ID}, func(v map[string]string) error { v["SECRET"] = "a value"; return nil })
	must(t, err)
	must(t, s.writer.Exec("UPDATE config_vars SET app_id = ?", other.ID).Error)
	_, err = s.ConfigVars(t.Context(), other.ID)
	wantKind(t, err, platform.Internal, "config_unreadable")
	if strings.Contains(platform.AsError(err).Message, "a value") {
		t.Fatal(err)
	}
}
