package console

import (
	"strings"
	"testing"

	"github.com/lugsail/lugsail/platform"
	"github.com/lugsail/lugsail/platform/app"
)

func TestLead_CommandsBecomeThePagesThatDoTheSame(t *testing.T) {
	owner := frame{Actor: platform.Actor{Role: platform.RoleOwner, AccountID: "a", Scopes: []platform.Scope{platform.ScopeAdmin}}}
	inShop := owner
	inShop.App = &appFrame{Overview: app.Overview{App: platform.App{Name: "shop"}}}
	for _, c := range []struct {
		f          frame
		hint, want string
	}{
		{owner, "See your apps with: lugsail apps", "See your apps with: [Apps /]"},
		{owner, "See what it says: lugsail logs --app blog", "See what it says: [Logs /apps/blog/logs]"},
		{inShop, "To go back to what served before: lugsail rollback.", "To go back to what served before: [Roll back /apps/shop/rollback]."},
		{owner, "To go back to what served before: lugsail rollback.", "To go back to what served before: lugsail rollback."},
		{inShop, "Choose a larger plan: lugsail plans, then: lugsail scale --plan PLAN --app shop", "Choose a larger plan: [Scaling /apps/shop/scaling]"},
		{inShop, "For example: lugsail scale web=2", "For example: [Scaling /apps/shop/scaling]"},
		{inShop, "Set it: lugsail config set NAME=value   Or take it away: lugsail config unset NAME", "Set it: [Config vars /apps/shop/config]   Or take it away: [Config vars /apps/shop/config]"},
		{inShop, "Remove it: lugsail config unset DATABASE_URL --app blog. Or choose another beginning: --as DATABASE_2", "Remove it: [Config vars /apps/blog/config]. Or choose another beginning: --as DATABASE_2"},
		{inShop, "`lugsail config --app shop` lists them.", "[Config vars /apps/shop/config] lists them."},
		{owner, "Bring it back: lugsail restore shop. Or remove it for good: lugsail destroy shop --now", "Bring it back: [Trash /trash]. Or remove it for good: [Trash /trash]"},
		{owner, "To take the app off the server, run: lugsail destroy --app shop", "To take the app off the server, run: [Settings /apps/shop/settings]"},
		{owner, "Create it: lugsail create shop. Your apps: lugsail apps", "Create it: [Create an app /create]. Your apps: [Apps /]"},
		{inShop, "Try again later: lugsail deploy --pull. What served before goes on serving.", "Try again later: [Source /apps/shop/source]. What served before goes on serving."},
		{inShop, "Wait until it has ended, or cancel it: lugsail cancel 3", "Wait until it has ended, or cancel it: [Deployments /apps/shop/deployments]"},
		{owner, "Its data stays: lugsail addons renew tea-db", "Its data stays: [Renew /apps/tea-db]"},
		{owner, "See why: lugsail doctor tea", "See why: [Check-up /apps/tea/checkup]"},
		{owner, "Take it away from the app first: lugsail addons unbind shop-db --app shop", "Take it away from the app first: [Add-ons /apps/shop/addons]"},
		{inShop, "Give it another path: lugsail volumes set data /data", "Give it another path: [Volumes /apps/shop/volumes]"},
		{owner, "Remove one: lugsail snapshots remove ID --app shop", "Remove one: [Snapshots /apps/shop/snapshots]"},
		{owner, "Give it: lugsail backups set ADDRESS --password-file FILE", "Give it: [Backups /server/backups]"},
		{owner, "`lugsail disk` shows what takes it.", "[Disk /server/disk] shows what takes it."},
		{frame{Actor: platform.Actor{Role: platform.RoleViewer}}, "`lugsail disk` shows what takes it.", "`lugsail disk` shows what takes it."},
		{owner, "As root on the server: lugsail doctor", "As root on the server: lugsail doctor"},
		{inShop, "Push them: git push lugsail main", "Push them: git push lugsail main"},
		{inShop, "What must go on without you: lugsail run --detach", "What must go on without you: lugsail run --detach"},
		{inShop, "<b>lugsail logs</b>", "<b>[Logs /apps/shop/logs]</b>"},
	} {
		var got strings.Builder
		for _, p := range c.f.Lead(c.hint) {
			if p.Href == "" {
				got.WriteString(p.Text)
			} else {
				got.WriteString("[" + p.Text + " " + p.Href + "]")
			}
		}
		if got.String() != c.want {
			t.Errorf("%q becomes\n%q, want\n%q", c.hint, got.String(), c.want)
		}
	}
}
