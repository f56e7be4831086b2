package store

import (
	"fmt"

	"gorm.io/gorm"
)

// openAll opens every sealed value with the key: config vars, secrets of webhooks and of second factors, answers that are kept, what opens the backups. A copy
// of an older Lugsail may lack some of the tables. Answers that do not open are left out of the count: they are
// kept for a day, and whoever asks for one is told.
func (s *Store) openAll(db *gorm.DB) (int, error) {
	sum := 0
	onces := func(db *gorm.DB) (int, error) {
		opened, _, err := s.openOnces(db)
		return opened, err
	}
	for _, part := range []func(*gorm.DB) (int, error){s.openConfigVars, s.openWebhooks, onces, s.openFactors, s.openBackupTarget} {
		n, err := part(db)
		if err != nil {
			return 0, err
		}
		sum += n
	}
	return sum, nil
}

// sealedRows reads a whole table, where there is one.
func sealedRows[T any](db *gorm.DB) ([]T, error) {
	var rows []T
	if !db.Migrator().HasTable(new(T)) {
		return nil, nil
	}
	if err := db.Find(&rows).Error; err != nil {
		return nil, fmt.Errorf("reading sealed values: %w", err)
	}
	return rows, nil
}

func (s *Store) openConfigVars(db *gorm.DB) (int, error) {
	rows, err := sealedRows[configVar](db)
	for _, row := range rows {
		if _, err := s.key.Open(configPurpose, row.aad(), row.Sealed); err != nil {
			return 0, cannotOpen(row).Because(err)
		}
	}
	return len(rows), err
}

func (s *Store) openWebhooks(db *gorm.DB) (int, error) {
	rows, err := sealedRows[webhook](db)
	for _, row := range rows {
		if _, err := row.secret(s.key); err != nil {
			return 0, err
		}
	}
	return len(rows), err
}

// openOnces leaves out requests that have no answer yet; damaged is about one that does not open.
func (s *Store) openOnces(db *gorm.DB) (opened int, damaged, err error) {
	rows, err := sealedRows[onceRow](db)
	for _, row := range rows {
		if _, err := s.unseal(row); err != nil {
			damaged = err
		} else if row.Sealed != "" {
			opened++
		}
	}
	return opened, damaged, err
}

func (s *Store) openFactors(db *gorm.DB) (int, error) {
	rows, err := sealedRows[secondFactor](db)
	for _, row := range rows {
		if _, err := row.secret(s.key); err != nil {
			return 0, err
		}
	}
	return len(rows), err
}
