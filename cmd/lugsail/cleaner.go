package main

import (
	"context"
	"errors"
	"strings"

	"github.com/lugsail/lugsail/platform/app"
)

// cleaner removes what Lugsail made and nobody uses.
type cleaner struct {
	c     *control
	meter *diskMeter
}

func (d cleaner) Leftovers(ctx context.Context, keep map[string][]string) ([]app.Leftover, error) {
	cached := d.c.builder.Kept(ctx)
	more, err := d.c.dockerfile.Kept(ctx)
	if err != nil {
		return nil, err
	}
	for id, bytes := range more {
		cached[id] += bytes
	}
	images, err := d.c.engine.Beyond(ctx, keep)
	if err != nil {
		return nil, err
	}
	var found []app.Leftover
	for id, bytes := range cached {
		found = append(found, app.Leftover{Kind: app.LeftoverCache, AppID: id, Bytes: bytes})
	}
	idle, err := d.c.dockerfile.Idle(ctx)
	if err != nil {
		return nil, err
	}
	for blueprint, bytes := range idle {
		found = append(found, app.Leftover{Kind: app.LeftoverBlueprint, AppID: blueprint, Bytes: bytes})
	}
	for id, bytes := range images {
		found = append(found, app.Leftover{Kind: app.LeftoverImages, AppID: id, Bytes: bytes})
	}
	return found, nil
}

func (d cleaner) Remove(ctx context.Context, l app.Leftover) (bool, error) {
	d.meter.forget()
	if l.Kind == app.LeftoverImages {
		a, err := d.c.store.AppByID(ctx, l.AppID)
		if err != nil {
			return false, err
		}
		d.c.conductor.Tidy(ctx, a)
		return true, nil
	}
	if l.Kind == app.LeftoverBlueprint {
		return true, d.c.dockerfile.DropIdle(ctx, l.AppID)
	}
	done, err := d.c.builder.DropKept(l.AppID)
	if err != nil || !done {
		return false, err
	}
	return true, errors.Join(d.c.dockerfile.DropKept(ctx, l.AppID), d.dropOrphan(ctx, l))
}

// dropOrphan removes the repository too of an app that is not there any more.
func (d cleaner) dropOrphan(ctx context.Context, l app.Leftover) error {
	if l.Kind != app.LeftoverOrphan || strings.ContainsAny(l.AppID, "./") {
		return nil
	}
	return d.c.removeRepository(ctx, l.AppID)
}
