package build

import (
	"context"
	"slices"
	"sync"
)

// queue lets a number of holders in at once, in the order of arrival.
type queue struct {
	mu      sync.Mutex
	free    int
	waiting []chan struct{}
}

func newQueue(slots int) *queue { return &queue{free: slots} }

// wait blocks until there is a slot; told hears once how many are ahead when it must wait.
func (q *queue) wait(ctx context.Context, told func(ahead int)) (release func(), err error) {
	q.mu.Lock()
	if q.free > 0 {
		q.free--
		q.mu.Unlock()
		return sync.OnceFunc(q.next), nil
	}
	turn := make(chan struct{})
	q.waiting = append(q.waiting, turn)
	ahead := len(q.waiting)
	q.mu.Unlock()
	told(ahead)
	select {
	case <-turn:
		return sync.OnceFunc(q.next), nil
	case <-ctx.Done():
		q.leave(turn)
		return nil, ctx.Err()
	}
}

// next hands the slot to the longest waiting one.
func (q *queue) next() {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.waiting) == 0 {
		q.free++
		return
	}
	close(q.waiting[0])
	q.waiting = q.waiting[1:]
}

func (q *queue) leave(turn chan struct{}) {
	q.mu.Lock()
	i := slices.Index(q.waiting, turn)
	if i >= 0 {
		q.waiting = slices.Delete(q.waiting, i, i+1)
	}
	q.mu.Unlock()
	if i < 0 {
		q.next() // the slot was handed over in the same moment
	}
}
