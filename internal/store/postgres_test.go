package store

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/go-gormigrate/gormigrate/v2"
	"gorm.io/gorm"

	"github.com/lugsail/lugsail/internal/testenv/pgtest"
	"github.com/lugsail/lugsail/platform"
)

func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	deadline := time.Now().Add(20 * time.Second)
	for !ok() {
		if time.Now().After(deadline) {
			t.Fatalf("it did not come to pass: %s", what)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// backend is the server's process behind the connection that writes.
func backend(t *testing.T, s *Store) int {
	t.Helper()
	var pid int
	must(t, s.writer.Raw("SELECT pg_backend_pid()").Scan(&pid).Error)
	return pid
}

func TestPostgres_F08SecondInstanceIsRefusedWithPIDAndHost(t *testing.T) {
	address := newDatabase(t)
	first := newPostgres(t, address)
	_, err := Open(t.Context(), Config{Dir: t.TempDir(), Key: testKey{}, Database: address, Patience: time.Millisecond})
	wantKind(t, err, platform.Conflict, "already_running")
	if want := "(pid " + strconv.Itoa(os.Getpid()) + " on "; !strings.Contains(err.Error(), want) {
		t.Fatalf("got %q, want %s", err, want)
	}
	newApp(t, first, "shop") // the refused one did not take the lock along
}

func TestPostgres_LostConnectionIsMadeAgainWithTheClaimAndLosesNothing(t *testing.T) {
	s := newPostgres(t, newDatabase(t))
	app := newApp(t, s, "shop")
	for range 3 {
		_, err := server.SQL(t.Context(), "postgres", "SELECT pg_terminate_backend("+strconv.Itoa(backend(t, s))+")")
		must(t, err)
		eventually(t, "a write after the connection was lost", func() bool {
			_, err := s.UpdateApp(t.Context(), app.ID, func(a *platform.App) error { a.Plan = "large"; return nil })
			if err != nil {
				wantKind(t, err, platform.Unavailable, "database_unreachable")
			}
			return err == nil
		})
	}
	_, err := Open(t.Context(), Config{Dir: t.TempDir(), Key: testKey{}, Database: s.remote.config.ConnString(), Patience: time.Millisecond})
	wantKind(t, err, platform.Conflict, "already_running")
}

func TestPostgres_OneThatLostItsConnectionDoesNotWriteAfterAnotherTookOver(t *testing.T) {
	address, dir := newDatabase(t), t.TempDir()
	s := newPostgres(t, address)
	app := newApp(t, s, "shop")
	must(t, closeDB(s.writer)) // its connection is lost, and with it the lock
	must(t, os.MkdirAll(filepath.Join(dir, "other"), 0o700))
	other, err := Open(t.Context(), Config{Dir: filepath.Join(dir, "other"), Key: testKey{}, Database: address})
	must(t, err)
	s.writer, err = s.remote.open(true)
	must(t, err)
	change := func() error {
		_, err := s.UpdateApp(t.Context(), app.ID, func(a *platform.App) error { a.Plan = "large"; return nil })
		return err
	}
	wantKind(t, change(), platform.Unavailable, "database_taken")
	must(t, other.Close())
	wantKind(t, change(), platform.Unavailable, "database_taken") // what it holds in memory is old
	got, err := s.AppByID(t.Context(), app.ID)
	if err != nil || got.Plan != "micro" {
		t.Fatalf("got %s, %v", got.Plan, err)
	}
}

func TestPostgres_ServerThatStopsIsASentenceAndItGoesOnByItself(t *testing.T) {
	own, err := pgtest.Start(t.Context())
	must(t, err)
	t.Cleanup(func() { must(t, own.Close()) })
	address, err := own.Database(t.Context())
	must(t, err)
	s := newPostgres(t, address)
	app := newApp(t, s, "shop")
	for _, signal := range []syscall.Signal{syscall.SIGINT, syscall.SIGQUIT} {
		must(t, own.Down(signal))
		_, err = s.UpdateApp(t.Context(), app.ID, func(*platform.App) error { return nil })
		wantKind(t, err, platform.Unavailable, "database_unreachable")
		wantKind(t, s.Ping(t.Context()), platform.Unavailable, "database_unreachable")
		_, err = Open(t.Context(), Config{Dir: t.TempDir(), Key: testKey{}, Database: address, Patience: time.Millisecond})
		wantKind(t, err, platform.Unavailable, "database_unreachable")
		for _, e := range []error{err, errors.Unwrap(err)} {
			if e != nil && strings.Contains(e.Error(), "s3cret-canary") {
				t.Errorf("the password is told: %v", e)
			}
		}
		must(t, own.Up(t.Context()))
		eventually(t, "writing goes on", func() bool {
			_, err := s.UpdateApp(t.Context(), app.ID, func(a *platform.App) error { a.CurrentRelease++; return nil })
			return err == nil && s.Ping(t.Context()) == nil
		})
	}
	got, err := s.AppByID(t.Context(), app.ID)
	if err != nil || got.CurrentRelease != 2 {
		t.Fatalf("got %d, %v", got.CurrentRelease, err)
	}
}

func TestPostgres_StartWaitsForAServerThatStartsToo(t *testing.T) {
	own, err := pgtest.Start(t.Context())
	must(t, err)
	t.Cleanup(func() { must(t, own.Close()) })
	address, err := own.Database(t.Context())
	must(t, err)
	must(t, own.Down(syscall.SIGINT))
	opened := make(chan error, 1)
	dir := t.TempDir()
	go func() {
		s, err := Open(t.Context(), Config{Dir: dir, Key: testKey{}, Database: address})
		if err == nil {
			err = s.Close()
		}
		opened <- err
	}()
	must(t, own.Up(t.Context()))
	must(t, <-opened)
}

func TestPostgres_F25ForeignLockMeansBusyAndNothingIsHalfDone(t *testing.T) {
	s := newPostgres(t, newDatabase(t))
	app := newApp(t, s, "shop")
	tx := s.reader.Begin()
	must(t, tx.Error)
	must(t, tx.Exec("SET TRANSACTION READ WRITE").Error)
	must(t, tx.Exec("SELECT 1 FROM apps WHERE id = ? FOR UPDATE", app.ID).Error)
	_, err := s.UpdateApp(t.Context(), app.ID, func(a *platform.App) error { a.Plan = "large"; return nil })
	wantKind(t, err, platform.Unavailable, "busy")
	must(t, tx.Rollback().Error)
	got, err := s.UpdateApp(t.Context(), app.ID, func(a *platform.App) error { a.Plan += "+"; return nil })
	if err != nil || got.Plan != "micro+" {
		t.Fatalf("got %s, %v", got.Plan, err)
	}
}

func TestPostgres_WhatAnotherSessionUndidIsTriedAgain(t *testing.T) {
	s := newPostgres(t, newDatabase(t))
	app := newApp(t, s, "shop")
	tries := 0
	must(t, s.write(t.Context(), "testing", func(tx *gorm.DB) error {
		tries++
		must(t, tx.Model(&platform.App{}).Where("id = ?", app.ID).Update("plan", "large").Error)
		if tries < 3 {
			return tx.Exec("DO $$ BEGIN RAISE EXCEPTION 'undone' USING ERRCODE = '" + []string{"40001", "40P01"}[tries-1] + "'; END $$").Error
		}
		return nil
	}))
	if tries != 3 {
		t.Fatalf("it was tried %d times", tries)
	}
}

func TestPostgres_WritersOfTwoSessionsLoseNothing(t *testing.T) {
	s := newPostgres(t, newDatabase(t))
	app := newApp(t, s, "shop")
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range 25 {
				_, err := s.UpdateApp(t.Context(), app.ID, func(a *platform.App) error { a.CurrentRelease++; return nil })
				if err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	got, err := s.AppByID(t.Context(), app.ID)
	if err != nil || got.CurrentRelease != 200 {
		t.Fatalf("got %d, %v", got.CurrentRelease, err)
	}
}

func TestPostgres_ACallerThatGoesDoesNotTakeTheConnectionAlong(t *testing.T) {
	s := newPostgres(t, newDatabase(t))
	before := backend(t, s)
	ctx, cancel := context.WithCancel(t.Context())
	err := s.write(ctx, "testing", func(tx *gorm.DB) error {
		cancel()
		return tx.Create(&platform.Event{Text: "a"}).Error
	})
	must(t, err)
	if after := backend(t, s); after != before {
		t.Fatalf("the connection that holds the claim was replaced: %d, %d", before, after)
	}
}

func TestPostgres_TimesAreUTCAndNamesSortByBytesWhateverTheServerThinks(t *testing.T) {
	address := newDatabase(t)
	name := address[strings.LastIndex(address, "/")+1 : strings.Index(address, "?")]
	_, err := server.SQL(t.Context(), "postgres", "ALTER DATABASE "+name+" SET timezone TO 'Asia/Kolkata'; ALTER ROLE owner IN DATABASE "+name+" SET default_transaction_isolation TO 'serializable'")
	must(t, err)
	s := newPostgres(t, address)
	app := newApp(t, s, "shop")
	got, err := s.AppByID(t.Context(), app.ID)
	must(t, err)
	if got.CreatedAt.Location() != time.UTC || !got.CreatedAt.Equal(app.CreatedAt) {
		t.Fatalf("got %s, want %s", got.CreatedAt, app.CreatedAt)
	}
	for _, name := range []string{"a-b", "ab", "a1", "B"} {
		newApp(t, s, name)
	}
	list, err := s.Apps(t.Context())
	must(t, err)
	names := []string{}
	for _, a := range list {
		names = append(names, a.Name)
	}
	if !slices.IsSorted(names) {
		t.Fatalf("got %v", names)
	}
	if _, err := s.AppByName(t.Context(), "SHOP"); !platform.IsKind(err, platform.NotFound) {
		t.Fatalf("names are found whatever their case: %v", err)
	}
}

func TestPostgres_BytesThatAreNoTextAreKeptAsTextOrRefused(t *testing.T) {
	s := newTest(t) // on both
	must(t, s.AppendEvent(t.Context(), &platform.Event{Text: "caf\xe9 \x00 end"}))
	events, err := s.Events(t.Context(), "", 0, 0)
	must(t, err)
	if len(events) != 1 || events[0].Text != "caf\uFFFD \uFFFD end" {
		t.Fatalf("got %+v", events)
	}
	if _, err := s.AppByName(t.Context(), "shop\x00"); !platform.IsKind(err, platform.NotFound) && !platform.IsKind(err, platform.Invalid) {
		t.Fatalf("got %v", err)
	}
}

func TestPostgres_RefusesWhatItCannotUseWithTheReason(t *testing.T) {
	address := newDatabase(t)
	name := address[strings.LastIndex(address, "/")+1 : strings.Index(address, "?")]
	_, err := server.SQL(t.Context(), name, "CREATE TABLE orders (id int)")
	must(t, err)
	known := t.TempDir()
	must(t, os.WriteFile(filepath.Join(known, instanceName), []byte("i1234567\n"), 0o600))
	_, err = server.SQL(t.Context(), "postgres", "DROP DATABASE IF EXISTS latin")
	must(t, err)
	_, err = server.SQL(t.Context(), "postgres", "CREATE DATABASE latin ENCODING 'LATIN1' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0")
	must(t, err)
	for what, c := range map[string]struct {
		address, dir, code string
	}{
		"other tables":      {address, t.TempDir(), "database_not_empty"},
		"data elsewhere":    {newDatabase(t), known, "database_empty"},
		"no such database":  {server.Address("nowhere"), t.TempDir(), "database_missing"},
		"not UTF-8":         {server.Address("latin"), t.TempDir(), "database_encoding"},
		"another kind":      {"mysql://a:s3cret-canary@127.0.0.1/b", t.TempDir(), "database_setting"},
		"a broken password": {"postgres://a:s3cret-canary%zz@127.0.0.1/b", t.TempDir(), "database_setting"},
		"a broken option":   {"postgres://a:s3cret-canary@127.0.0.1/b?sslmode=maybe", t.TempDir(), "database_setting"},
		"nobody there":      {"postgres://a:s3cret-canary@127.0.0.1:1/b", t.TempDir(), "database_unreachable"},
	} {
		_, err := Open(t.Context(), Config{Dir: c.dir, Key: testKey{}, Database: c.address, Patience: time.Millisecond})
		e := platform.AsError(err)
		if e == nil || e.Code != c.code || e.Hint == "" {
			t.Errorf("%s: got %v, want %s", what, err, c.code)
		}
		if err != nil && strings.Contains(err.Error(), "s3cret-canary") {
			t.Errorf("%s: the password is told: %v", what, err)
		}
	}
}

func TestPostgres_F28FailedMigrationLeavesTheOldSchemaAndACopyAndNewerIsRefused(t *testing.T) {
	address, dir := newDatabase(t), t.TempDir()
	cfg := Config{Dir: dir, Key: testKey{}, Database: address}
	s, err := Open(t.Context(), cfg)
	must(t, err)
	newApp(t, s, "shop")
	must(t, s.Close())
	colour := &gormigrate.Migration{ID: "0998_colour", Migrate: addColumn}
	broken := &gormigrate.Migration{ID: "0999_broken", Migrate: func(*gorm.DB) error { return errors.New("power went") }}
	_, err = open(t.Context(), cfg, append(migrations(), colour, broken))
	wantKind(t, err, platform.Unavailable, "migration_failed")
	s, err = Open(t.Context(), cfg)
	must(t, err)
	if s.reader.Migrator().HasColumn("apps", "colour") {
		t.Fatal("half of the migration stayed")
	}
	must(t, s.Close())
	s, err = open(t.Context(), cfg, append(migrations(), colour))
	must(t, err)
	must(t, s.Close())
	_, err = Open(t.Context(), cfg)
	wantKind(t, err, platform.Conflict, "database_newer")
	found := Copies(dir)
	if len(found) != 2 || !strings.Contains(platform.AsError(err).Hint, found[0].Path) || found[0].Why != "before-0998_colour" {
		t.Fatalf("got %v, hint %q", found, platform.AsError(err).Hint)
	}
	_, err = StageRestore(t.Context(), cfg, found[0].Path)
	must(t, err)
}

func TestPostgres_HasTheTablesAndColumnsOfSQLite(t *testing.T) {
	describe := func(s *Store) []string {
		var all []string
		tables, err := tablesOf(s.reader)
		must(t, err)
		for _, table := range tables {
			columns, err := columnsOf(s.reader, table)
			must(t, err)
			all = append(all, table+": "+strings.Join(namesOf(columns), " "))
		}
		return all
	}
	lite, big := describe(newSQLite(t)), describe(newPostgres(t, newDatabase(t)))
	if !slices.Equal(lite, big) || len(lite) < 10 {
		t.Fatalf("got\n%s\nand\n%s", strings.Join(lite, "\n"), strings.Join(big, "\n"))
	}
}
