package web

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/lugsail/lugsail/platform"
)

const volumesPath = "/api/v1/apps/mine/volumes"

func (r *rig) volume(t *testing.T, name string) platform.Volume {
	t.Helper()
	a, err := r.store.AppByName(t.Context(), "mine")
	must(t, err)
	all, err := r.store.VolumesOf(t.Context(), a.ID)
	must(t, err)
	for _, v := range all {
		if v.Name == name {
			return v
		}
	}
	t.Fatalf("no volume %s in %+v", name, all)
	return platform.Volume{}
}

func TestA13_VolumesKeepTheirRules(t *testing.T) {
	r := newRig(t)
	r.serving("mine")
	token := r.token("", platform.ScopeAdmin)
	send := func(method, path, body string, status int, code string) {
		t.Helper()
		got := r.do(ask{method: method, path: path, token: token, json: body}).want(t, status)
		if code != "" && !strings.Contains(got.body, `"code":"`+code+`"`) {
			t.Errorf("%s %s %s: without %s: %s", method, path, body, code, got.body)
		}
	}
	send(post, volumesPath, `{"name":"data","path":"/data"}`, 202, "")
	for body, want := range map[string]struct {
		status int
		code   string
	}{
		`{"name":"data","path":"/other"}`:                        {409, "volume_exists"},
		`{"name":"more","path":"/data/in"}`:                      {409, "volume_path_taken"},
		`{"name":"it's","path":"/x"}`:                            {422, "volume_name_invalid"},
		`{"name":"v;id","path":"/x"}`:                            {422, "volume_name_invalid"},
		`{"name":"../x","path":"/x"}`:                            {422, "volume_name_invalid"},
		`{"name":"root","path":"/"}`:                             {422, "volume_path_reserved"},
		`{"name":"up","path":"/data/../etc"}`:                    {422, "volume_path_invalid"},
		`{"name":"x","path":"/x","size":1}`:                      {400, "field_unknown"},
		`{"name":"proc","path":"/proc/1","shared":true}`:         {422, "volume_path_reserved"},
		`{"name":"","path":"/x"}`:                                {422, "volume_name_invalid"},
		`{"name":"space","path":"/a b","shared":true}`:           {422, "volume_path_invalid"},
		`{"name":"` + strings.Repeat("a", 99) + `","path":"/x"}`: {422, "volume_name_invalid"},
	} {
		send(post, volumesPath, body, want.status, want.code)
	}
	send(put, "/api/v1/apps/mine/scale", `{"scale":{"web":2}}`, 409, "volume_exclusive")
	send(put, volumesPath+"/data", `{"path":"/srv/data","shared":true}`, 202, "")
	send(put, "/api/v1/apps/mine/scale", `{"scale":{"web":2}}`, 202, "")
	send(put, volumesPath+"/data", `{"path":"/srv/data","shared":false}`, 409, "volume_exclusive")
	send(put, volumesPath+"/nothing", `{"path":"/srv/data","shared":false}`, 404, "volume_not_found")
	send("DELETE", volumesPath+"/data", `{"confirm":"dat"}`, 422, "not_confirmed")
	send("DELETE", volumesPath+"/data", `{"confirm":"data","now":true}`, 409, "volume_not_trashed")
	send("DELETE", volumesPath+"/data", `{"confirm":"data"}`, 202, "")
	send("DELETE", volumesPath+"/data", `{"confirm":"data"}`, 409, "volume_trashed")
	send(put, volumesPath+"/data", `{"path":"/data","shared":true}`, 409, "volume_trashed")
	if v := r.volume(t, "data"); v.TrashEnds().IsZero() {
		t.Errorf("it does not know when it goes: %+v", v)
	}
	send(post, volumesPath+"/data/restore", "", 202, "")
	send(post, volumesPath+"/data/restore", "", 409, "volume_not_trashed")
	send("DELETE", volumesPath+"/data", `{"confirm":"data"}`, 202, "")
	send("DELETE", volumesPath+"/data", `{"confirm":"data","now":true}`, 202, "")
	send(post, volumesPath+"/data/restore", "", 404, "volume_not_found")
	for i := range platform.MaxVolumes {
		send(post, volumesPath, fmt.Sprintf(`{"name":"v%d","path":"/v%d","shared":true}`, i, i), 202, "")
	}
	send(post, volumesPath, `{"name":"more","path":"/more","shared":true}`, 409, "volumes_too_many")
	list := r.do(ask{path: volumesPath, token: token}).want(t, 200)
	if !strings.Contains(list.body, `"bytes":4096`) || !strings.Contains(list.body, `"trash_ends_at":null`) {
		t.Errorf("the list: %s", list.body)
	}
}

