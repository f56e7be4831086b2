package app_test

import (
	"context"
	"io"
	"strings"
	"testing"

	"github.com/lugsail/lugsail/platform"
	"github.com/lugsail/lugsail/platform/app"
)

// shelf is a catalogue of one blueprint.
type shelf struct{ one platform.Blueprint }

func (s shelf) Blueprints() []platform.Blueprint { return []platform.Blueprint{s.one} }

func (s shelf) Blueprint(string) (platform.Blueprint, error) { return s.one, nil }

func (s shelf) Source(string) (io.Reader, int64, error) { return strings.NewReader("tar"), 3, nil }

// trees receives a tree each time, and keeps as the first commit what is begun with.
type trees struct {
	t   *testing.T
	tip *string
}

func (u trees) Receive(context.Context, io.Reader, int64) (platform.Source, error) {
	return platform.Source{Dir: u.t.TempDir(), Digest: "sha256:1"}, nil
}

func (u trees) ReceiveImage(context.Context, io.Reader, int64, string) (platform.Source, error) {
	return platform.Source{}, nil
}

func (u trees) Begin(_ context.Context, _ platform.App, src platform.Source) (platform.Source, error) {
	*u.tip = strings.Repeat("c", 40)
	src.Commit, src.Branch = *u.tip, "main"
	return src, nil
}

func (u trees) Tip(context.Context, platform.App) (string, error) { return *u.tip, nil }

func (u trees) Export(context.Context, platform.App) (platform.Source, error) {
	return platform.Source{Dir: u.t.TempDir(), Commit: *u.tip, Branch: "main"}, nil
}

func TestCreateFromBlueprint_AStarterIsTheAppsOwnCode(t *testing.T) {
	for category, commit := range map[string]string{"starter": strings.Repeat("c", 40), "site": ""} {
		s, db := newService(t)
		from := trees{t, new(string)}
		s.Stacks, s.Sources, s.Uploads = db, from, from
		s.Blueprints = shelf{platform.Blueprint{Name: "node", Title: "Node", Category: category, Note: "git clone {git}"}}
		made, err := s.CreateFromBlueprint(t.Context(), owner, app.BlueprintRequest{Blueprint: "node", Name: "shop"})
		check(t, err)
		if src := made.Deployment.Source; src.Commit != commit || src.Blueprint != "node" {
			t.Errorf("%s: %+v", category, src)
		}
		if !strings.HasSuffix(made.Note, "/git/shop.git") {
			t.Errorf("%s: the note says %q", category, made.Note)
		}
		live(t, db, "shop", 1)
		again, err := s.Redeploy(t.Context(), owner, "shop", true)
		if err != nil || !again.Source.Renew || again.Source.Commit != commit || (again.Source.Blueprint == "") != (commit != "") {
			t.Errorf("%s, deployed again: %+v, %v", category, again.Source, err)
		}
	}
}

func TestRename_TellsAppsOfBlueprintsTheirNewAddress(t *testing.T) {
	s, db := newService(t)
	from := trees{t, new(string)}
	s.Stacks, s.Sources, s.Uploads = db, from, from
	s.Blueprints = shelf{platform.Blueprint{Name: "ghost", Title: "Ghost", Category: "site"}}
	made, err := s.CreateFromBlueprint(t.Context(), owner, app.BlueprintRequest{Blueprint: "ghost", Name: "shop"})
	check(t, err)
	live(t, db, "shop", 1)
	_, err = s.Rename(t.Context(), owner, "shop", "store")
	check(t, err)
	all, err := s.History.DeploymentsOf(t.Context(), made.App.App.ID, 5)
	check(t, err)
	if len(all) != 3 || all[0].Kind != platform.DeployRestart || all[0].Cause != "the new name store" {
		t.Errorf("deployments %+v", all)
	}
}
