package platform

import (
	"testing"
	"time"
)

func TestTimeBucket_HoldsItsTimes(t *testing.T) {
	for i := range TimeBuckets {
		start := TimeBucketStart(i)
		if got := TimeBucket(start); got != i {
			t.Errorf("%v starts class %d, but is in %d", start, i, got)
		}
		if i > 0 {
			if got := TimeBucket(start - time.Microsecond); got != i-1 {
				t.Errorf("just before %v is in class %d, want %d", start, got, i-1)
			}
			if next := TimeBucketStart(i + 1); i > 1 && i+1 < TimeBuckets && float64(next)/float64(start) > 1.2501 {
				t.Errorf("class %d is from %v to %v", i, start, next)
			}
		}
	}
	if TimeBucket(-time.Second) != 0 || TimeBucket(time.Hour) != TimeBuckets-1 || TimeBucketStart(1) != 512*time.Microsecond {
		t.Error("the ends are not where they are said to be")
	}
}
