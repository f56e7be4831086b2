package store

import (
	"context"
	"errors"

	"gorm.io/gorm"

	"github.com/lugsail/lugsail/platform"
)

// CreateStack records apps with all that they begin with, in one transaction: the add-ons first. A name that is
// in use answers Conflict, code app_exists.
func (s *Store) CreateStack(ctx context.Context, stack []platform.NewApp) error {
	for i := range stack {
		s.fresh(&stack[i].App.ID, &stack[i].App.CreatedAt)
	}
	err := s.write(ctx, "recording the app", func(tx *gorm.DB) error {
		for i := range stack {
			if err := s.createOne(tx, &stack[i]); err != nil {
				return err
			}
		}
		return nil
	})
	for _, n := range stack {
		s.changed(n.App.ID, "")
	}
	return err
}

func (s *Store) createOne(tx *gorm.DB, n *platform.NewApp) error {
	if err := nameTaken(tx.Create(&n.App).Error, n.App.Name); err != nil {
		return err
	}
	if len(n.Vars) > 0 {
		by := platform.ConfigChange{AppID: n.App.ID, At: n.App.CreatedAt, Actor: n.App.CreatedBy, Via: n.Via}
		by.Added = platform.DiffConfig(nil, n.Vars).Names()
		if err := s.recordChange(tx, &by); err != nil {
			return err
		}
		if err := s.sealVars(tx, n.App.ID, 0, n.Vars); err != nil {
			return err
		}
	}
	for i := range n.Volumes {
		v := &n.Volumes[i]
		s.fresh(&v.ID, &v.CreatedAt)
		v.AppID = n.App.ID
		if err := tx.Create(v).Error; err != nil {
			return err
		}
	}
	for i := range n.Bindings {
		b := &n.Bindings[i]
		s.fresh(&b.ID, &b.CreatedAt)
		b.AppID = n.App.ID
		if err := tx.Create(b).Error; err != nil {
			return err
		}
	}
	if n.First == nil {
		return nil
	}
	n.First.AppID, n.First.Number = n.App.ID, 1
	return createWithSteps(tx, n.First, n.Steps)
}

// CreateBinding ties an add-on to an app. One that is there already answers Conflict, code binding_exists or
// prefix_taken.
func (s *Store) CreateBinding(ctx context.Context, b *platform.Binding) error {
	s.fresh(&b.ID, &b.CreatedAt)
	err := s.write(ctx, "binding the add-on", func(tx *gorm.DB) error {
		for _, id := range []string{b.AppID, b.AddonID} {
			if a, err := appIn(tx, id); err != nil {
				return err
			} else if a.State != platform.AppActive {
				return a.Trashed()
			}
		}
		var same int64
		if err := tx.Model(&platform.Binding{}).Where("app_id = ? AND addon_id = ?", b.AppID, b.AddonID).Count(&same).Error; err != nil {
			return err
		}
		if same > 0 {
			return platform.Errorf(platform.Conflict, "binding_exists", "The app is bound to this add-on already.")
		}
		err := tx.Create(b).Error
		if errors.Is(err, gorm.ErrDuplicatedKey) {
			return platform.Errorf(platform.Conflict, "prefix_taken", "Another add-on of the app brings %s_… already.", b.Prefix).
				WithHint("Choose another beginning: --as %s_2", b.Prefix)
		}
		return err
	})
	s.changed(b.AppID, "")
	s.changed(b.AddonID, "")
	return err
}

// DeleteBinding unties an add-on from an app; NotFound, code binding_not_found, when they are not bound.
func (s *Store) DeleteBinding(ctx context.Context, appID, addonID string) error {
	err := s.write(ctx, "unbinding the add-on", func(tx *gorm.DB) error {
		done := tx.Where("app_id = ? AND addon_id = ?", appID, addonID).Delete(&platform.Binding{})
		if done.Error == nil && done.RowsAffected == 0 {
			return platform.Errorf(platform.NotFound, "binding_not_found", "The app is not bound to this add-on.")
		}
		return done.Error
	})
	s.changed(appID, "")
	s.changed(addonID, "")
	return err
}

// TellBinding notes with which config vars of the add-on the app was last started.
func (s *Store) TellBinding(ctx context.Context, id, sum string) error {
	return s.write(ctx, "noting what a binding brings", func(tx *gorm.DB) error {
		return tx.Model(&platform.Binding{}).Where("id = ?", id).Update("told", sum).Error
	})
}

// Bindings lists all ties, the oldest first.
func (s *Store) Bindings(ctx context.Context) ([]platform.Binding, error) {
	list := []platform.Binding{}
	err := s.read(ctx).Order("created_at, id").Find(&list).Error
	return list, s.explain(ctx, "listing the bindings", err)
}
