package store

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/go-gormigrate/gormigrate/v2"
	"gorm.io/gorm"

	"github.com/lugsail/lugsail/platform"
)

// ticking is a clock that never says the same time twice, as copies are named by it.
func ticking() func() time.Time {
	now := time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)
	return func() time.Time { now = now.Add(time.Second); return now }
}

// later are the steps of a Lugsail that is newer by so many.
func later(ids ...string) []*gormigrate.Migration {
	steps := migrations()
	for _, id := range ids {
		steps = append(steps, &gormigrate.Migration{ID: id, Migrate: func(tx *gorm.DB) error {
			return tx.Exec("CREATE TABLE later_" + id[:4] + " (a text)").Error
		}})
	}
	return steps
}

// Two upgrades migrated, and a copy was made in between and afterwards: the program of before them can use
// only the oldest of the copies, and what was written since is kept aside.
func TestF28_OlderProgramGoesBackToTheNewestCopyThatItKnows(t *testing.T) {
	for name, address := range map[string]string{"SQLite": "", "PostgreSQL": newDatabase(t)} {
		t.Run(name, func(t *testing.T) {
			cfg := Config{Dir: t.TempDir(), Key: testKey{}, Database: address, Now: ticking()}
			s, err := Open(t.Context(), cfg)
			must(t, err)
			newApp(t, s, "shop")
			must(t, s.Close())
			if path, err := WayBack(t.Context(), cfg); err != nil || path != "" {
				t.Fatalf("a way back from the database that it knows: %q, %v", path, err)
			}
			for _, steps := range [][]*gormigrate.Migration{later("0998_a"), later("0998_a", "0999_b")} {
				s, err = open(t.Context(), cfg, steps)
				must(t, err)
				newApp(t, s, "app-"+steps[len(steps)-1].ID[:4])
				_, err = s.Copy(t.Context())
				must(t, err)
				must(t, s.Close())
			}
			_, err = Open(t.Context(), cfg)
			wantKind(t, err, platform.Conflict, "database_newer")
			path, wayErr := WayBack(t.Context(), cfg)
			must(t, wayErr)
			if !strings.HasSuffix(path, "-before-0998_a.db") || !strings.Contains(platform.AsError(err).Hint, "lugsail db restore "+path) {
				t.Fatalf("way back %s, hint %q", path, platform.AsError(err).Hint)
			}
			_, err = StageRestore(t.Context(), cfg, path)
			must(t, err)
			s, err = Open(t.Context(), cfg)
			must(t, err)
			closing(t, s)
			apps, err := s.Apps(t.Context())
			if err != nil || len(apps) != 1 || apps[0].Name != "shop" {
				t.Fatalf("got %v, %v", apps, err)
			}
			wantAside(t, s, cfg)
		})
	}
}

// wantAside looks for the newer database with all of its three apps.
func wantAside(t *testing.T, s *Store, cfg Config) {
	t.Helper()
	dir := SetAside(cfg.Dir)
	var count int64
	if s.remote == nil {
		db, err := openReaders(filepath.Join(dir, File))
		must(t, err)
		must(t, db.Table("apps").Count(&count).Error)
		must(t, closeDB(db))
	} else {
		text, err := os.ReadFile(filepath.Join(dir, "where.txt"))
		must(t, err)
		_, schema, _ := strings.Cut(strings.TrimSuffix(strings.TrimSpace(string(text)), " CASCADE;"), "DROP SCHEMA ")
		must(t, s.reader.Raw("SELECT COUNT(*) FROM "+schema+".apps").Scan(&count).Error)
	}
	if count != 3 {
		t.Fatalf("the newer database in %s has %d apps", dir, count)
	}
}

func TestWayBack_WithoutACopyThatFitsSaysSo(t *testing.T) {
	cfg := Config{Dir: filled(t), Key: testKey{}}
	s, err := open(t.Context(), cfg, later("0999_b"))
	must(t, err)
	must(t, s.Close())
	must(t, os.RemoveAll(filepath.Join(cfg.Dir, copiesDir)))
	_, err = WayBack(t.Context(), cfg)
	wantKind(t, err, platform.Conflict, "database_newer")
	if hint := platform.AsError(err).Hint; strings.Contains(hint, "db restore") || !strings.Contains(hint, "Install the newer Lugsail again") {
		t.Fatalf("got %q", hint)
	}
}

