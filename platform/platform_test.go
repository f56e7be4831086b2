package platform_test

import (
	"strings"
	"testing"

	"github.com/lugsail/lugsail/platform"
)

func TestA01_AppNames(t *testing.T) {
	for _, good := range []string{"ab", "my-shop", "a1", "shop2000", strings.Repeat("a", 39)} {
		if err := platform.ValidateAppName(good); err != nil {
			t.Errorf("%q refused: %v", good, err)
		}
	}
	for _, bad := range []string{
		"", "a", "A", "Shop", "a;id", "$(id)", "`id`", "../x", "a b", "a_b", "-a", "a-", "a--b", "1a", "a.b", "ä", "a\n", strings.Repeat("a", 40),
		strings.Repeat("a", 1<<20), "console", "admin", "www", "git", "api", "lugsail", "localhost", "a\x00b",
	} {
		err := platform.ValidateAppName(bad)
		if !platform.IsKind(err, platform.Invalid) || platform.AsError(err).Hint == "" {
			t.Errorf("%.20q: got %v, want Invalid with a hint", bad, err)
		}
		if err != nil && len(err.Error()) > 300 {
			t.Errorf("the message echoes %d bytes", len(err.Error()))
		}
	}
}

func TestConfigVars_Rules(t *testing.T) {
	for name, vars := range map[string]map[string]string{
		"reserved": {"PORT": "1"}, "ours": {"LUGSAIL_APP": "x"}, "digit first": {"1A": "x"}, "space": {"A B": "x"}, "empty": {"": "x"},
		"NUL": {"A": "x\x00"}, "too large": {"A": strings.Repeat("x", 65<<10)}, "equals": {"A=B": "x"}, "newline": {"A\n": "x"},
	} {
		if err := platform.ValidateConfigVars(vars); !platform.IsKind(err, platform.Invalid) {
			t.Errorf("%s: got %v, want Invalid", name, err)
		}
	}
	if err := platform.ValidateConfigVars(map[string]string{"DATABASE_URL": "postgres://…", "_x": "", "a1": "two\nlines"}); err != nil {
		t.Errorf("refused: %v", err)
	}
}

func TestA07_HealthPath(t *testing.T) {
	for _, bad := range []string{"health", "/a b", "/a\n", "/a\r\nX: y", "/" + strings.Repeat("x", 3000), "/\x00"} {
		if err := (platform.Health{Path: bad}).Validate(); !platform.IsKind(err, platform.Invalid) {
			t.Errorf("%.20q: got %v, want Invalid", bad, err)
		}
	}
	if err := (platform.Health{Path: "/health?deep=1", TimeoutSeconds: 900}).Validate(); err != nil {
		t.Errorf("refused: %v", err)
	}
}

func TestCan_ScopesNeverWidenARole(t *testing.T) {
	viewer := platform.Actor{Role: platform.RoleViewer, Scopes: []platform.Scope{platform.ScopeAdmin}}
	if platform.Can(viewer, platform.ActionManage, "") {
		t.Error("a viewer's admin token may manage")
	}
	other := platform.Actor{Role: platform.RoleOwner, Scopes: []platform.Scope{platform.ScopeDeploy}, AppID: "one"}
	if platform.Sees(other, "two") || platform.Can(other, platform.ActionDeploy, "") {
		t.Error("a token of one app sees another")
	}
	if !platform.Can(other, platform.ActionDeploy, "one") || platform.Can(other, platform.ActionSecrets, "one") {
		t.Error("a deploy token deploys its app, and reads no secrets")
	}
	if platform.Can(platform.Actor{Role: platform.RoleOwner, Scopes: []platform.Scope{}}, platform.ActionRead, "") {
		t.Error("a token without scopes may nothing")
	}
	if platform.Can(platform.Actor{}, platform.ActionRead, "") {
		t.Error("nobody may read")
	}
}
