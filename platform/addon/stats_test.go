package addon_test

import (
	"strings"
	"testing"

	"github.com/lugsail/lugsail/platform/addon"
)

func TestParseStats(t *testing.T) {
	s, err := addon.ParseStats([]byte("bytes\t7000\nconnections\t3\nconnections-max\t29\nslow-over\t1000\nlater\tsomething\n" +
		"query\t12\t1500\t2100\tSELECT $1 FROM \tt\nquery\t1\tx\t1\tno\nquery\t1\n"))
	if err != nil || s.Bytes != 7000 || s.Connections != 3 || s.MaxConnections != 29 || s.SlowOver != 1000 || s.Slow != nil || s.MaxBytes != 0 {
		t.Errorf("%+v, %v", s, err)
	}
	if len(s.Queries) != 1 || s.Queries[0] != (addon.Query{Text: "SELECT $1 FROM \tt", Calls: 12, Mean: 1500, Longest: 2100}) {
		t.Errorf("%+v", s.Queries)
	}
	s, err = addon.ParseStats([]byte("bytes\t1\nbytes-max\t9\nconnections\t0\nconnections-max\t1\nslow\t4\n" + strings.Repeat("query\t1\t1\t1\t\xff"+strings.Repeat("ü", 300)+"\n", 30)))
	if err != nil || s.Slow == nil || *s.Slow != 4 || s.MaxBytes != 9 || len(s.Queries) != 10 || len([]rune(s.Queries[0].Text)) != 200 {
		t.Errorf("%+v, %v", s, err)
	}
	for _, text := range []string{"", "bytes\t1\nconnections\t1\n", "bytes\tmany\nconnections\t1\nconnections-max\t1\n", "bytes\t-1\nconnections\t1\nconnections-max\t1\n", "query\t" + strings.Repeat("x", 1<<17)} {
		if s, err := addon.ParseStats([]byte(text)); err == nil {
			t.Errorf("%.40q is read as %+v", text, s)
		}
	}
}
