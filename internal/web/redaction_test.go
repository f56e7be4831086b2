package web

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/lugsail/lugsail/platform"
)

func TestA73_OutputIsHeldBackWhenItsSecretsAreUnknown(t *testing.T) {
	r := newRig(t)
	r.serving("mine")
	r.engine.lines = []platform.LogLine{{Text: "token=" + canary}}
	r.engine.replicas[0].State = platform.ReplicaExited
	r.apps.Hide = func(context.Context, string) (func(string) string, error) {
		return nil, errors.New("the database is broken at page 7")
	}
	const logs = "/api/v1/apps/mine/logs"
	token := r.token("", platform.ScopeRead)
	got := r.do(ask{path: logs, token: token}).want(t, http.StatusServiceUnavailable)
	if got.code() != "output_held_back" || !strings.Contains(got.body, "Try again") || strings.Contains(got.body, "page 7") {
		t.Error(got.body)
	}
	got = r.do(ask{path: logs + "?follow=true&tail=10", token: token}).want(t, http.StatusServiceUnavailable)
	if got.code() != "output_held_back" {
		t.Error(got.body)
	}
	for _, path := range []string{"/api/v1/apps/mine/replicas", "/apps/mine/logs", "/apps/mine"} {
		got := r.do(ask{path: path, session: r.session})
		if strings.Contains(got.body, canary) || path != "/apps/mine" && !strings.Contains(got.body, "held back") {
			t.Errorf("%s: %s %s", path, got.Status, got.body)
		}
	}
}
