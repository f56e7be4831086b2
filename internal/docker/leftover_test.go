package docker

import "testing"

// What a clean-up may remove is told by its names alone: whoever else has a name for an image keeps it.
func TestBeyond_AnImageThatSomebodyElseHasANameForIsNotOurs(t *testing.T) {
	for _, c := range []struct {
		tags, digests []string
		app           string
	}{
		{nil, []string{"127.0.0.1:5005/apps/a1b2c3@sha256:00"}, "a1b2c3"},
		{[]string{"127.0.0.1:5005/dockerfile/a1b2c3:b4"}, nil, "a1b2c3"},
		{[]string{"lugsail-images/a1b2c3:new-b4"}, []string{"ghcr.io/ada/shop@sha256:00"}, "a1b2c3"},
		{[]string{"lugsail-images/a1b2c3:own-b4"}, nil, ""},
		{[]string{"lugsail-images/a1b2c3:new-b4", "ada/shop:latest"}, nil, ""},
		{[]string{"127.0.0.1:5005/dockerfile/a1b2c3:b4", "127.0.0.1:5005/dockerfile/d4e5f6:b5"}, nil, ""},
		{[]string{"127.0.0.1:5005/base/builder:l1"}, nil, ""},
		{[]string{"127.0.0.1:5000/apps/shop/web:v1"}, nil, ""},
		{[]string{"postgres:17"}, []string{"postgres@sha256:00"}, ""},
		{nil, []string{"ghcr.io/ada/shop@sha256:00"}, ""},
		{nil, nil, ""},
		{[]string{"<none>:<none>"}, nil, ""},
	} {
		if got := onlyOurs(c.tags, c.digests); got != c.app {
			t.Errorf("%v %v: of %q, want %q", c.tags, c.digests, got, c.app)
		}
	}
}
