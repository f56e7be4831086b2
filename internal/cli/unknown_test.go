package cli

import (
	"strings"
	"testing"
)

func TestHelp_OfAnUnknownCommandIsAnError(t *testing.T) {
	w := newWorld(t)
	for args, want := range map[string]string{
		"help foo": "There is no command \"foo\".\n→ lugsail --help", "help deplyo": "Did you mean deploy?", "help config ste": "Did you mean set?",
		"help keys lst": "There is no command \"keys lst\". Did you mean list?\n→ lugsail keys --help", "help config:set": "Here: lugsail config set", "completion bsah": "Did you mean bash?",
	} {
		if code, out, errs := w.run(strings.Fields(args)...); code != ExitUsage || out != "" || !strings.Contains(errs, want) {
			t.Errorf("%s: %d %q %q, want %q", args, code, out, errs, want)
		}
	}
	for args, want := range map[string]string{
		"help": "Apps:", "help deploy": "lugsail deploy [FOLDER", "help config set": "lugsail config set [NAME=value...]", "help exit-codes": "interrupted", "completion": "fish", "help completion": "fish",
	} {
		if code, out, errs := w.run(strings.Fields(args)...); code != ExitOK || errs != "" || !strings.Contains(out, want) {
			t.Errorf("%s: %d %q %q, want %q", args, code, out, errs, want)
		}
	}
}

func TestUsage_MistypedFormsAreToldTheRightOne(t *testing.T) {
	w := newWorld(t)
	w.signedIn()
	t.Chdir(t.TempDir())
	w.says("GET /api/v1/apps", 200, `{"apps":[{"name":"folder"}],"next":null}`)
	w.says("GET /api/v1/apps/nofolder/deployments", 404, `{"code":"app_not_found","message":"There is no app named \"nofolder\"."}`)
	w.says("POST /api/v1/apps/nofolder/deployments", 404, `{"code":"app_not_found","message":"There is no app named \"nofolder\"."}`)
	for _, c := range []struct {
		args string
		code int
		want string
	}{
		{"scale web 3 -a shop", ExitUsage, "\n→ lugsail scale web=3\n"},
		{"scale web=1 worker 2", ExitUsage, "\n→ lugsail scale worker=2\n"},
		{"scale web:3", ExitUsage, "\n→ lugsail scale web=3\n"},
		{"scale 3", ExitUsage, "\n→ lugsail scale web=3\n"},
		{"scale web=x", ExitUsage, "such as web=3"},
		{"scale my-shop", ExitUsage, "lugsail scale --app my-shop"},
		{"config lst", ExitUsage, "It shows what there is without a word after it: lugsail config\n"},
		{"domains list", ExitUsage, "without a word after it: lugsail domains\n"},
		{"webhooks lst", ExitUsage, "Did you mean list?"},
		{"source shop -a blog", ExitUsage, "Which app: shop or blog?"},
		{"deploy ./nofolder", ExitUsage, "There is no file or folder \"./nofolder\".\n→ This folder: lugsail deploy . "},
		{"deploy nofolder -a shop", ExitUsage, "→ This folder: lugsail deploy . "},
		{"deploy nofolder", ExitNotFound, "There is no file or folder \"nofolder\" here, and no app of that name.\n→ This folder: lugsail deploy . "},
		{"deploy nofolder", ExitNotFound, "Did you mean folder?"},
		{"logs -follow", ExitUsage, "Did you mean --follow?"},
		{"rollback -preview", ExitUsage, "Did you mean --preview?"},
		{"logs -x", ExitUsage, "→ lugsail logs --help"},
		{"destroy shop --yes", ExitUsage, "Did you mean --confirm?"},
	} {
		code, out, errs := w.run(strings.Fields(c.args)...)
		if code != c.code || out != "" || !strings.Contains(errs, c.want) {
			t.Errorf("%s: %d %q %q, want %d %q", c.args, code, out, errs, c.code, c.want)
		}
	}
}
