package flow

import (
	"bytes"
	"testing"
)

func TestQueue_GivesAllInOrderAndKindsApart(t *testing.T) {
	q := NewQueue()
	q.Put(1, []byte("one "))
	q.Put(1, []byte("two"))
	q.Put(2, []byte("oh"))
	q.Put(1, bytes.Repeat([]byte("x"), Piece+1))
	q.End()
	q.Put(1, []byte("late"))
	want := []struct {
		kind byte
		data string
	}{{1, "one two"}, {2, "oh"}, {1, string(bytes.Repeat([]byte("x"), Piece))}, {1, "x"}}
	for _, w := range want {
		if kind, data, ok := q.Take(); !ok || kind != w.kind || string(data) != w.data {
			t.Fatalf("%d %.20q %v, want %d %.20q", kind, data, ok, w.kind, w.data)
		}
	}
	if _, _, ok := q.Take(); ok {
		t.Error("more than was put in")
	}
}

func TestQueue_HoldsAWindowAndALittle(t *testing.T) {
	q := NewQueue()
	put := make(chan int)
	go func() {
		defer close(put)
		for n := range 3 * Window / Piece {
			q.Put(1, make([]byte, Piece))
			put <- n
		}
	}()
	for range Window/Piece + 1 {
		<-put
	}
	select {
	case <-put:
		t.Fatal("it takes more than a window")
	default:
	}
	q.Take()
	<-put
	q.Drop()
	for range put { // whoever waited is freed
	}
	if _, _, ok := q.Take(); ok {
		t.Error("a dropped queue gives something")
	}
}

func TestCredit_BoundsWhatIsUnderWay(t *testing.T) {
	c := NewCredit(Window)
	for range Window / Piece {
		c.Spend(Piece)
	}
	spent := make(chan bool)
	spend := func() { spent <- c.Spend(Piece) }
	go spend()
	c.Return(-Piece)
	c.Return(Window + Piece)
	select {
	case <-spent:
		t.Fatal("a lie about what was consumed counts")
	default:
	}
	c.Return(Piece)
	if !<-spent {
		t.Error("what was consumed gives no credit")
	}
	go spend()
	c.End()
	if <-spent {
		t.Error("after the end something may be sent")
	}
}
