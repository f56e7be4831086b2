package store

import (
	"context"
	"errors"

	"gorm.io/gorm"

	"github.com/lugsail/lugsail/platform"
)

// CreateApp records a new app. A name that is in use answers Conflict, code app_exists.
func (s *Store) CreateApp(ctx context.Context, app *platform.App) error {
	s.fresh(&app.ID, &app.CreatedAt)
	err := s.write(ctx, "recording the app", func(tx *gorm.DB) error {
		return nameTaken(tx.Create(app).Error, app.Name)
	})
	s.changed(app.ID, "")
	return err
}

func nameTaken(err error, name string) error {
	if errors.Is(err, gorm.ErrDuplicatedKey) {
		return platform.Errorf(platform.Conflict, "app_exists", "There is already an app named %s.", name).
			WithHint("Choose another name, for example %s-2.", name)
	}
	return err
}

// AppByName finds an app; NotFound, code app_not_found, when there is none.
func (s *Store) AppByName(ctx context.Context, name string) (platform.App, error) {
	var app platform.App
	err := s.read(ctx).Where("name = ?", name).Take(&app).Error
	return app, s.explain(ctx, "finding the app", appMissing(err, name))
}

// AppByID finds an app; NotFound, code app_not_found, when there is none.
func (s *Store) AppByID(ctx context.Context, id string) (platform.App, error) {
	app, err := appIn(s.read(ctx), id)
	return app, s.explain(ctx, "finding the app", err)
}

func appIn(tx *gorm.DB, id string) (platform.App, error) {
	var app platform.App
	err := tx.Where("id = ?", id).Take(&app).Error
	return app, appMissing(err, id)
}

func appMissing(err error, name string) error {
	return missing(err, "app_not_found", "There is no app %q.", name)
}

// Apps lists all apps by name.
func (s *Store) Apps(ctx context.Context) ([]platform.App, error) {
	var apps []platform.App
	err := s.read(ctx).Order("name").Find(&apps).Error
	return apps, s.explain(ctx, "listing the apps", err)
}

// UpdateApp reads the app, lets change edit it, and writes it back, in one transaction. What
// change returns as an error undoes it. The id stays whatever change does.
func (s *Store) UpdateApp(ctx context.Context, id string, change func(*platform.App) error) (platform.App, error) {
	var app platform.App
	err := s.write(ctx, "changing the app", func(tx *gorm.DB) (err error) {
		if app, err = appIn(tx, id); err != nil {
			return err
		}
		if err := change(&app); err != nil {
			return err
		}
		app.ID = id
		return nameTaken(replace(tx, &app), app.Name)
	})
	s.changed(id, "")
	return app, err
}

// replace writes every column of a row that exists, by its primary key.
func replace(tx *gorm.DB, row any) error { return tx.Model(row).Select("*").Updates(row).Error }

// DeleteApp removes the app and all its rows and logs; its events stay. An app that is gone
// already is no error.
func (s *Store) DeleteApp(ctx context.Context, id string) error {
	var deployments []string
	err := s.write(ctx, "removing the app", func(tx *gorm.DB) error {
		if err := tx.Model(&platform.Deployment{}).Where("app_id = ?", id).Pluck("id", &deployments).Error; err != nil {
			return err
		}
		return deleteAppRows(tx, id)
	})
	if err != nil {
		return err
	}
	defer s.changed(id, "")
	errs := []error{s.logs.Remove(platform.AppLog(id))}
	for _, d := range deployments {
		errs = append(errs, s.logs.Remove(d))
	}
	return errors.Join(errs...)
}

func deleteAppRows(tx *gorm.DB, id string) error {
	ofApp := tx.Model(&platform.Deployment{}).Select("id").Where("app_id = ?", id)
	if err := tx.Where("deployment_id IN (?)", ofApp).Delete(&platform.Step{}).Error; err != nil {
		return err
	}
	rows := []any{&platform.Deployment{}, &platform.Build{}, &platform.Release{}, &configVar{}, &platform.Domain{}, &platform.Token{}, &platform.Remote{}, &webhook{}, &platform.Delivery{}, &deliveryMark{}, &platform.ConfigChange{}, &platform.Volume{}, &platform.Binding{}, &platform.Snapshot{}}
	for _, row := range rows {
		if err := tx.Where("app_id = ?", id).Delete(row).Error; err != nil {
			return err
		}
	}
	for _, row := range []any{&platform.Binding{}, &platform.PublicPort{}} {
		if err := tx.Where("addon_id = ?", id).Delete(row).Error; err != nil {
			return err
		}
	}
	return tx.Where("id = ?", id).Delete(&platform.App{}).Error
}
