package platform

import (
	"strings"
	"testing"
)

func TestRoom_RefusesBelowATenthOrTwoGBOrATwentiethOfTheFiles(t *testing.T) {
	const gib = uint64(1) << 30
	for name, c := range map[string]struct {
		room Room
		code string
		says string
	}{
		"enough":                  {Room{Free: 5 * gib, Total: 40 * gib, FreeFiles: 900, Files: 1000}, "", ""},
		"below a tenth":           {Room{Free: 3 * gib, Total: 40 * gib}, "disk_low", "3 GB are left of 40 GB; a build needs 4 GB"},
		"below two GB":            {Room{Free: gib, Total: 5 * gib}, "disk_low", "a build needs 2 GB"},
		"full":                    {Room{Free: 0, Total: 5 * gib}, "disk_low", "disk is full"},
		"a large disk":            {Room{Free: 21 * gib, Total: 2000 * gib}, "", ""},
		"F23 files":               {Room{Free: 30 * gib, Total: 40 * gib, FreeFiles: 49, Files: 1000}, "disk_files", "49 more files, of 1000; a build needs 50"},
		"files are not counted":   {Room{Free: 30 * gib, Total: 40 * gib}, "", ""},
		"exactly as much as must": {Room{Free: 4 * gib, Total: 40 * gib, FreeFiles: 50, Files: 1000}, "", ""},
	} {
		err := c.room.Refuse("a build")
		if c.code == "" {
			if err != nil {
				t.Errorf("%s: %v", name, err)
			}
			continue
		}
		e := AsError(err)
		if e == nil || e.Kind != NoRoom || e.Code != c.code || !strings.Contains(e.Message, c.says) || e.Hint == "" {
			t.Errorf("%s: got %v", name, err)
		}
	}
}
