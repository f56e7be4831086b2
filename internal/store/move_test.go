package store

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/lugsail/lugsail/platform"
)

func quiet(string) {}

// contents sums up every table of a store.
func contents(t *testing.T, s *Store) map[string]tableSum {
	t.Helper()
	sums := map[string]tableSum{}
	names, err := tablesOf(s.reader)
	must(t, err)
	for _, name := range names {
		sums[name], err = sumOf(s.reader, name)
		must(t, err)
	}
	return sums
}

// furnish fills tables with what is hard to carry: truth values, times, empty and odd texts, seals.
func furnish(t *testing.T, s *Store) platform.App {
	t.Helper()
	ctx := t.Context()
	app := newApp(t, s, "shop")
	_, err := s.ReplaceConfigVars(ctx, platform.ConfigChange{AppID: app.ID}, func(v map[string]string) error {
		v["SECRET"], v["EMPTY"] = "a value\nwith 'quotes' and ✓", ""
		return nil
	})
	must(t, err)
	d := platform.Deployment{AppID: app.ID, Kind: platform.DeployPush, CancelAsked: true}
	must(t, s.CreateDeployment(ctx, &d, []platform.StepName{platform.StepBuild, platform.StepSwitch}))
	_, err = s.ClaimDeployment(ctx, d.ID)
	must(t, err)
	must(t, s.AppendRelease(ctx, &platform.Release{AppID: app.ID, Image: "i", Plan: "micro", ConfigVars: map[string]string{"A": "b"}, Processes: []platform.Process{{Type: "web"}}}))
	_, err = s.UpdateDeployment(ctx, d.ID, func(d *platform.Deployment) error { d.State = platform.DeploymentFailed; return nil })
	must(t, err)
	must(t, s.CreateToken(ctx, &platform.Token{Hash: "h", AccountID: "a", Name: "ci", ExpiresAt: &app.CreatedAt}))
	must(t, s.DraftSecondFactor(ctx, &platform.SecondFactor{AccountID: "a", Secret: "JBSWY3DPEHPK3PXP"}))
	must(t, s.ConfirmSecondFactor(ctx, "a", 63_000_000, []string{"hash of a code", "hash of another"}))
	must(t, s.CreatePasskey(ctx, &platform.Passkey{Credential: "c", AccountID: "a", Name: "phone", Host: "console.example.com", Data: "{}"}))
	for range 450 { // more than a batch
		must(t, s.AppendEvent(ctx, &platform.Event{AppID: app.ID, Action: "test", Text: "ünï ? $1 \\ \" '"}))
	}
	return app
}

func TestMoveTo_ThereAndBackKeepsEveryRowAndSeal(t *testing.T) {
	ctx, dir, address := t.Context(), t.TempDir(), newDatabase(t)
	s := openTest(t, dir)
	app := furnish(t, s)
	before := contents(t, s)
	there, err := s.MoveTo(ctx, address, nothing, quiet)
	must(t, err)
	if there.Rows < 450 || there.Values != 4 || there.Paused <= 0 || there.Kept == "" || strings.Contains(there.To, "s3cret-canary") {
		t.Fatalf("got %+v", there)
	}
	wantKind(t, s.AppendEvent(ctx, &platform.Event{}), platform.Unavailable, "database_moving")
	must(t, s.Moved(ctx, there.To))
	must(t, s.Close())
	_, err = Open(ctx, Config{Dir: dir, Key: testKey{}})
	wantKind(t, err, platform.Conflict, "database_moved")

	big, err := Open(ctx, Config{Dir: dir, Key: testKey{}, Database: address})
	must(t, err)
	sameContents(t, before, contents(t, big))
	vars, err := big.ConfigVars(ctx, app.ID)
	if err != nil || vars["SECRET"] != "a value\nwith 'quotes' and ✓" {
		t.Fatalf("got %q, %v", vars, err)
	}
	newEvent := platform.Event{Text: "new"}
	must(t, big.AppendEvent(ctx, &newEvent))
	if newEvent.ID <= 450 {
		t.Fatalf("a new event has the number %d", newEvent.ID)
	}
	before = contents(t, big)
	back, err := big.MoveTo(ctx, SQLite, nothing, quiet)
	must(t, err)
	must(t, big.Moved(ctx, back.To))
	must(t, big.Close())
	_, err = Open(ctx, Config{Dir: dir, Key: testKey{}, Database: address})
	wantKind(t, err, platform.Conflict, "database_moved")

	s = closing(t, openTest(t, dir))
	sameContents(t, before, contents(t, s))
	must(t, s.AppendEvent(ctx, &platform.Event{Text: "newer"}))
	must(t, s.Check(ctx))
}

func sameContents(t *testing.T, want, got map[string]tableSum) {
	t.Helper()
	if len(want) != len(got) || want["events"].rows < 450 {
		t.Fatalf("got %d tables, want %d", len(got), len(want))
	}
	for table, sum := range want {
		if table != "meta" && got[table] != sum { // the holder and the revision of routes go on
			t.Errorf("%s differs: %d rows, then %d", table, sum.rows, got[table].rows)
		}
	}
}

