package store

import (
	"cmp"
	"context"
	"log/slog"
	"slices"
	"time"

	"gorm.io/gorm"

	"github.com/lugsail/lugsail/platform"
)

// keptLogs is how many of an app's newest deployments keep their logs.
const keptLogs = 100

// CreateDeployment records a waiting deployment with its steps and gives it the next number of
// its app. A new push replaces the app's other pushes that still wait. A removal marks the app
// in the same transaction, so that nothing else can be recorded for it any more: that answers
// Conflict, code app_destroying; likewise for the trash, code app_trashed.
func (s *Store) CreateDeployment(ctx context.Context, d *platform.Deployment, steps []platform.StepName) error {
	s.fresh(&d.ID, &d.CreatedAt)
	if d.State == "" {
		d.State = platform.DeploymentWaiting
	}
	var replaced, old []string
	err := s.write(ctx, "recording the deployment", func(tx *gorm.DB) (err error) {
		if err := admit(tx, *d, s.stamp()); err != nil {
			return err
		}
		number, err := highest(tx.Model(&platform.Deployment{}), d.AppID)
		if err != nil {
			return err
		}
		d.Number = number + 1
		if replaced, err = s.replaceWaiting(tx, *d); err != nil {
			return err
		}
		if err := tx.Model(&platform.Deployment{}).Where("app_id = ? AND number = ?", d.AppID, d.Number-keptLogs).Pluck("id", &old).Error; err != nil {
			return err
		}
		return createWithSteps(tx, d, steps)
	})
	if err != nil {
		return err
	}
	s.changed(d.AppID, d.ID)
	s.logs.waiter.wake(replaced...)
	for _, id := range old {
		if err := s.logs.Remove(id); err != nil {
			slog.WarnContext(ctx, "old log not removed", "deployment", id, "error", err)
		}
	}
	return nil
}

// admit refuses deployments of an app that is being removed or in the trash, and marks one that shall be.
func admit(tx *gorm.DB, d platform.Deployment, now time.Time) error {
	app, err := appIn(tx, d.AppID)
	if err != nil {
		return err
	}
	return mark(tx, app, d, now)
}

// stepGap leaves room between the steps that each deployment of a kind has, for those that only some have.
const stepGap = 10

func createWithSteps(tx *gorm.DB, d *platform.Deployment, names []platform.StepName) error {
	if err := tx.Create(d).Error; err != nil {
		return err
	}
	d.Steps = make([]platform.Step, 0, len(names))
	for i, name := range names {
		d.Steps = append(d.Steps, platform.Step{DeploymentID: d.ID, Name: name, Position: stepGap * (i + 1), State: platform.StepWaiting})
	}
	if len(d.Steps) == 0 {
		return nil
	}
	return tx.Create(&d.Steps).Error
}

func (s *Store) replaceWaiting(tx *gorm.DB, d platform.Deployment) ([]string, error) {
	if d.Kind != platform.DeployPush {
		return nil, nil
	}
	var ids []string
	waiting := tx.Model(&platform.Deployment{}).
		Where("app_id = ? AND kind = ? AND state = ?", d.AppID, platform.DeployPush, platform.DeploymentWaiting)
	if err := waiting.Pluck("id", &ids).Error; err != nil || len(ids) == 0 {
		return nil, err
	}
	now := s.stamp()
	err := tx.Model(&platform.Deployment{}).Where("id IN ?", ids).
		Updates(map[string]any{"state": platform.DeploymentReplaced, "ended_at": now}).Error
	if err != nil {
		return nil, err
	}
	return ids, closeSteps(tx, ids, now)
}

// closeSteps lets no step of ended deployments look as if it were still to come.
func closeSteps(tx *gorm.DB, ids []string, now time.Time) error {
	of := func(state platform.StepState) *gorm.DB {
		return tx.Model(&platform.Step{}).Where("deployment_id IN ? AND state = ?", ids, state)
	}
	if err := of(platform.StepWaiting).Update("state", platform.StepSkipped).Error; err != nil {
		return err
	}
	return of(platform.StepRunning).Updates(map[string]any{"state": platform.StepFailed, "ended_at": now}).Error
}

// stamp is the time now, as columns hold it.
func (s *Store) stamp() time.Time { return s.now().UTC().Truncate(time.Microsecond) }

