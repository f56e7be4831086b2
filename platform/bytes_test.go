package platform

import "testing"

func TestBytes_IsWhatPeopleSay(t *testing.T) {
	for n, want := range map[int64]string{
		0: "0 bytes", 1: "1 byte", 1023: "1023 bytes", 1024: "1 KB", 1500: "1.5 KB", 64 << 20: "64 MB", 1<<30 - 1: "1 GB",
		1 << 30: "1 GB", 3 << 29: "1.5 GB", 100<<30 + 1<<28: "100 GB", 252 << 30: "252 GB", 5 << 40: "5 TB", 3000 << 40: "3000 TB",
	} {
		if got := Bytes(n); got != want {
			t.Errorf("%d: got %q, want %q", n, got, want)
		}
	}
}