func TestRestore_F26DamagedPostgresGivesWayToACopyAndIsKept(t *testing.T) {
	for name, damage := range map[string]string{
		"a table is missing":         "DROP TABLE events",
		"a column is missing":        "ALTER TABLE apps DROP COLUMN plan",
		"the list of migrations":     "DROP TABLE migrations",
		"the names of this server's": "DROP TABLE meta",
		"a table that is nobody's":   "CREATE TABLE stranger (a text)",
	} {
		t.Run(name, func(t *testing.T) {
			cfg := Config{Dir: t.TempDir(), Key: testKey{}, Database: newDatabase(t), Now: ticking()}
			s, err := Open(t.Context(), cfg)
			must(t, err)
			furnish(t, s)
			before := contents(t, s)
			path, err := s.Copy(t.Context())
			must(t, err)
			must(t, s.writer.Exec(damage).Error)
			must(t, s.Close())
			_, err = StageRestore(t.Context(), cfg, path)
			must(t, err)
			s, err = Open(t.Context(), cfg)
			must(t, err)
			sameContents(t, before, contents(t, s))
			if SetAside(cfg.Dir) == "" {
				t.Error("the damaged tables are not kept")
			}
			must(t, s.Close())
			s, err = Open(t.Context(), cfg) // nothing is put back twice
			must(t, err)
			must(t, s.AppendEvent(t.Context(), &platform.Event{Text: "new"}))
			must(t, s.Close())
		})
	}
}

func TestRestore_AnotherServersPostgresIsNotTouched(t *testing.T) {
	theirs := newDatabase(t)
	other := newPostgres(t, theirs)
	newApp(t, other, "theirs")
	before := contents(t, other)
	must(t, other.Close())
	s := openTest(t, t.TempDir())
	newApp(t, s, "mine")
	mine, err := s.Instance(t.Context())
	must(t, err)
	path, err := s.Copy(t.Context())
	must(t, err)
	must(t, s.Close())
	cfg := Config{Dir: s.dir, Key: testKey{}}
	_, err = StageRestore(t.Context(), cfg, path)
	must(t, err)
	cfg.Database = theirs // set by hand, after the copy was laid ready, or before
	_, opened := Open(t.Context(), cfg)
	_, staged := StageRestore(t.Context(), cfg, path)
	for _, err := range []error{opened, staged} {
		wantKind(t, err, platform.Conflict, "database_others")
		e := platform.AsError(err)
		if !strings.Contains(e.Message, mine) || !strings.Contains(e.Message, "another Lugsail server (") || !strings.Contains(e.Hint, filepath.Join(s.dir, restoreName)) {
			t.Errorf("got %q / %q", e.Message, e.Hint)
		}
	}
	again, err := Open(t.Context(), Config{Dir: other.dir, Key: testKey{}, Database: theirs})
	must(t, err)
	closing(t, again)
	for table, sum := range before {
		if got := contents(t, again)[table]; table != "meta" && got != sum {
			t.Errorf("%s differs", table)
		}
	}
}

// What was set aside by a restore is a file and what was not merged into it yet.
func TestRestore_ADatabaseThatWasSetAsideComesBackWhole(t *testing.T) {
	dir, aside := t.TempDir(), t.TempDir()
	s := openTest(t, dir)
	newApp(t, s, "shop")
	for _, suffix := range []string{"", "-wal"} { // as a killed control plane leaves them
		must(t, copyFile(filepath.Join(dir, File+suffix), filepath.Join(aside, File+suffix)))
	}
	path, err := s.Copy(t.Context())
	must(t, err)
	must(t, s.Close())
	if info, err := os.Stat(filepath.Join(aside, File+"-wal")); err != nil || info.Size() == 0 {
		t.Fatalf("nothing waits to be merged: %v", err)
	}
	cfg := Config{Dir: dir, Key: testKey{}}
	must(t, os.Remove(path))
	found, err := StageRestore(t.Context(), cfg, filepath.Join(aside, File))
	if err != nil || found.Apps != 1 {
		t.Fatalf("got %+v, %v", found, err)
	}
	s = closing(t, openTest(t, dir))
	if _, err := s.AppByName(t.Context(), "shop"); err != nil {
		t.Fatal(err)
	}
}

