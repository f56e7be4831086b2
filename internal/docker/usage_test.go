package docker

import "testing"

func TestUsage_AnImageIsTheAppsByItsLabelsOrItsName(t *testing.T) {
	e := &Engine{instance: "here"}
	for name, c := range map[string]struct {
		labels map[string]string
		names  []string
		want   string
	}{
		"built by buildpacks":      {nil, []string{"127.0.0.1:5005/apps/lshop:b1"}, "lshop"},
		"built with a Dockerfile":  {map[string]string{labelInstance: "here", labelApp: "lshop"}, []string{"127.0.0.1:5005/dockerfile/lshop:b1"}, "lshop"},
		"of another Lugsail":       {map[string]string{labelInstance: "there", labelApp: "lshop"}, nil, ""},
		"brought":                  {nil, []string{"shop:latest", "lugsail-images/lshop:new-1"}, "lshop"},
		"a base that was lent":     {nil, []string{lent + "abc"}, ""},
		"the owner's, named alike": {nil, []string{"ghcr.io/apps/shop:1", "example.com/me/apps/shop:1", "me/apps/shop:1"}, ""},
		"without a name":           {nil, nil, ""},
	} {
		if got := e.appOfImage(c.labels, c.names); got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}