func TestMoveTo_RefusesATargetThatIsInUseAndGoesOn(t *testing.T) {
	ctx, taken := t.Context(), newDatabase(t)
	other := newPostgres(t, taken)
	s := newSQLite(t)
	furnish(t, s)
	_, err := s.MoveTo(ctx, taken, nothing, quiet)
	wantKind(t, err, platform.Conflict, "already_running")
	must(t, other.Close())
	_, err = s.MoveTo(ctx, taken, nothing, quiet)
	wantKind(t, err, platform.Conflict, "database_not_empty")
	_, err = s.MoveTo(ctx, SQLite, nothing, quiet)
	wantKind(t, err, platform.Invalid, "database_same")
	_, err = s.MoveTo(ctx, "mysql://x/y", nothing, quiet)
	wantKind(t, err, platform.Invalid, "database_setting")
	must(t, s.AppendEvent(ctx, &platform.Event{Text: "it goes on"}))
}

func TestMoveTo_OneThatWasCutOffIsRepeatedAndTheOldOneGoesOn(t *testing.T) {
	dir, address := t.TempDir(), newDatabase(t)
	s := openTest(t, dir)
	furnish(t, s)
	ctx, cancel := context.WithCancel(t.Context())
	_, err := s.MoveTo(ctx, address, nothing, func(string) { cancel() }) // the tables are made by then
	if !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	must(t, s.AppendEvent(t.Context(), &platform.Event{Text: "later"}))
	_, err = s.MoveTo(t.Context(), address, nothing, quiet) // and once more: cut off before the setting was kept
	must(t, err)
	must(t, s.Close())
	s = openTest(t, dir)
	must(t, s.AppendEvent(t.Context(), &platform.Event{Text: "latest"}))
	before := contents(t, s)
	_, err = s.MoveTo(t.Context(), address, nothing, quiet)
	must(t, err)
	must(t, s.Close())
	big, err := Open(t.Context(), Config{Dir: dir, Key: testKey{}, Database: address})
	must(t, err)
	sameContents(t, before, contents(t, closing(t, big)))
}

func TestMoveTo_WaitsForDeploymentsAndThenForNobody(t *testing.T) {
	s := newTest(t)
	address := newDatabase(t)
	app := newApp(t, s, "shop")
	d := platform.Deployment{AppID: app.ID, Kind: platform.DeployPush}
	must(t, s.CreateDeployment(t.Context(), &d, nil))
	_, err := s.ClaimDeployment(t.Context(), d.ID)
	must(t, err)
	waiting := make(chan struct{})
	done := make(chan error, 1)
	ctx := t.Context()
	go func() {
		_, err := s.MoveTo(ctx, address, nothing, func(line string) {
			if strings.Contains(line, "Waiting") {
				close(waiting)
			}
		})
		done <- err
	}()
	select {
	case <-waiting:
	case err := <-done:
		t.Fatalf("it did not wait: %v", err)
	}
	_, err = s.UpdateDeployment(ctx, d.ID, func(d *platform.Deployment) error { d.State = platform.DeploymentFailed; return nil })
	must(t, err)
	must(t, <-done)
}

func TestMoveTo_ASealThatDoesNotOpenStopsIt(t *testing.T) {
	s := newSQLite(t)
	app := furnish(t, s)
	must(t, s.writer.Exec("UPDATE config_vars SET sealed = 'AAAA' WHERE app_id = ? AND name = 'SECRET'", app.ID).Error)
	_, err := s.MoveTo(t.Context(), newDatabase(t), nothing, quiet)
	wantKind(t, err, platform.Internal, "config_unreadable")
	must(t, s.AppendEvent(t.Context(), &platform.Event{Text: "it goes on"}))
	wantKind(t, s.Check(t.Context()), platform.Internal, "config_unreadable")
}

func TestCopyAndRestore_ComeBackOnEitherKind(t *testing.T) {
	for name, address := range map[string]string{"SQLite": "", "PostgreSQL": newDatabase(t)} {
		t.Run(name, func(t *testing.T) {
			ctx := t.Context()
			now := time.Now()
			cfg := Config{Dir: t.TempDir(), Key: testKey{}, Database: address, Now: func() time.Time { now = now.Add(time.Second); return now }}
			s, err := Open(ctx, cfg)
			must(t, err)
			app := furnish(t, s)
			before := contents(t, s)
			path, err := s.Copy(ctx)
			must(t, err)
			must(t, s.DeleteApp(ctx, app.ID))
			must(t, s.Close())
			found, err := StageRestore(ctx, cfg, path)
			must(t, err)
			if found.Apps != 1 || found.Values != 4 || found.Events < 450 {
				t.Fatalf("got %+v", found)
			}
			s, err = Open(ctx, cfg)
			must(t, err)
			sameContents(t, before, contents(t, s))
			kept, err := filepath.Glob(filepath.Join(cfg.Dir, "copies", "*-before-restore*"))
			if err != nil || len(kept) != 1 {
				t.Fatalf("the database of before is not kept: %v, %v", kept, err)
			}
			must(t, s.Close())
			s, err = Open(ctx, cfg) // nothing is put back twice
			must(t, err)
			must(t, s.AppendEvent(ctx, &platform.Event{Text: "new"}))
			must(t, s.Close())
		})
	}
}

