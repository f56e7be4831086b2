package app

import (
	"context"
	"slices"

	"github.com/lugsail/lugsail/platform"
)

// FileDoor is the application as the SFTP server needs it. Who comes by an SSH key may there what its account may with
// files, although the key does no more than deploy elsewhere: what is deployed reaches the same files.
type FileDoor struct{ Service *Service }

// visitor is the actor with what the account may.
func visitor(actor platform.Actor) platform.Actor {
	actor.Scopes, actor.Via = nil, "sftp"
	return actor
}

// Enter is nil when the actor may have files of volumes at all.
func (FileDoor) Enter(_ context.Context, actor platform.Actor) error {
	if !platform.Can(visitor(actor), platform.ActionManage, actor.AppID) {
		return forbidden()
	}
	return nil
}

// Apps gives the names of the apps that the actor manages. Add-ons have their files for themselves.
func (d FileDoor) Apps(ctx context.Context, actor platform.Actor) ([]string, error) {
	actor = visitor(actor)
	apps, err := d.Service.AppsSeen(ctx, actor)
	var names []string
	for _, a := range apps {
		if !a.Addon && a.State == platform.AppActive && platform.Can(actor, platform.ActionManage, a.ID) {
			names = append(names, a.Name)
		}
	}
	return names, err
}

// Volumes gives the names of an app's volumes that are not in the trash.
func (d FileDoor) Volumes(ctx context.Context, actor platform.Actor, name string) ([]string, error) {
	app, err := d.app(ctx, actor, name)
	if err != nil {
		return nil, err
	}
	volumes, err := d.Service.Volumes.VolumesOf(ctx, app.ID)
	var names []string
	for _, m := range platform.Mounts(volumes) {
		names = append(names, m.Name)
	}
	slices.Sort(names)
	return names, err
}

// Volume finds the id of a volume that is not in the trash.
func (d FileDoor) Volume(ctx context.Context, actor platform.Actor, name, volume string) (string, error) {
	app, err := d.app(ctx, actor, name)
	if err != nil {
		return "", err
	}
	v, err := d.Service.volumeOf(ctx, app, volume)
	if err == nil && v.State != platform.VolumeActive {
		err = volumeTrashed(app, v)
	}
	return v.ID, err
}

func (d FileDoor) app(ctx context.Context, actor platform.Actor, name string) (platform.App, error) {
	app, err := d.Service.find(ctx, visitor(actor), name, platform.ActionManage)
	if err == nil && app.Addon {
		err = platform.Errorf(platform.NotFound, "addon_files", "What the add-on %s keeps is not for SFTP.", app.Name).
			WithHint("Read and write it by dumps: lugsail addons export %s", app.Name)
	}
	return app, err
}

// Changed records that the actor has begun to change files of a volume.
func (d FileDoor) Changed(ctx context.Context, actor platform.Actor, name, volume string) {
	actor = visitor(actor)
	app, err := d.Service.find(ctx, actor, name, platform.ActionManage)
	if err == nil {
		d.Service.event(ctx, actor, app, "volume.files-changed", "files in the volume "+volume+", by SFTP")
	}
}
