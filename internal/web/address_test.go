package web

import (
	"net/http"
	"strings"
	"testing"

	"github.com/lugsail/lugsail/platform"
)

func TestAnswers_NameTheAddressesBesideTheConsoleThatWasAsked(t *testing.T) {
	r := newRig(t)
	r.serving("mine")
	token := r.token("", platform.ScopeRead)
	for host, suffix := range map[string]string{testHost: "example.test", "Console.LocalHost:443": "localhost"} {
		console := "https://console." + suffix
		var one struct {
			App struct {
				URL    string `json:"url"`
				GitURL string `json:"git_url"`
			}
		}
		r.do(ask{path: "/api/v1/apps/mine", token: token, host: host}).want(t, http.StatusOK).decode(t, &one)
		if one.App.URL != "https://mine."+suffix || one.App.GitURL != console+"/git/mine.git" {
			t.Errorf("%s: %+v", host, one.App)
		}
		var server struct {
			ConsoleURL string `json:"console_url"`
		}
		r.do(ask{path: "/api/v1/server", token: token, host: host}).want(t, http.StatusOK).decode(t, &server)
		if server.ConsoleURL != console {
			t.Errorf("%s: the server says %s", host, server.ConsoleURL)
		}
		for path, text := range map[string]string{
			"/": "https://mine." + suffix, "/apps/mine": "https://mine." + suffix, "/apps/mine/settings": console + "/git/mine.git",
			"/apps/mine/deployments/1": "https://mine." + suffix, "/server": "console." + suffix,
		} {
			page := r.do(ask{path: path, session: r.session, host: host}).want(t, http.StatusOK)
			if !strings.Contains(page.body, text) {
				t.Errorf("%s: page %s does not tell %s", host, path, text)
			}
		}
	}
}
