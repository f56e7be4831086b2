package observe

import (
	"fmt"
	"testing"
	"time"

	"github.com/lugsail/lugsail/platform"
)

func TestRing_GapsAndClocks(t *testing.T) {
	for _, test := range []struct {
		name string
		puts []int64
		to   int64
		want string
	}{
		{"nothing yet", nil, 103, "----"},
		{"one", []int64{100}, 100, "---0"},
		{"in a row", []int64{100, 101, 102, 103}, 103, "0123"},
		{"the oldest goes", []int64{100, 101, 102, 103, 104}, 104, "1234"},
		{"left out", []int64{100, 102}, 103, "0-1-"},
		{"left out for long", []int64{100, 101, 900}, 900, "---2"},
		{"measured twice", []int64{100, 101, 101}, 102, "-02-"},
		{"the clock goes back", []int64{100, 101, 102, 101}, 102, "-03-"},
		{"the clock goes back far", []int64{900, 901, 100}, 100, "---2"},
		{"read later", []int64{100, 101, 102, 103}, 105, "23--"},
		{"read long after", []int64{100, 101, 102, 103}, 1000, "----"},
		{"read before", []int64{100, 101, 102, 103, 104}, 102, "--12"},
	} {
		r := newRing(4)
		for i, step := range test.puts {
			p := blank()
			p.CPU = float32(i)
			r.put(step, p)
		}
		got := ""
		for _, p := range r.read(test.to, 4) {
			if Known(p.CPU) {
				got += fmt.Sprint(int(p.CPU))
			} else {
				got += "-"
			}
		}
		if got != test.want {
			t.Errorf("%s: %s, want %s", test.name, got, test.want)
		}
	}
}

func TestTimes_Quantiles(t *testing.T) {
	of := func(all ...time.Duration) *times {
		var t times
		for _, d := range all {
			t[platform.TimeBucket(d)]++
		}
		return &t
	}
	var mixed []time.Duration
	for i := range 100 {
		mixed = append(mixed, time.Duration(i+1)*10*time.Millisecond)
	}
	for _, test := range []struct {
		name  string
		times *times
		share float64
		want  time.Duration
	}{
		{"one", of(40 * time.Millisecond), 0.5, 40 * time.Millisecond},
		{"half of a spread", of(mixed...), 0.5, 500 * time.Millisecond},
		{"one in twenty of a spread", of(mixed...), 0.95, 950 * time.Millisecond},
		{"a slow one among many", of(append(mixed, time.Minute)...), 0.95, 960 * time.Millisecond},
		{"two camps", of(time.Millisecond, time.Millisecond, time.Millisecond, time.Second), 0.5, time.Millisecond},
	} {
		got := time.Duration(float64(test.times.quantile(test.share)) * float64(time.Second))
		if off := float64(got-test.want) / float64(test.want); off > 0.13 || off < -0.13 {
			t.Errorf("%s: %v, want %v or an eighth off", test.name, got, test.want)
		}
	}
	if Known(of().quantile(0.5)) {
		t.Error("without answers there is no time")
	}
}

func TestGrown(t *testing.T) {
	traffic := func(ok, out uint64) platform.Traffic {
		return platform.Traffic{Classes: [5]uint64{0, ok}, Out: out, Times: [platform.TimeBuckets]uint64{3: ok}}
	}
	for _, test := range []struct {
		name            string
		base, now, want platform.Traffic
	}{
		{"more", traffic(5, 100), traffic(7, 150), traffic(2, 50)},
		{"the same", traffic(5, 100), traffic(5, 100), platform.Traffic{}},
		{"from nothing", platform.Traffic{}, traffic(7, 150), traffic(7, 150)},
		{"forgotten meanwhile", traffic(5, 100), traffic(2, 400), traffic(2, 400)},
	} {
		if got := grown(test.now, test.base); got != test.want {
			t.Errorf("%s: %+v, want %+v", test.name, got, test.want)
		}
	}
}

func TestSeries_MinutesAreOfTheirPoints(t *testing.T) {
	s := newSeries()
	const first = int64(6 * 1000)
	for i := range int64(12) {
		p := blank()
		p.CPU, p.Requests = float32(i), 2
		if i == 3 {
			p = blank() // nobody looked
		}
		answers := new(times)
		answers[platform.TimeBucket(40*time.Millisecond)] = 2
		s.put(first+i, p, answers)
	}
	got := s.longs.read(1001, 3)
	if Known(got[0].CPU) || got[1].CPU != 12.0/5 || got[1].Requests != 10 || got[2].CPU != 8.5 || got[2].Requests != 12 || got[2].Median < 0.035 || got[2].Median > 0.045 {
		t.Errorf("%+v", got)
	}
}

func TestRecent_FullIsWhatLasts(t *testing.T) {
	full := func(values ...float32) []Point {
		all := make([]Point, 0, len(values))
		for _, v := range values {
			p := blank()
			p.Fullest = v
			all = append(all, p)
		}
		return all
	}
	fill := func(n int, v float32) []Point {
		values := make([]float32, n)
		for i := range values {
			values[i] = v
		}
		return full(values...)
	}
	for _, test := range []struct {
		name   string
		points []Point
		want   float32
	}{
		{"full for five minutes", append(fill(300, 0.3), fill(30, 0.95)...), 0.95},
		{"a spike", append(fill(329, 0.3), full(0.99)...), 0.3},
		{"a moment of ease", append(fill(320, 0.95), append(full(0.5), fill(9, 0.95)...)...), 0.5},
		{"with gaps", append(fill(324, 0.95), fill(6, unknown)...), 0.95},
		{"too little is known", append(fill(310, 0.95), fill(20, unknown)...), unknown},
		{"nothing", nil, unknown},
	} {
		got := recent(test.points).Fullest
		if Known(got) != Known(test.want) || Known(got) && got != test.want {
			t.Errorf("%s: %v, want %v", test.name, got, test.want)
		}
	}
}