// ClaimDeployment takes up a waiting deployment, which runs from now on, or takes up a running
// one again after a restart; both count as an attempt. Conflict when it has ended (code
// deployment_ended) or another one of its app runs (code deployment_running).
func (s *Store) ClaimDeployment(ctx context.Context, id string) (platform.Deployment, error) {
	return s.editDeployment(ctx, "taking up the deployment", id, func(tx *gorm.DB, d *platform.Deployment) error {
		if d.State.Ended() {
			return alreadyEnded(*d)
		}
		if err := aloneIn(tx, *d); err != nil {
			return err
		}
		d.State = platform.DeploymentRunning
		d.Attempts++
		if d.StartedAt == nil {
			now := s.stamp()
			d.StartedAt = &now
		}
		return nil
	})
}

// aloneIn refuses a second running deployment of an app.
func aloneIn(tx *gorm.DB, d platform.Deployment) error {
	var running int64
	err := tx.Model(&platform.Deployment{}).
		Where("app_id = ? AND state = ? AND id <> ?", d.AppID, platform.DeploymentRunning, d.ID).Count(&running).Error
	if err != nil {
		return err
	}
	if running > 0 {
		return platform.Errorf(platform.Conflict, "deployment_running", "Another deployment of the app is running.").
			WithHint("Wait until it has ended, or cancel it.")
	}
	return nil
}

func alreadyEnded(d platform.Deployment) error {
	return platform.Errorf(platform.Conflict, "deployment_ended", "Deployment %d has ended already: it is %s.", d.Number, d.State)
}

// UpdateDeployment reads the deployment with its steps, lets change edit it, and writes it back,
// in one transaction. Its steps are written by SetStep; but when it ends here, without having
// become live, steps that wait are skipped and one that runs has failed.
func (s *Store) UpdateDeployment(ctx context.Context, id string, change func(*platform.Deployment) error) (platform.Deployment, error) {
	return s.editDeployment(ctx, "changing the deployment", id, func(tx *gorm.DB, d *platform.Deployment) error {
		if err := change(d); err != nil {
			return err
		}
		if !d.State.Ended() || d.State == platform.DeploymentLive {
			return nil
		}
		return closeSteps(tx, []string{id}, s.stamp())
	})
}

// AskCancel notes that a person wants the deployment stopped; the worker that has it, or that
// would take it up, does so. Conflict, code deployment_ended, when it has ended.
func (s *Store) AskCancel(ctx context.Context, id string) error {
	_, err := s.editDeployment(ctx, "cancelling the deployment", id, func(_ *gorm.DB, d *platform.Deployment) error {
		if d.State.Ended() {
			return alreadyEnded(*d)
		}
		d.CancelAsked = true
		return nil
	})
	return err
}

func (s *Store) editDeployment(ctx context.Context, doing, id string, change func(*gorm.DB, *platform.Deployment) error) (platform.Deployment, error) {
	var d platform.Deployment
	err := s.write(ctx, doing, func(tx *gorm.DB) (err error) {
		if d, err = deploymentIn(tx, "id = ?", id); err != nil {
			return err
		}
		appID, number := d.AppID, d.Number
		if err := change(tx, &d); err != nil {
			return err
		}
		d.ID, d.AppID, d.Number = id, appID, number
		return replace(tx, &d)
	})
	s.changed(d.AppID, id)
	return d, err
}

// DeploymentByID finds a deployment with its steps; NotFound, code deployment_not_found, when there is none.
func (s *Store) DeploymentByID(ctx context.Context, id string) (platform.Deployment, error) {
	return s.findDeployment(ctx, "id = ?", id)
}

// DeploymentByNumber finds a deployment with its steps; NotFound, code deployment_not_found, when there is none.
func (s *Store) DeploymentByNumber(ctx context.Context, appID string, number int) (platform.Deployment, error) {
	return s.findDeployment(ctx, "app_id = ? AND number = ?", appID, number)
}

func (s *Store) findDeployment(ctx context.Context, where string, args ...any) (platform.Deployment, error) {
	var d platform.Deployment
	err := s.snapshot(ctx, "finding the deployment", func(tx *gorm.DB) (err error) {
		d, err = deploymentIn(tx, where, args...)
		return err
	})
	return d, err
}

// deploymentIn finds the deployment with the lowest number of those that fit.
func deploymentIn(tx *gorm.DB, where string, args ...any) (platform.Deployment, error) {
	var d platform.Deployment
	if err := tx.Where(where, args...).Order("number").Take(&d).Error; err != nil {
		return d, missing(err, "deployment_not_found", "There is no such deployment.")
	}
	err := tx.Where("deployment_id = ?", d.ID).Order("position").Find(&d.Steps).Error
	return d, err
}

