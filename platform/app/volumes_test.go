package app

import (
	"context"
	"testing"
	"time"

	"github.com/lugsail/lugsail/platform"
)

// shelf keeps volumes in memory.
type shelf struct {
	Volumes
	rows    []platform.Volume
	removed []string
}

func (s *shelf) VolumesOf(context.Context, string) ([]platform.Volume, error) { return s.rows, nil }

func (s *shelf) DeleteVolume(_ context.Context, v platform.Volume) error {
	s.removed = append(s.removed, v.Name)
	return nil
}

func (s *shelf) RemoveVolume(context.Context, string) error { return nil }
func (s *shelf) VolumeSize(string) (int64, bool)            { return 0, false }

type rows = Apps

type oneApp struct{ rows }

func (oneApp) AppByID(context.Context, string) (platform.App, error) {
	return platform.App{ID: "lapp", Name: "shop"}, nil
}

type noEvents struct{ History }

func (noEvents) AppendEvent(context.Context, *platform.Event) error { return nil }

func TestVolumes_LeaveTheTrashWhenTheirTimeIsOverWithoutADoubt(t *testing.T) {
	now := time.Now()
	long, short := now.Add(-platform.TrashTime-time.Minute), now.Add(-time.Hour)
	s := &shelf{rows: []platform.Volume{
		{ID: "l1", Name: "over", State: platform.VolumeTrashed, TrashedAt: &long},
		{ID: "l2", Name: "young", State: platform.VolumeTrashed, TrashedAt: &short},
		{ID: "l3", Name: "active", State: platform.VolumeActive, TrashedAt: &long},
	}}
	service := &Service{Volumes: s, Directories: s, Store: oneApp{}, History: noEvents{}, Now: func() time.Time { return now }}
	overdue := map[string]time.Time{}
	for range 2 {
		if err := service.emptyTrash(t.Context(), overdue); err != nil || len(s.removed) > 0 {
			t.Fatalf("removed at once: %v, %v", s.removed, err)
		}
	}
	overdue["l1"] = overdue["l1"].Add(-doubt)
	if err := service.emptyTrash(t.Context(), overdue); err != nil || len(s.removed) != 1 || s.removed[0] != "over" {
		t.Fatalf("removed %v, %v", s.removed, err)
	}
	overdue = map[string]time.Time{"l2": now.Add(-doubt)} // its time was over by a clock that was wrong
	s.removed = nil
	if err := service.emptyTrash(t.Context(), overdue); err != nil || len(s.removed) > 0 {
		t.Fatalf("removed %v, %v", s.removed, err)
	}
}
