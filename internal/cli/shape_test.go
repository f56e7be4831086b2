package cli

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"
)

func TestTarget_GitOverSSHTellsTheApp(t *testing.T) {
	w := newWorld(t)
	w.saved()
	host := strings.Split(strings.TrimPrefix(w.server.URL, "https://"), ":")[0]
	w.says("GET /api/v1/apps/shop", 200, `{"app": {"name": "shop"}}`)
	for address, code := range map[string]int{
		"ssh://git@" + host + ":2222/shop.git": ExitOK, "ssh://git@" + host + "/shop": ExitOK, "git@" + host + ":shop.git": ExitOK, host + ":/shop.git": ExitOK,
		w.server.URL + "/git/shop.git":      ExitOK,
		"ssh://git@github.example/shop.git": ExitUsage, "git@github.example:ada/shop.git": ExitUsage, "git@" + host + ":ada/shop.git": ExitUsage,
		"ssh://git@" + host + "/../shop.git": ExitUsage, "/srv/shop.git": ExitUsage, "C:shop.git": ExitUsage, "ext::sh -c id": ExitUsage,
	} {
		t.Chdir(t.TempDir())
		for _, args := range [][]string{{"init", "-q"}, {"remote", "add", "origin", address}} {
			if err := git(args...).Run(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		if got, _, errs := w.run("info"); got != code {
			t.Errorf("%s: %d %s, want %d", address, got, errs, code)
		}
	}
}

func TestExitCodes_AreWhatTheHelpSays(t *testing.T) {
	w := newWorld(t)
	w.signedIn()
	for status, code := range map[int]int{
		404: ExitNotFound, 401: ExitUnauthenticated, 403: ExitForbidden, 409: ExitConflict, 503: ExitUnavailable, 429: ExitUnavailable, 422: ExitFailed, 500: ExitFailed,
	} {
		name := fmt.Sprintf("app-%d", status)
		w.says("GET /api/v1/apps/"+name, status, `{"code":"c","message":"What happened.","hint":"What to do."}`)
		got, out, errs := w.run("info", name)
		if got != code || out != "" || !strings.Contains(errs, "What happened.") {
			t.Errorf("status %d: code %d %q %q, want %d", status, got, out, errs, code)
		}
		got, out, errs = w.run("info", name, "--json")
		var p struct {
			Error struct{ Code, Message, Hint string }
		}
		if err := json.Unmarshal([]byte(errs), &p); got != code || out != "" || err != nil || p.Error.Code == "" || p.Error.Message == "" {
			t.Errorf("status %d as JSON: code %d %q %q", status, got, out, errs)
		}
	}
	_, help, _ := w.run("exit-codes", "--help")
	for _, code := range []string{"\n  0 ", "\n  1 ", "\n  2 ", "\n  3 ", "\n  4 ", "\n  5 ", "\n  6 ", "\n  7 ", "\n  130 "} {
		if !strings.Contains(help, code) {
			t.Errorf("the help does not tell of %q:\n%s", code, help)
		}
	}
}

func TestJSON_IsTheAnswerOfTheAPI(t *testing.T) {
	w := newWorld(t)
	w.signedIn()
	answers := map[string]string{
		"info shop": `{"app":{"name":"shop","unknown_to_this_program":1}}`, "releases shop": `{"releases":[{"number":1}],"next":null}`,
		"deployments -a shop": `{"deployments":[{"number":1,"state":"live"}],"next":null}`, "ps shop": `{"replicas":[{"name":"web.1"}],"runs":[]}`,
		"config -a shop": `{"names":["A"]}`, "logs shop": `{"lines":[{"text":"x"}]}`, "domains -a shop": `{"domains":[{"host":"a.b"}],"next":null}`,
		"volumes -a shop": `{"volumes":[{"name":"data"}],"next":null}`,
		"apps":            `{"apps":[{"name":"shop"}],"next":null}`, "plans": `{"plans":[],"capacity":{}}`, "tokens": `{"tokens":[]}`,
	}
	paths := map[string]string{
		"info shop": "/apps/shop", "releases shop": "/apps/shop/releases", "deployments -a shop": "/apps/shop/deployments", "ps shop": "/apps/shop/replicas",
		"config -a shop": "/apps/shop/config", "logs shop": "/apps/shop/logs", "domains -a shop": "/apps/shop/domains", "volumes -a shop": "/apps/shop/volumes", "apps": "/apps", "plans": "/plans", "tokens": "/tokens",
	}
	for command, path := range paths {
		w.says("GET /api/v1"+path, 200, answers[command])
	}
	w.says("GET /api/v1/apps/shop/runs", 200, `{"runs":[]}`) // ps shows both
	for command := range paths {
		code, out, errs := w.run(append(strings.Fields(command), "--json")...)
		var got, want any
		if err := json.Unmarshal([]byte(out), &got); code != ExitOK || err != nil {
			t.Errorf("%s: %d %q %q", command, code, out, errs)
		}
		if err := json.Unmarshal([]byte(answers[command]), &want); err != nil {
			t.Fatal(err)
		}
		a, _ := json.Marshal(got)
		b, _ := json.Marshal(want)
		if string(a) != string(b) {
			t.Errorf("%s: %s, the API says %s", command, a, b)
		}
	}
}

func TestTail_FollowsTheLog(t *testing.T) {
	w := newWorld(t)
	w.signedIn()
	w.says("GET /api/v1/apps/shop/logs", 200, "event: log\ndata: {\"replica\":\"web.1\",\"text\":\"hello\"}\n\nevent: error\ndata: {\"status\":404,\"code\":\"gone\",\"message\":\"Gone.\"}\n\n")
	code, out, errs := w.run("tail", "shop", "-n", "5", "-p", "web")
	if code != ExitNotFound || !strings.Contains(out, "web.1: hello") || !strings.Contains(w.asked[0], "follow=true&process=web&tail=5") {
		t.Errorf("%d %q %q %v", code, out, errs, w.asked)
	}
}

func TestCompletion_ForEachShellKnowsTheApps(t *testing.T) {
	w := newWorld(t)
	w.signedIn()
	w.says("GET /api/v1/apps", 200, `{"apps":[{"name":"blog"},{"name":"shop"}],"next":null}`)
	for _, shell := range []string{"bash", "zsh", "fish"} {
		if code, out, errs := w.run("completion", shell); code != ExitOK || !strings.Contains(out, "lugsail") || !strings.Contains(out, "__complete") {
			t.Errorf("%s: %d %q", shell, code, errs)
		}
	}
	for _, line := range []string{"logs ", "tail ", "ps --app ", "deploy -a "} {
		words := append([]string{"__complete"}, strings.Split(line, " ")...)
		if _, out, _ := w.run(words...); !strings.Contains(out, "blog\nshop\n") {
			t.Errorf("%s: %q", line, out)
		}
	}
}

func TestColours_OnlyOnATerminalThatWantsThem(t *testing.T) {
	file, err := os.CreateTemp(t.TempDir(), "out")
	if err != nil {
		t.Fatal(err)
	}
	if colours(file) || colours(&strings.Builder{}) {
		t.Error("a file gets colours")
	}
	_, master := terminal(t)
	t.Setenv("TERM", "xterm")
	t.Setenv("NO_COLOR", "")
	if !colours(master) {
		t.Error("a terminal gets no colours")
	}
	t.Setenv("NO_COLOR", "1")
	if colours(master) {
		t.Error("a terminal gets colours in spite of NO_COLOR")
	}
	t.Setenv("NO_COLOR", "")
	t.Setenv("TERM", "dumb")
	if colours(master) {
		t.Error("a dumb terminal gets colours")
	}
}