// DeploymentsOf lists the deployments of an app with their steps, newest first; a limit of 0 means all.
func (s *Store) DeploymentsOf(ctx context.Context, appID string, limit int) ([]platform.Deployment, error) {
	return s.DeploymentsBefore(ctx, appID, 0, limit)
}

// DeploymentsBefore does so for those with a lower number; before 0 means all numbers.
func (s *Store) DeploymentsBefore(ctx context.Context, appID string, before, limit int) ([]platform.Deployment, error) {
	return s.listDeployments(ctx, func(tx *gorm.DB) *gorm.DB { return numbered(tx, appID, before, limit) })
}

// DeploymentsLike does so for those that a filter lets through.
func (s *Store) DeploymentsLike(ctx context.Context, appID string, filter platform.DeploymentFilter, before, limit int) ([]platform.Deployment, error) {
	return s.listDeployments(ctx, func(tx *gorm.DB) *gorm.DB {
		tx = numbered(tx, appID, before, limit)
		if filter.State != "" {
			tx = tx.Where("state = ?", filter.State)
		}
		if filter.Kind != "" {
			tx = tx.Where("kind = ?", filter.Kind)
		}
		return tx
	})
}

// NewestDeployments gives the newest deployment of each app that has one, with its steps.
func (s *Store) NewestDeployments(ctx context.Context) ([]platform.Deployment, error) {
	return s.listDeployments(ctx, func(tx *gorm.DB) *gorm.DB {
		const newest = "(SELECT id FROM deployments AS other WHERE other.app_id = apps.id ORDER BY number DESC LIMIT 1)"
		return tx.Where("id IN (?)", tx.Session(&gorm.Session{NewDB: true}).Table("apps").Select(newest))
	})
}

// numbered chooses things of an app with a lower number, the highest first.
func numbered(tx *gorm.DB, appID string, before, limit int) *gorm.DB {
	tx = newest(tx, limit).Where("app_id = ?", appID).Order("number DESC")
	if before > 0 {
		tx = tx.Where("number < ?", before)
	}
	return tx
}

// UnfinishedDeployments lists what waits or runs, with steps: app by app, the app with the oldest
// one first, and within an app by number, whatever the clock did.
func (s *Store) UnfinishedDeployments(ctx context.Context) ([]platform.Deployment, error) {
	list, err := s.listDeployments(ctx, func(tx *gorm.DB) *gorm.DB {
		states := []platform.DeploymentState{platform.DeploymentWaiting, platform.DeploymentRunning}
		return tx.Where("state IN ?", states).Order("app_id, number")
	})
	oldest := map[string]time.Time{}
	for _, d := range list {
		if _, ok := oldest[d.AppID]; !ok {
			oldest[d.AppID] = d.CreatedAt
		}
	}
	slices.SortStableFunc(list, func(a, b platform.Deployment) int {
		return cmp.Or(oldest[a.AppID].Compare(oldest[b.AppID]), cmp.Compare(a.AppID, b.AppID))
	})
	return list, err
}

func (s *Store) listDeployments(ctx context.Context, choose func(*gorm.DB) *gorm.DB) ([]platform.Deployment, error) {
	var list []platform.Deployment
	err := s.snapshot(ctx, "listing the deployments", func(tx *gorm.DB) error {
		if err := choose(tx).Find(&list).Error; err != nil {
			return err
		}
		return addSteps(tx, list)
	})
	return list, err
}

// addSteps reads the steps of all listed deployments, a few hundred deployments a query.
func addSteps(tx *gorm.DB, list []platform.Deployment) error {
	byID := make(map[string]*platform.Deployment, len(list))
	ids := make([]string, 0, len(list))
	for i := range list {
		byID[list[i].ID] = &list[i]
		ids = append(ids, list[i].ID)
	}
	for len(ids) > 0 {
		part := ids[:min(len(ids), 500)]
		ids = ids[len(part):]
		var steps []platform.Step
		if err := tx.Where("deployment_id IN ?", part).Order("position").Find(&steps).Error; err != nil {
			return err
		}
		for _, step := range steps {
			d := byID[step.DeploymentID]
			d.Steps = append(d.Steps, step)
		}
	}
	return nil
}
