package store

import (
	"fmt"

	"gorm.io/gorm"
)

// openAll opens every sealed value with the key: config vars, secrets of webhooks and of second factors, answers that are kept. A copy
// of an older Lugsail may lack some of the tables.
func (s *Store) openAll(db *gorm.DB) (int, error) {
	sum := 0
	for _, part := range []func(*gorm.DB) (int, error){s.openConfigVars, s.openWebhooks, s.openOnces, s.openFactors} {
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
			return 0, cannotOpen(row.Name).Because(err)
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

// openOnces leaves out requests that have no answer yet.
func (s *Store) openOnces(db *gorm.DB) (opened int, err error) {
	rows, err := sealedRows[onceRow](db)
	for _, row := range rows {
		if _, err := s.unseal(row); err != nil {
			return 0, err
		}
		if row.Sealed != "" {
			opened++
		}
	}
	return opened, err
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
