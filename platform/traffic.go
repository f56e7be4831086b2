package platform

import (
	"math/bits"
	"time"
)

// TrafficTotals is what the proxy has counted since its start. Totals only grow; a proxy that
// starts anew begins at zero, and Since tells that it did. An app that has left the routing
// table is forgotten, and begins at zero when it comes back.
type TrafficTotals struct {
	Since time.Time          `json:"since"` // the start of the proxy
	Apps  map[string]Traffic `json:"apps"`  // by app id; one without requests may be missing
}

// Traffic is what an app's visitors asked and got. Bytes are those of bodies, and of all that
// goes through a WebSocket; headers are not counted.
type Traffic struct {
	Classes [5]uint64           `json:"classes"` // requests answered 1xx (WebSockets), 2xx, 3xx, 4xx (also visitors who left before the answer), 5xx
	In      uint64              `json:"in"`      // bytes from visitors
	Out     uint64              `json:"out"`     // bytes to visitors
	Times   [TimeBuckets]uint64 `json:"times"`   // answers by how long they took, see TimeBucket
}

// TimeBuckets is how many classes of answer times there are.
const TimeBuckets = 2 + 4*timeDoublings

const (
	timeShift     = 9 // the first class ends at 2^9 microseconds
	timeDoublings = 17
)

// TimeBucket is the class of an answer that took d. The first holds all below 0.512 ms, the
// last all from 67 s on; between them four classes share each doubling, so that a value
// read from a class is at most an eighth off.
func TimeBucket(d time.Duration) int {
	micros := uint64(max(d, 0) / time.Microsecond)
	top := bits.Len64(micros) - 1
	switch {
	case top < timeShift:
		return 0
	case top >= timeShift+timeDoublings:
		return TimeBuckets - 1
	}
	return 1 + 4*(top-timeShift) + int(micros>>(top-2)&3)
}

// TimeBucketStart is the shortest time of a class.
func TimeBucketStart(i int) time.Duration {
	if i <= 0 {
		return 0
	}
	doubling, quarter := (i-1)/4, (i-1)%4
	return time.Duration((4+quarter)<<(timeShift+doubling-2)) * time.Microsecond
}
