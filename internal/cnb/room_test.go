package cnb

import (
	"testing"
	"time"
)

func TestWatchRoom_EndsForAnotherBuilder(t *testing.T) {
	b := &Builder{disks: disks{room: func(string) (room, error) { return room{bytes: 1 << 40}, nil }}}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		b.WatchRoom(t.Context(), func() { t.Error("there is room") })()
	}()
	select {
	case <-ended:
	case <-time.After(30 * time.Second):
		t.Fatal("the watch does not end")
	}
}
