package app

import (
	"context"

	"github.com/lugsail/lugsail/platform"
	"github.com/lugsail/lugsail/platform/observe"
)

// DiskView is what the server's disks hold, and by whom.
type DiskView struct {
	Disks []observe.Disk
	Uses  []observe.DiskUse
}

// DiskMeter measures the server's disks; apps are named by their ids. It may answer what it knew
// a minute ago.
type DiskMeter interface {
	Disks(ctx context.Context) []observe.Disk
	Uses(ctx context.Context) []observe.DiskUse
}

// Disk tells who takes the server's disks. It is for the owner only.
func (s *Service) Disk(ctx context.Context, actor platform.Actor) (DiskView, error) {
	if !platform.Can(actor, platform.ActionServer, actor.AppID) {
		return DiskView{}, forbidden()
	}
	if s.DiskMeter == nil {
		return DiskView{}, platform.Errorf(platform.Unavailable, "disk_missing", "This server's disk cannot be measured.").
			WithHint("As root on the server: df -h")
	}
	apps, err := s.Store.Apps(ctx)
	if err != nil {
		return DiskView{}, err
	}
	names := map[string]string{}
	for _, a := range apps {
		names[a.ID] = a.Name
	}
	return DiskView{Disks: s.DiskMeter.Disks(ctx), Uses: observe.DiskUses(named(s.DiskMeter.Uses(ctx), names))}, nil
}

// named says whose the uses are. Images of an app that is not known are another Lugsail's on the same engine: ours
// leave with their app, and the names are alike.
func named(uses []observe.DiskUse, apps map[string]string) []observe.DiskUse {
	foreign := observe.DiskUse{Kind: "foreign"}
	var ours []observe.DiskUse
	for _, u := range uses {
		name, known := apps[u.App]
		switch {
		case u.Kind == foreign.Kind, u.Kind == "images" && !known:
			foreign.Bytes += u.Bytes
			continue
		case known:
			u.App = name
		case u.App != "":
			u.App = "(removed)"
		}
		ours = append(ours, u)
	}
	return append(ours, foreign)
}