func TestVolumes_DeploymentsSayWhatWasDoneToOne(t *testing.T) {
	r := newRig(t)
	r.serving("mine")
	token := r.token("", platform.ScopeAdmin)
	for _, c := range []struct{ method, path, body, cause string }{
		{post, volumesPath, `{"name":"data","path":"/data"}`, "volume data created"},
		{put, volumesPath + "/data", `{"path":"/srv","shared":true}`, "volume data changed"},
		{"DELETE", volumesPath + "/data", `{"confirm":"data"}`, "volume data trashed"},
		{post, volumesPath + "/data/restore", "", "volume data restored"},
	} {
		got := r.do(ask{method: c.method, path: c.path, token: token, json: c.body}).want(t, 202)
		if !strings.Contains(got.body, `"cause":"`+c.cause+`"`) {
			t.Errorf("without %q: %s", c.cause, got.body)
		}
	}
}

func TestPages_VolumesAreAddedChangedAndTrashed(t *testing.T) {
	r := newRig(t)
	r.serving("mine")
	send := func(path string, form url.Values, status int) answer {
		t.Helper()
		return r.do(ask{method: post, path: "/apps/mine/volumes" + path, session: r.session, form: form}).want(t, status)
	}
	page := func(session string) string {
		t.Helper()
		return r.do(ask{path: "/apps/mine/volumes", session: session}).want(t, http.StatusOK).body
	}
	wrong := send("", url.Values{"name": {"data"}, "path": {"/etc"}, "shared": {"true"}}, http.StatusUnprocessableEntity)
	if !strings.Contains(wrong.body, "would hide what is there") || !strings.Contains(wrong.body, `value="/etc"`) || !strings.Contains(wrong.body, `value="true" checked`) {
		t.Errorf("what was filled in is lost, or why it is wrong:\n%s", wrong.body)
	}
	if to := send("", url.Values{"name": {"data"}, "path": {"/data"}, "shared": {"false"}}, http.StatusSeeOther).Header.Get("Location"); !strings.HasPrefix(to, "/apps/mine/deployments/") {
		t.Errorf("it leads to %s", to)
	}
	if got := page(r.session); !strings.Contains(got, "For one replica at a time") || !strings.Contains(got, "4 KB on the disk") {
		t.Errorf("the page: %s", got)
	}
	if got := page(r.viewer()); strings.Contains(got, "Add a volume") || strings.Contains(got, "Remove the volume") {
		t.Error("a viewer is offered what only others may do")
	}
	send("/data", url.Values{"path": {"/srv"}, "shared": {"true"}}, http.StatusSeeOther)
	if v := r.volume(t, "data"); v.Path != "/srv" || !v.Shared {
		t.Errorf("after the change: %+v", v)
	}
	send("/data/remove", url.Values{"confirm": {"other"}}, http.StatusUnprocessableEntity)
	send("/data/remove", url.Values{"confirm": {"data"}}, http.StatusSeeOther)
	if got := page(r.session); !strings.Contains(got, "In the trash") || !strings.Contains(got, "Bring it back") {
		t.Errorf("the page with one in the trash: %s", got)
	}
	send("/data/restore", nil, http.StatusSeeOther)
	send("/data/remove", url.Values{"confirm": {"data"}}, http.StatusSeeOther)
	send("/data/remove", url.Values{"confirm": {"data"}, "now": {"true"}}, http.StatusSeeOther)
	if got := page(r.session); !strings.Contains(got, "None yet.") {
		t.Errorf("the page at the end: %s", got)
	}
}
