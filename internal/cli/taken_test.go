package cli

import (
	"strings"
	"testing"
)

func TestCreate_ATakenNameComesWithOneThatIsFree(t *testing.T) {
	w := newWorld(t)
	w.signedIn()
	t.Chdir(t.TempDir())
	w.says("POST /api/v1/apps", 409, `{"code":"app_exists","message":"There is already an app named shop.","hint":"Choose another name, for example shop-2."}`)
	w.says("POST /api/v1/apps/blog/rename", 409, `{"code":"app_exists","message":"There is already an app named shop.","hint":"Choose another name."}`)
	w.says("GET /api/v1/names/shop", 200, `{"name":"shop","free":false,"refused":{"code":"app_exists"},"instead":"my-shop"}`)
	w.says("GET /api/v1/names/news", 403, `{"code":"forbidden","message":"No."}`)
	w.says("POST /api/v1/apps/news/rename", 409, `{"code":"app_exists","message":"An app named shop is in the trash.","hint":"Bring it back: lugsail restore shop"}`)
	for args, want := range map[string]string{
		"create shop":                  "Error: There is already an app named shop.\n→ Choose another name. This one is free: lugsail create my-shop\n",
		"rename shop --yes --app blog": "Error: There is already an app named shop.\n→ Choose another name. This one is free: lugsail rename --app blog my-shop\n",
		"rename shop --yes --app news": "→ Bring it back: lugsail restore shop. This one is free: lugsail rename --app news my-shop\n",
		"create news":                  "Error: There is already an app named shop.\n→ Choose another name, for example shop-2.\n",
		"create elsewhere --json":      "\"hint\": \"Choose another name, for example shop-2.\"",
	} {
		if code, out, errs := w.run(strings.Fields(args)...); code != ExitConflict || out != "" || !strings.Contains(errs, want) {
			t.Errorf("%s: %d %q %q, want %q", args, code, out, errs, want)
		}
	}
}
