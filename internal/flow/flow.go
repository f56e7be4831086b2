// Package flow keeps one connection open for words while its data waits for somebody slow. Both
// ends always read all that comes: data goes into a Queue, whose consumer takes it in its own time and
// tells the other end so, and the other end's Credit bounds what may be under way.
package flow

import "sync"

const (
	// Window is how many bytes of data may be under way in one direction, not yet consumed.
	Window = 256 << 10
	// Piece is what a queue gives at most at once.
	Piece = 16 << 10
)

// Queue holds data that waits to be consumed. It has one consumer.
type Queue struct {
	mu      sync.Mutex
	changed *sync.Cond
	parts   []part
	size    int
	ended   bool
	dropped bool
}

// part is data of one kind.
type part struct {
	kind byte
	data []byte
}

// NewQueue gives an empty queue.
func NewQueue() *Queue {
	q := &Queue{}
	q.changed = sync.NewCond(&q.mu)
	return q
}

// Put adds a copy of data; kind comes out with it. It waits while a window is full already, which only
// a producer sees that takes no notice of its credit.
func (q *Queue) Put(kind byte, data []byte) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for q.size > Window && !q.dropped {
		q.changed.Wait()
	}
	if q.ended || q.dropped || len(data) == 0 {
		return
	}
	if last := len(q.parts) - 1; last < 0 || q.parts[last].kind != kind {
		q.parts = append(q.parts, part{kind: kind})
	}
	last := &q.parts[len(q.parts)-1]
	last.data = append(last.data, data...)
	q.size += len(data)
	q.changed.Broadcast()
}

// Take gives the next piece and waits for one; ok is false when all was taken of a queue that has ended.
func (q *Queue) Take() (kind byte, data []byte, ok bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for len(q.parts) == 0 && !q.ended && !q.dropped {
		q.changed.Wait()
	}
	if len(q.parts) == 0 {
		return 0, nil, false
	}
	first := &q.parts[0]
	n := min(len(first.data), Piece)
	kind, data = first.kind, first.data[:n:n]
	if first.data = first.data[n:]; len(first.data) == 0 {
		q.parts = q.parts[1:]
	}
	q.size -= n
	q.changed.Broadcast()
	return kind, data, true
}

// End says that nothing more comes; what is there is still given.
func (q *Queue) End() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.ended = true
	q.changed.Broadcast()
}

// Drop ends the queue and throws away what is in it.
func (q *Queue) Drop() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.dropped, q.parts, q.size = true, nil, 0
	q.changed.Broadcast()
}

// Credit is how much may still be sent.
type Credit struct {
	mu      sync.Mutex
	changed *sync.Cond
	whole   int
	left    int
	ended   bool
}

// NewCredit gives a credit of a window's size.
func NewCredit(window int) *Credit {
	c := &Credit{whole: window, left: window}
	c.changed = sync.NewCond(&c.mu)
	return c
}

// Spend waits until something may be sent and counts n bytes, which may be more than is left by less
// than a piece; false means that nothing may be sent any more.
func (c *Credit) Spend(n int) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	for c.left <= 0 && !c.ended {
		c.changed.Wait()
	}
	c.left -= n
	return !c.ended
}

// Return counts n bytes as consumed.
func (c *Credit) Return(n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if n > 0 && n <= c.whole-c.left { // more was never sent
		c.left += n
		c.changed.Broadcast()
	}
}

// End frees whoever waits.
func (c *Credit) End() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ended = true
	c.changed.Broadcast()
}