func TestRestore_F26ADamagedDatabaseGivesWayToACopy(t *testing.T) {
	dir := filled(t)
	s := openTest(t, dir)
	path, err := s.Copy(t.Context())
	must(t, err)
	must(t, s.Close())
	must(t, os.Truncate(filepath.Join(dir, File), 5000))
	_, err = Open(t.Context(), Config{Dir: dir, Key: testKey{}})
	wantKind(t, err, platform.Unavailable, "database_damaged")
	if hint := platform.AsError(err).Hint; !strings.Contains(hint, "lugsail db restore "+path) {
		t.Fatalf("the way back is not told: %s", hint)
	}
	_, err = StageRestore(t.Context(), Config{Dir: dir, Key: testKey{}}, path)
	must(t, err)
	s = closing(t, openTest(t, dir))
	events, err := s.Events(t.Context(), "", 0, 1000)
	if err != nil || len(events) != 300 {
		t.Fatalf("got %d events, %v", len(events), err)
	}
}

func TestRestore_RefusesWhatIsNoWholeCopyOfThisServer(t *testing.T) {
	dir := filled(t)
	other := filled(t)
	s := openTest(t, dir)
	path, err := s.Copy(t.Context())
	must(t, err)
	must(t, s.Close())
	whole, err := os.ReadFile(path)
	must(t, err)
	cfg := Config{Dir: dir, Key: testKey{}}
	for name, damaged := range map[string][]byte{"empty": nil, "cut": whole[:len(whole)/2], "text": bytes.Repeat([]byte("x"), 9000)} {
		bad := filepath.Join(t.TempDir(), name)
		must(t, os.WriteFile(bad, damaged, 0o600))
		_, err := StageRestore(t.Context(), cfg, bad)
		wantKind(t, err, platform.Invalid, "copy_unusable")
	}
	_, err = StageRestore(t.Context(), cfg, filepath.Join(other, File))
	wantKind(t, err, platform.Invalid, "copy_unusable")
	_, err = StageRestore(t.Context(), cfg, filepath.Join(dir, "nothing.db"))
	wantKind(t, err, platform.NotFound, "copy_not_found")
	for _, name := range []string{restoreName, restoreName + ".new", restoreName + ".check"} {
		if _, err := os.Stat(filepath.Join(dir, name)); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%s was left (%v)", name, err)
		}
	}
}

func TestCopies_EachKindKeepsItsNumber(t *testing.T) {
	dir, now := t.TempDir(), time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)
	s, err := Open(t.Context(), Config{Dir: dir, Key: testKey{}, Now: func() time.Time { return now }})
	must(t, err)
	closing(t, s)
	for range 9 {
		path, err := s.CopyDaily(t.Context())
		if err != nil || path == "" {
			t.Fatalf("no copy of the day: %v", err)
		}
		now = now.Add(time.Hour)
		if again, err := s.CopyDaily(t.Context()); err != nil || again != "" {
			t.Fatalf("a second copy of the day: %s, %v", again, err)
		}
		_, err = s.Copy(t.Context())
		must(t, err)
		now = now.Add(23 * time.Hour)
	}
	count := map[string]int{}
	for _, c := range Copies(dir) {
		count[c.Why]++
		if c.Bytes == 0 || c.At.IsZero() {
			t.Errorf("got %+v", c)
		}
	}
	if count[copyDaily] != 7 || count[copyByHand] != 5 {
		t.Fatalf("got %v", count)
	}
}

// What waited while everything moved must not be acknowledged by the database that nobody reads any more.
func TestMoveTo_AWriteThatWaitedMeanwhileIsRefused(t *testing.T) {
	s := newTest(t)
	must(t, s.takeSlot(t.Context(), "moving"))
	done := make(chan error, 1)
	ctx := t.Context()
	go func() { done <- s.AppendEvent(ctx, &platform.Event{Text: "late"}) }()
	select {
	case err := <-done:
		t.Fatalf("it did not wait: %v", err)
	case <-time.After(50 * time.Millisecond): // it waits, or comes later; either way it must be refused
	}
	s.broken.Store(platform.Errorf(platform.Unavailable, "database_moving", "Lugsail is moving to another database."))
	<-s.slot
	if err := <-done; !platform.IsKind(err, platform.Unavailable) {
		t.Errorf("got %v", err)
	}
}
