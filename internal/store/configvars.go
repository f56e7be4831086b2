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

// ReplaceConfigVars lets change edit the app's config vars and keeps the result, in one
// transaction. It returns the names that were set, changed or removed, sorted. In the place of a value
// that does not open, change finds a word that is no value; left alone, what is damaged stays as it is.
func (s *Store) ReplaceConfigVars(ctx context.Context, appID string, change func(map[string]string) error) ([]string, error) {
	var changed []string
	err := s.write(ctx, "keeping the config vars", func(tx *gorm.DB) error {
		if _, err := appIn(tx, appID); err != nil {
			return err
		}
		old, err := s.openWhatOpens(tx, appID)
		if err != nil {
			return err
		}
		vars := maps.Clone(old)
		if err := change(vars); err != nil {
			return err
		}
		changed = difference(old, vars)
		return s.replaceVars(tx, appID, changed, vars)
	})
	if err != nil {
		return nil, err
	}
	s.changed(appID, "")
	return changed, nil
}

// difference names what differs between two sets, sorted.
func difference(old, vars map[string]string) []string {
	names := []string{}
	for name, value := range vars {
		if before, ok := old[name]; !ok || before != value {
			names = append(names, name)
		}
	}
	for name := range old {
		if _, ok := vars[name]; !ok {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
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