func TestOpen_RemovesCopiesThatWereCutOff(t *testing.T) {
	dir := filled(t)
	must(t, os.MkdirAll(filepath.Join(dir, copiesDir), 0o700))
	for _, name := range []string{"20300101T000000.000000Z-daily.db.new", "20300101T000000.000000Z-daily.db.new-journal"} {
		must(t, os.WriteFile(filepath.Join(dir, copiesDir, name), []byte("half"), 0o600))
	}
	closing(t, openTest(t, dir))
	if left, err := filepath.Glob(filepath.Join(dir, copiesDir, "*.new*")); err != nil || len(left) > 0 {
		t.Fatalf("left: %v, %v", left, err)
	}
}

// The settings cannot be written: the old database goes on, and the move can be repeated.
func TestMoveTo_SettingThatIsNotKeptUndoesIt(t *testing.T) {
	address := newDatabase(t)
	s := closing(t, openTest(t, t.TempDir()))
	furnish(t, s)
	fails := func() error { return errors.New("read-only file system") }
	_, err := s.MoveTo(t.Context(), address, fails, quiet)
	wantKind(t, err, platform.Unavailable, "database_setting_kept")
	must(t, s.AppendEvent(t.Context(), &platform.Event{Text: "it goes on"}))
	done, err := s.MoveTo(t.Context(), address, nothing, quiet)
	must(t, err)
	must(t, s.Moved(t.Context(), done.To))
	must(t, s.Close())
	big, err := Open(t.Context(), Config{Dir: s.dir, Key: testKey{}, Database: address})
	must(t, err)
	closing(t, big)
	_, err = big.MoveTo(t.Context(), SQLite, fails, quiet)
	wantKind(t, err, platform.Unavailable, "database_setting_kept")
	must(t, big.AppendEvent(t.Context(), &platform.Event{Text: "it goes on"}))
	_, err = big.MoveTo(t.Context(), SQLite, nothing, quiet)
	must(t, err)
}

func TestCheck_LooksAtEverySeal(t *testing.T) {
	for table, want := range map[string]string{"webhooks": "webhook_unreadable", "onces": "answer_unreadable", "config_vars": "config_unreadable"} {
		s := newTest(t)
		app := furnish(t, s)
		must(t, s.SetWebhook(t.Context(), &platform.Webhook{AppID: app.ID, Secret: "secret"}))
		must(t, s.EndOnce(t.Context(), platform.Once{Holder: "a", Key: "k", Body: []byte("answer")}))
		must(t, s.Check(t.Context()))
		must(t, s.writer.Exec("UPDATE "+table+" SET sealed = 'AAAA'").Error)
		wantKind(t, s.Check(t.Context()), platform.Internal, want)
	}
}

// A server that is started anew every day is checked every day, and one that is started often not at every start.
func TestCheckDaily_GoesByTheTimeThatIsWrittenDown(t *testing.T) {
	dir, now := t.TempDir(), time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)
	address := ""
	if onPostgres() {
		address = newDatabase(t)
	}
	for i, step := range []struct {
		later time.Duration
		want  bool
	}{{0, true}, {time.Minute, false}, {22 * time.Hour, false}, {2 * time.Hour, true}, {time.Hour, false}, {-48 * time.Hour, true}} {
		now = now.Add(step.later)
		s, err := Open(t.Context(), Config{Dir: dir, Key: testKey{}, Database: address, Now: func() time.Time { return now }})
		must(t, err)
		done, err := s.CheckDaily(t.Context())
		if err != nil || done != step.want {
			t.Errorf("start %d: checked %v, %v", i+1, done, err)
		}
		must(t, s.Close())
	}
	s, err := Open(t.Context(), Config{Dir: dir, Key: testKey{}, Database: address, Now: func() time.Time { return now.Add(72 * time.Hour) }})
	must(t, err)
	closing(t, s)
	app := newApp(t, s, "shop")
	must(t, s.SetWebhook(t.Context(), &platform.Webhook{AppID: app.ID, Secret: "secret"}))
	must(t, s.writer.Exec("UPDATE webhooks SET sealed = 'AAAA'").Error)
	for range 2 { // damage is not written down as sound
		if done, err := s.CheckDaily(t.Context()); err == nil || !done {
			t.Errorf("checked %v, %v", done, err)
		}
	}
}
