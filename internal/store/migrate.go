package store

import (
	"context"
	"errors"
	"slices"

	"github.com/go-gormigrate/gormigrate/v2"
	"gorm.io/gorm"

	"github.com/lugsail/lugsail/platform"
)

// migrations lists every change of the schema, oldest first. Append only: a migration that has
// left the house is never edited, and works on structs of its own.
func migrations() []*gormigrate.Migration {
	return []*gormigrate.Migration{
		{ID: "0001_first", Migrate: func(tx *gorm.DB) error { return tx.Migrator().CreateTable(schema1()...) }},
		{ID: "0002_ssh_keys", Migrate: func(tx *gorm.DB) error { return tx.Migrator().CreateTable(&schema2SSHKey{}) }},
		{ID: "0004_stop_grace", Migrate: func(tx *gorm.DB) error { return tx.Migrator().AddColumn(&schema4App{}, "StopGrace") }},
		{ID: "0005_webhooks", Migrate: func(tx *gorm.DB) error { return tx.Migrator().CreateTable(schema5()...) }},
		{ID: "0006_trash_and_builder", Migrate: migrate6},
		{ID: "0007_delivery_marks", Migrate: func(tx *gorm.DB) error { return tx.Migrator().CreateTable(&schema7DeliveryMark{}) }},
		{ID: "0008_onces", Migrate: func(tx *gorm.DB) error { return tx.Migrator().CreateTable(&schema8Once{}) }},
		{ID: "0009_second_factors", Migrate: func(tx *gorm.DB) error { return tx.Migrator().CreateTable(schema9()...) }},
		{ID: "0010_config_changes", Migrate: migrate10},
		{ID: "0011_volumes", Migrate: func(tx *gorm.DB) error { return tx.Migrator().CreateTable(&schema11Volume{}) }},
		{ID: "0012_addons", Migrate: migrate12},
		{ID: "0013_snapshots", Migrate: migrate13},
		{ID: "0014_backups", Migrate: migrate14},
		{ID: "0015_copies", Migrate: migrate15},
		{ID: "0016_public_ports", Migrate: migrate16},
	}
}

const migrationsTable = "migrations"

// newMigrator runs steps in one transaction: the one that db is, or one of its own.
func newMigrator(db *gorm.DB, steps []*gormigrate.Migration) *gormigrate.Gormigrate {
	_, inside := db.Statement.ConnPool.(gorm.TxCommitter)
	return gormigrate.New(db, &gormigrate.Options{
		TableName: migrationsTable, IDColumnName: "id", IDColumnSize: 255,
		UseTransaction: !inside, ValidateUnknownMigrations: true,
	}, steps)
}

// migrate copies the database and then runs what is missing, all in one transaction: when a step
// fails, the Lugsail that ran before finds the database that it knows.
func (s *Store) migrate(ctx context.Context, steps []*gormigrate.Migration) error {
	var done []string
	if err := s.read(ctx).Table(migrationsTable).Pluck("id", &done).Error; err != nil {
		return s.explain(ctx, "reading the schema's number", err)
	}
	pending, err := plan(s.dir, done, steps)
	if err != nil || len(pending) == 0 {
		return err
	}
	kept, err := s.copyDatabase(ctx, "before-"+pending[0].ID)
	if err != nil {
		return err
	}
	at := ""
	named := make([]*gormigrate.Migration, len(steps))
	for i, step := range steps {
		named[i] = &gormigrate.Migration{ID: step.ID, Migrate: func(tx *gorm.DB) error {
			at = step.ID
			return step.Migrate(tx)
		}}
	}
	err = s.explain(ctx, "changing the schema", newMigrator(s.writer.WithContext(ctx), named).Migrate())
	var known *platform.Error
	if err == nil || errors.As(err, &known) {
		return err
	}
	return platform.Errorf(platform.Unavailable, "migration_failed",
		"The database could not be changed for this version of Lugsail (%s). It is as it was before.", at).
		WithHint("Apps keep running. Install the Lugsail that ran before. A copy of the database is %s.", kept).Because(err)
}

// plan says which steps are still to do, and refuses a database of a newer Lugsail.
func plan(dir string, done []string, steps []*gormigrate.Migration) ([]*gormigrate.Migration, error) {
	var pending []*gormigrate.Migration
	for _, step := range steps {
		if !slices.Contains(done, step.ID) {
			pending = append(pending, step)
		}
	}
	if id := unknownIn(done, steps); id != "" {
		return nil, newer(dir, id, steps)
	}
	return pending, nil
}
