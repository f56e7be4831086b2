package cnb_test

import "testing"

func TestBuild_Static(t *testing.T) {
	a := newApp(t, map[string]string{"index.html": "<h1>Hello</h1>"})
	result, _ := a.mustBuild()
	t.Logf("%+v", result)
	a.write(map[string]string{"index.html": "<h1>Hello again</h1>"})
	result, _ = a.mustBuild()
	t.Logf("%+v", result)
}
