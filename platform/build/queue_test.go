package build

import (
	"context"
	"slices"
	"testing"
)

func TestQueue_LetsInByArrival(t *testing.T) {
	q := newQueue(1)
	first, err := q.wait(t.Context(), func(int) { t.Error("the first one must not wait") })
	if err != nil {
		t.Fatal(err)
	}
	var order []int
	entered := make(chan int)
	for i := range 3 {
		queued := make(chan struct{})
		go func() {
			release, err := q.wait(context.Background(), func(ahead int) {
				if ahead != i+1 {
					t.Errorf("%d ahead of number %d, want %d", ahead, i, i+1)
				}
				close(queued)
			})
			if err != nil {
				t.Error(err)
			}
			entered <- i
			release()
		}()
		<-queued
	}
	first()
	for range 3 {
		order = append(order, <-entered)
	}
	if !slices.Equal(order, []int{0, 1, 2}) {
		t.Errorf("let in as %v", order)
	}
}

func TestQueue_LeavingGivesNobodyElsesSlotAway(t *testing.T) {
	q := newQueue(1)
	first, _ := q.wait(t.Context(), nil)
	ctx, cancel := context.WithCancel(t.Context())
	queued := make(chan struct{})
	left := make(chan error)
	go func() {
		_, err := q.wait(ctx, func(int) { close(queued) })
		left <- err
	}()
	<-queued
	cancel()
	if err := <-left; err == nil {
		t.Fatal("a cancelled wait must say so")
	}
	first()
	first() // releasing twice is harmless
	if _, err := q.wait(t.Context(), func(int) { t.Error("the slot is free again") }); err != nil {
		t.Fatal(err)
	}
	if q.free != 0 {
		t.Errorf("%d slots free, want 0", q.free)
	}
}
