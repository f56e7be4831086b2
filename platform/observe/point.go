package observe

import (
	"math"
	"time"

	"github.com/lugsail/lugsail/platform"
)

// Point is what one app used and answered in one step of time. What is not known is NaN:
// nobody looked, the engine or the proxy did not answer, or there was nothing to measure.
type Point struct {
	CPU      float32 // processors, on average: 0.5 is half of one
	Memory   float32 // bytes, of all replicas together
	Limit    float32 // bytes that they may use together
	Fullest  float32 // how full the fullest replica is: 1 is all of its memory
	Replicas float32 // that run
	Requests float32 // answered, whatever the answer
	Refused  float32 // of these: answered 4xx, or the visitor left
	Errors   float32 // of these: answered 5xx, or not at all by the app
	Median   float32 // seconds until an answer begins; half of them take longer
	P95      float32 // seconds; one in twenty takes longer
	In       float32 // bytes from visitors
	Out      float32 // bytes to visitors
}

var unknown = float32(math.NaN())

// Known reports whether a value was measured.
func Known(v float32) bool { return v == v } //nolint:gocritic // only NaN differs from itself

func blank() Point {
	return Point{unknown, unknown, unknown, unknown, unknown, unknown, unknown, unknown, unknown, unknown, unknown, unknown}
}

// times counts answers by how long they took.
type times [platform.TimeBuckets]uint64

// quantile is the time that a share of the answers do not take longer than; unknown without answers.
func (t *times) quantile(share float64) float32 {
	var all uint64
	for _, n := range t {
		all += n
	}
	if all == 0 {
		return unknown
	}
	rank, below := share*float64(all), 0.0
	for i, n := range t {
		if n > 0 && below+float64(n) >= rank {
			start, end := platform.TimeBucketStart(i), platform.TimeBucketStart(min(i+1, platform.TimeBuckets-1))
			return float32((float64(start) + float64(end-start)*(rank-below)/float64(n)) / float64(time.Second))
		}
		below += float64(n)
	}
	return float32(platform.TimeBucketStart(platform.TimeBuckets - 1).Seconds())
}
