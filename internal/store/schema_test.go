package store

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"gorm.io/gorm"

	"github.com/lugsail/lugsail/platform"
)

// schemaOf describes all tables, their columns and indexes, in an order of its own.
func schemaOf(t *testing.T, db *gorm.DB) []string {
	t.Helper()
	var tables []string
	must(t, db.Raw("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%' AND name <> ?", migrationsTable).Scan(&tables).Error)
	var lines []string
	for _, table := range tables {
		var columns []struct {
			Name, Type string
			NotNull    bool    `gorm:"column:notnull"`
			Default    *string `gorm:"column:dflt_value"`
			PK         int     `gorm:"column:pk"`
		}
		must(t, db.Raw("SELECT * FROM pragma_table_info(?)", table).Scan(&columns).Error)
		for _, c := range columns {
			value := "none"
			if c.Default != nil {
				value = strings.Trim(*c.Default, `'"`)
			}
			lines = append(lines, fmt.Sprintf("%s.%s %s notnull=%v default=%q pk=%d", table, c.Name, strings.ToLower(c.Type), c.NotNull, value, c.PK))
		}
		var indexes []struct {
			Name   string
			Unique bool
		}
		must(t, db.Raw("SELECT name, `unique` FROM pragma_index_list(?)", table).Scan(&indexes).Error)
		for _, index := range indexes {
			var names []string
			must(t, db.Raw("SELECT name FROM pragma_index_info(?) ORDER BY seqno", index.Name).Scan(&names).Error)
			lines = append(lines, fmt.Sprintf("%s index %s unique=%v on %v", table, index.Name, index.Unique, names))
		}
	}
	slices.Sort(lines)
	return lines
}

func TestSchema_MigratedEqualsWhatTheNounsSay(t *testing.T) {
	s := newSQLite(t)
	fresh, err := openWriter(filepath.Join(t.TempDir(), "fresh.db"), "rwc")
	must(t, err)
	defer func() { must(t, closeDB(fresh)) }()
	must(t, fresh.AutoMigrate(
		&platform.App{}, &configVar{}, &platform.Build{}, &platform.Release{}, &platform.Deployment{}, &platform.Step{}, &platform.Domain{},
		&platform.Account{}, &platform.Session{}, &platform.Token{}, &platform.SetupLink{}, &platform.Event{}, &metaEntry{}, &onceRow{},
		&platform.SSHKey{},
		&secondFactor{}, &platform.RecoveryCode{}, &platform.Passkey{},
		&platform.Remote{}, &webhook{}, &platform.Delivery{}, &deliveryMark{}, &platform.ConfigChange{}, &platform.Volume{}, &platform.Binding{}, &platform.Snapshot{}, &platform.Backup{},
		&platform.PublicPort{},
	))
	want, got := schemaOf(t, fresh), schemaOf(t, s.reader)
	if len(want) < 80 {
		t.Fatalf("only %d lines of schema", len(want))
	}
	for _, line := range want {
		if !slices.Contains(got, line) {
			t.Errorf("a migration is missing: %s", line)
		}
	}
	for _, line := range got {
		if !slices.Contains(want, line) {
			t.Errorf("no noun has: %s", line)
		}
	}
}

func TestMigrations_AreNumberedInOrder(t *testing.T) {
	last := ""
	for _, step := range migrations() {
		if step.ID <= last {
			t.Errorf("%s comes after %s", step.ID, last)
		}
		last = step.ID
	}
}
