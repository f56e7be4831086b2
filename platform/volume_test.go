package platform_test

import (
	"strings"
	"testing"

	"github.com/lugsail/lugsail/platform"
)

func TestValidateVolumePath_HidesNothing(t *testing.T) {
	for path, ok := range map[string]bool{
		"/data": true, "/var/www/uploads": true, "/home/app/uploads": true, "/var/lib/mysql": true, "/srv": true, "/etc/app": true,
		"": false, "/": false, "data": false, "/data/": false, "/a/../b": false, "//a": false, "/./a": false, "/proc": false, "/proc/x": false, "/sys/fs": false,
		"/dev/shm": false, "/etc": false, "/etc/hosts": false, "/etc/resolv.conf": false, "/.dockerenv": false, "/usr": false, "/home": false, "/home/app": false, "/cnb": false, "/cnb/process": false, "/layers/x": false, "/a b": false,
		"/a\nb": false, "/a:b": false, "/a;id": false, "/$(id)": false, "/a`b": false, "/a'b": false, "/a*": false, "/\u202ea": false, "/ä": false, "/a..b": true, "/opt/app-1.2_x+y@z~=": true, "/a,b": false, "/a\x00b": false, "/" + strings.Repeat("a", 255): false,
	} {
		err := platform.ValidateVolumePath(path)
		if (err == nil) != ok {
			t.Errorf("%q: %v", path, err)
		}
		if err != nil && (platform.AsError(err).Hint == "" || !platform.IsKind(err, platform.Invalid)) {
			t.Errorf("%q: no hint", path)
		}
	}
}

func TestValidateVolumeName(t *testing.T) {
	for name, ok := range map[string]bool{"data": true, "d": true, "my-uploads-2": true, "": false, "-a": false, "a-": false, "a--b": false, "A": false, "1a": false, "a b": false, "a'b": false, strings.Repeat("a", 31): false} {
		if err := platform.ValidateVolumeName(name); (err == nil) != ok {
			t.Errorf("%q: %v", name, err)
		}
	}
}
