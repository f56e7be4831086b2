package cli

import (
	"strings"
	"testing"
)

func TestDisk_ShowsWhatCountsAndSumsUpTheRest(t *testing.T) {
	w := newWorld(t)
	w.signedIn()
	w.says("GET /api/v1/disk", 200, `{"disks": [{"path": "/var/lib/lugsail", "holds": "data", "free": 1073741824, "total": 2147483648}],
		"uses": [{"app": "shop", "text": "its git repository", "bytes": 5242880}, {"app": "", "text": "copies", "bytes": 2048}, {"app": "blog", "text": "its git repository", "bytes": 1024}]}`)
	code, out, errs := w.run("disk")
	if code != ExitOK || !strings.Contains(out, "shop  5 MB  its git repository") || !strings.Contains(out, "And 2 items below 1 MB each, 3 KB together.") || strings.Contains(out, "blog") {
		t.Errorf("%d %s%s", code, out, errs)
	}
	if _, all, _ := w.run("disk", "--json"); !strings.Contains(all, "blog") {
		t.Errorf("as JSON it is not whole: %s", all)
	}
}
