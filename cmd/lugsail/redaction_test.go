package main

import (
	"slices"
	"testing"

	"github.com/lugsail/lugsail/platform"
)

func TestA73_SecretsThatCannotBeReadAreNotTakenForNone(t *testing.T) {
	c := wired(t, t.TempDir(), "")
	a := platform.App{ID: platform.NewID(), Name: "shop", Plan: "nano", State: platform.AppActive}
	must(t, c.store.CreateApp(t.Context(), &a))
	_, err := c.store.ReplaceConfigVars(t.Context(), platform.ConfigChange{AppID: a.ID}, func(vars map[string]string) error {
		vars["KEY"] = "LGS-CANARY-next"
		return nil
	})
	must(t, err)
	values, err := c.secrets(t.Context(), a.ID)
	if err != nil || !slices.Contains(values, "LGS-CANARY-next") {
		t.Errorf("%v, %v", values, err)
	}
	_, err = c.store.UpdateApp(t.Context(), a.ID, func(a *platform.App) error {
		a.CurrentRelease = 7 // which is not there: what serves is unknown
		return nil
	})
	must(t, err)
	if hide, err := c.hide(t.Context(), a.ID); err == nil || hide != nil {
		t.Error("the values of the release that serves are taken for none")
	}
	if hide, err := c.hide(t.Context(), platform.NewID()); err == nil || hide != nil {
		t.Error("the values of an app that cannot be read are taken for none")
	}
}
