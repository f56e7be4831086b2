package app

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/lugsail/lugsail/platform"
)

// ConfigVars gives names and values.
func (s *Service) ConfigVars(ctx context.Context, actor platform.Actor, name string) (map[string]string, error) {
	app, err := s.find(ctx, actor, name, platform.ActionSecrets)
	if err != nil {
		return nil, err
	}
	s.event(ctx, actor, app, "config.revealed", "the values of config vars were shown")
	return s.Store.ConfigVars(ctx, app.ID)
}

// ConfigNames gives the sorted names alone.
func (s *Service) ConfigNames(ctx context.Context, actor platform.Actor, name string) ([]string, error) {
	app, err := s.find(ctx, actor, name, platform.ActionRead)
	if err != nil {
		return nil, err
	}
	return s.Store.ConfigNames(ctx, app.ID)
}

// ConfigWaiting tells what the next deployment changes of the config vars that run: those that were
// saved for later, and those that a roll back took away. Nothing when nothing serves.
func (s *Service) ConfigWaiting(ctx context.Context, actor platform.Actor, name string) (platform.ConfigDiff, error) {
	app, err := s.find(ctx, actor, name, platform.ActionRead)
	if err != nil || app.CurrentRelease == 0 {
		return platform.DiffConfig(nil, nil), err
	}
	vars, err := s.Store.ConfigVars(ctx, app.ID)
	var r platform.Release
	if err == nil {
		r, err = s.History.ReleaseByNumber(ctx, app.ID, app.CurrentRelease)
	}
	if damagedVar(err) {
		return platform.DiffConfig(nil, nil), nil // which the check-up tells; setting it anew mends it
	}
	if err != nil {
		return platform.ConfigDiff{}, fmt.Errorf("reading release %d: %w", app.CurrentRelease, err)
	}
	return platform.DiffConfig(r.ConfigVars, vars), nil
}

// ConfigEdit is what shall become of config vars.
type ConfigEdit struct {
	Set         map[string]string
	Unset       []string
	FromRelease int  // not 0: all become as that release has them, and Set and Unset are empty
	Later       bool // keep what runs as it is; the next deployment, whatever brings it, has them
}

// PreviewConfig tells what an edit changes of the app's config vars, and refuses what could not be saved.
func (s *Service) PreviewConfig(ctx context.Context, actor platform.Actor, name string, edit ConfigEdit) (platform.ConfigDiff, error) {
	app, err := s.find(ctx, actor, name, platform.ActionManage)
	if err != nil {
		return platform.ConfigDiff{}, err
	}
	change, _, err := s.configChange(ctx, app, edit)
	if err != nil {
		return platform.ConfigDiff{}, err
	}
	old, err := s.Store.ConfigVars(ctx, app.ID)
	if err != nil {
		return platform.ConfigDiff{}, err
	}
	vars := maps.Clone(old)
	if err := change(vars); err != nil {
		return platform.ConfigDiff{}, err
	}
	return platform.DiffConfig(old, vars), nil
}

// SetConfigVars sets and removes config vars, and deploys. Number 0 when nothing runs yet or nothing changed.
func (s *Service) SetConfigVars(ctx context.Context, actor platform.Actor, name string, set map[string]string, unset []string) (platform.Deployment, error) {
	return s.ChangeConfig(ctx, actor, name, ConfigEdit{Set: set, Unset: unset})
}

// ChangeConfig edits config vars, records who did it, and deploys, unless that shall wait. Number 0 when nothing
// is deployed: nothing runs yet, nothing changed, or it waits.
func (s *Service) ChangeConfig(ctx context.Context, actor platform.Actor, name string, edit ConfigEdit) (platform.Deployment, error) {
	app, err := s.find(ctx, actor, name, platform.ActionManage)
	if err != nil {
		return platform.Deployment{}, err
	}
	change, origin, err := s.configChange(ctx, app, edit)
	if err != nil {
		return platform.Deployment{}, err
	}
	by := platform.ConfigChange{AppID: app.ID, At: s.Now().UTC(), Actor: actor.Name, Via: actor.Via, FromRelease: edit.FromRelease, Later: edit.Later}
	done, err := s.Store.ReplaceConfigVars(ctx, by, change)
	if err != nil {
		return platform.Deployment{}, err
	}
	if done.Number == 0 {
		return s.mendVars(ctx, actor, app, edit.Set)
	}
	text := "config vars " + strings.Join(done.Diff().Names(), ", ") + origin
	if edit.Later {
		s.event(ctx, actor, app, "config.changed", text+", for the next deployment")
		return platform.Deployment{}, nil
	}
	s.event(ctx, actor, app, "config.changed", text)
	return s.reconfigure(ctx, actor, app, text)
}

// configChange makes the change of a whole set that an edit asks for, and says where its values come from.
func (s *Service) configChange(ctx context.Context, app platform.App, edit ConfigEdit) (change func(map[string]string) error, origin string, err error) {
	if edit.FromRelease == 0 {
		return func(vars map[string]string) error {
			for _, n := range edit.Unset {
				delete(vars, n)
			}
			maps.Copy(vars, edit.Set)
			return platform.ValidateConfigVars(vars)
		}, "", nil
	}
	r, err := s.History.ReleaseByNumber(ctx, app.ID, edit.FromRelease)
	if platform.IsKind(err, platform.NotFound) {
		err = platform.Errorf(platform.NotFound, "release_not_found", "%s has no release v%d.", app.Name, edit.FromRelease).
			WithHint("See which releases keep config vars: lugsail config history").Because(err)
	}
	return func(vars map[string]string) error {
		clear(vars)
		maps.Copy(vars, r.ConfigVars)
		return platform.ValidateConfigVars(vars)
	}, fmt.Sprintf(", as they were in v%d", edit.FromRelease), err
}

// ApplyConfig brings config vars live that were saved for the next deployment.
func (s *Service) ApplyConfig(ctx context.Context, actor platform.Actor, name string) (platform.Deployment, error) {
	waits, err := s.ConfigWaiting(ctx, actor, name)
	if err != nil {
		return platform.Deployment{}, err
	}
	app, err := s.find(ctx, actor, name, platform.ActionDeploy)
	if err != nil || waits.Nothing() {
		return platform.Deployment{}, err
	}
	return s.reconfigure(ctx, actor, app, "config vars "+strings.Join(waits.Names(), ", "))
}

// ConfigHistory tells who changed which config vars, the newest first; before, unless 0, leaves out those from
// that number on.
func (s *Service) ConfigHistory(ctx context.Context, actor platform.Actor, name string, before, limit int) ([]platform.ConfigChange, error) {
	app, err := s.find(ctx, actor, name, platform.ActionRead)
	if err != nil {
		return nil, err
	}
	return s.Store.ConfigChanges(ctx, app.ID, before, limit)
}

// mendVars makes a release anew when somebody sets values that are there already, because the copy in the
// release that serves is damaged.
func (s *Service) mendVars(ctx context.Context, actor platform.Actor, app platform.App, set map[string]string) (platform.Deployment, error) {
	if app.CurrentRelease == 0 || len(set) == 0 {
		return platform.Deployment{}, nil
	}
	_, err := s.History.ReleaseByNumber(ctx, app.ID, app.CurrentRelease)
	if !damagedVar(err) {
		return platform.Deployment{}, err
	}
	return s.reconfigure(ctx, actor, app, "config vars "+strings.Join(slices.Sorted(maps.Keys(set)), ", ")+" set again")
}
