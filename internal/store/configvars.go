package store

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"

	"gorm.io/gorm"

	"github.com/lugsail/lugsail/platform"
)

// configVar is one sealed value: of the app itself (release 0) or of a release. The seal holds
// app, release and name too, so that a value cannot be moved to another row.
type configVar struct {
	AppID   string `gorm:"primaryKey"`
	Release int    `gorm:"primaryKey;autoIncrement:false"`
	Name    string `gorm:"primaryKey"`
	Sealed  string `gorm:"not null"`
}

// TableName names the table.
func (configVar) TableName() string { return "config_vars" }

const configPurpose = "config-vars"

func (v configVar) aad() string { return v.AppID + "/" + strconv.Itoa(v.Release) + "/" + v.Name }

// ConfigVars gives the config vars of an app, as its next release will get them.
func (s *Store) ConfigVars(ctx context.Context, appID string) (map[string]string, error) {
	vars, err := s.openVars(s.read(ctx), appID, 0)
	return vars, s.explain(ctx, "reading the config vars", err)
}

// ConfigNames gives their sorted names, also of those that do not open.
func (s *Store) ConfigNames(ctx context.Context, appID string) ([]string, error) {
	var names []string
	err := s.read(ctx).Model(&configVar{}).Where("app_id = ? AND release = 0", appID).Pluck("name", &names).Error
	slices.Sort(names)
	return names, s.explain(ctx, "reading the names of the config vars", err)
}

// ConfigSet gives the same with the number of the change that left them so; 0 before the first.
func (s *Store) ConfigSet(ctx context.Context, appID string) (vars map[string]string, number int, err error) {
	err = s.snapshot(ctx, "reading the config vars", func(tx *gorm.DB) (err error) {
		if number, err = highest(tx.Model(&platform.ConfigChange{}), appID); err != nil {
			return err
		}
		vars, err = s.openVars(tx, appID, 0)
		return err
	})
	return vars, number, err
}

// ReplaceConfigVars lets change edit the app's config vars, keeps the result and records, in the
// name of by, what was changed, in one transaction. Number 0 when nothing was. In the place of a value
// that does not open, change finds a word that is no value; left alone, what is damaged stays as it is.
func (s *Store) ReplaceConfigVars(ctx context.Context, by platform.ConfigChange, change func(map[string]string) error) (platform.ConfigChange, error) {
	var done platform.ConfigChange
	err := s.write(ctx, "keeping the config vars", func(tx *gorm.DB) error {
		done = by
		if _, err := appIn(tx, by.AppID); err != nil {
			return err
		}
		old, err := s.openWhatOpens(tx, by.AppID)
		if err != nil {
			return err
		}
		vars := maps.Clone(old)
		if err := change(vars); err != nil {
			return err
		}
		diff := platform.DiffConfig(old, vars)
		if diff.Nothing() {
			return nil
		}
		done.Added, done.Changed, done.Removed = diff.Added, diff.Changed, diff.Removed
		if err := s.recordChange(tx, &done); err != nil {
			return err
		}
		return s.replaceVars(tx, by.AppID, diff.Names(), vars)
	})
	if err != nil {
		return platform.ConfigChange{}, err
	}
	s.changed(by.AppID, "")
	return done, nil
}

func (s *Store) recordChange(tx *gorm.DB, c *platform.ConfigChange) error {
	number, err := highest(tx.Model(&platform.ConfigChange{}), c.AppID)
	if err != nil {
		return err
	}
	c.Number = number + 1
	s.fresh(nil, &c.At)
	return tx.Create(c).Error
}

// ConfigChanges lists the changes of an app's config vars, newest first, with the newest release that has each
// set; before 0 means all numbers.
func (s *Store) ConfigChanges(ctx context.Context, appID string, before, limit int) ([]platform.ConfigChange, error) {
	var list []platform.ConfigChange
	err := s.snapshot(ctx, "listing the changes of config vars", func(tx *gorm.DB) error {
		if err := numbered(tx, appID, before, limit).Find(&list).Error; err != nil {
			return err
		}
		var kept []struct{ ConfigNumber, Release int }
		err := tx.Model(&platform.Release{}).Where("app_id = ? AND config_number > 0", appID).
			Select("config_number, MAX(number) AS release").Group("config_number").Scan(&kept).Error
		of := map[int]int{}
		for _, k := range kept {
			of[k.ConfigNumber] = k.Release
		}
		for i := range list {
			list[i].Release = of[list[i].Number]
		}
		return err
	})
	return list, err
}

func (s *Store) replaceVars(tx *gorm.DB, appID string, names []string, vars map[string]string) error {
	if len(names) == 0 {
		return nil
	}
	if err := tx.Where("app_id = ? AND release = 0 AND name IN ?", appID, names).Delete(&configVar{}).Error; err != nil {
		return err
	}
	set := map[string]string{}
	for _, name := range names {
		if value, ok := vars[name]; ok {
			set[name] = value
		}
	}
	return s.sealVars(tx, appID, 0, set)
}

// sealVars inserts the values of a release, or of the app itself.
func (s *Store) sealVars(tx *gorm.DB, appID string, release int, vars map[string]string) error {
	rows := make([]configVar, 0, len(vars))
	for _, name := range slices.Sorted(maps.Keys(vars)) {
		row := configVar{AppID: appID, Release: release, Name: name}
		sealed, err := s.key.Seal(configPurpose, row.aad(), []byte(vars[name]))
		if err != nil {
			return fmt.Errorf("sealing %s: %w", name, err)
		}
		row.Sealed = sealed
		rows = append(rows, row)
	}
	if len(rows) == 0 {
		return nil
	}
	return tx.CreateInBatches(&rows, 100).Error
}

func (s *Store) openVars(tx *gorm.DB, appID string, release int) (map[string]string, error) {
	var rows []configVar
	if err := tx.Where("app_id = ? AND release = ?", appID, release).Find(&rows).Error; err != nil {
		return nil, err
	}
	vars := make(map[string]string, len(rows))
	for _, row := range rows {
		plain, err := s.key.Open(configPurpose, row.aad(), row.Sealed)
		if err != nil {
			return nil, cannotOpen(row).Because(err)
		}
		vars[row.Name] = string(plain)
	}
	return vars, nil
}

// openWhatOpens puts a word that is nobody's value in the place of those that do not open.
func (s *Store) openWhatOpens(tx *gorm.DB, appID string) (map[string]string, error) {
	var rows []configVar
	if err := tx.Where("app_id = ? AND release = 0", appID).Find(&rows).Error; err != nil {
		return nil, err
	}
	vars := make(map[string]string, len(rows))
	for _, row := range rows {
		plain, err := s.key.Open(configPurpose, row.aad(), row.Sealed)
		if err != nil {
			plain = []byte(platform.NewID())
		}
		vars[row.Name] = string(plain)
	}
	return vars, nil
}

func cannotOpen(row configVar) *platform.Error {
	of := ""
	if row.Release > 0 {
		of = fmt.Sprintf(" of v%d", row.Release)
	}
	return platform.Errorf(platform.Internal, "config_unreadable", "The config var %s%s cannot be decrypted with the server's key.", row.Name, of).
		WithHint("Set it again, and a new release has it: lugsail config set %s=VALUE. If the key file was exchanged, put back the one that belongs to this database.", row.Name)
}
