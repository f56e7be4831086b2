package main

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func TestPages(t *testing.T) {
	for path, want := range map[string]string{"/": "It works", "/hello/Ada": "Hello, Ada!", "/health": "ok"} {
		answer := httptest.NewRecorder()
		pages().ServeHTTP(answer, httptest.NewRequest(http.MethodGet, path, nil))
		if answer.Code != http.StatusOK || !strings.Contains(answer.Body.String(), want) {
			t.Errorf("%s answers %d %q", path, answer.Code, answer.Body.String())
		}
	}
}
