package app_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/lugsail/lugsail/platform"
	"github.com/lugsail/lugsail/platform/app"
)

func TestWatch_NothingIsMissed(t *testing.T) {
	s, db := newService(t)
	shop, err := s.Create(t.Context(), owner, app.CreateRequest{Name: "shop"})
	check(t, err)
	change := func() {
		t.Helper()
		_, err := db.UpdateApp(t.Context(), shop.App.ID, func(a *platform.App) error { a.DeployBranch += "x"; return nil })
		check(t, err)
	}
	seen := s.Changes.Version()
	brief, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
	defer cancel()
	if err := s.Watch(brief, owner, "shop", seen, func() error { return errors.New("told") }); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("nothing has changed, and it ends with %v", err)
	}
	change() // before anybody watches
	told := 0
	over := errors.New("over")
	err = s.Watch(t.Context(), owner, "shop", seen, func() error {
		if told++; told == 3 {
			return over
		}
		change() // while it is told
		return nil
	})
	if !errors.Is(err, over) || told != 3 {
		t.Errorf("told %d times, %v", told, err)
	}
	want(t, s.Watch(t.Context(), owner, "nothing", seen, nil), platform.NotFound, "app_not_found")
}
