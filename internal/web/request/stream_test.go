package request

import "testing"

func TestSeats_NobodyTakesThemAll(t *testing.T) {
	s := seats{of: map[string]int{}}
	taken := 0
	for taken < 2*maxOwn && s.take("ada") {
		taken++
	}
	if taken != maxOwn || !s.take("bob") {
		t.Fatalf("ada has %d; bob has none", taken)
	}
	s.leave("bob")
	s.leave("ada")
	if !s.take("ada") || s.take("ada") {
		t.Error("a seat that was left is not one to take")
	}
	for range maxOwn {
		s.leave("ada")
	}
	if s.taken != 0 || len(s.of) != 0 {
		t.Errorf("%d taken, %v", s.taken, s.of)
	}
	for i := range maxStreams {
		if !s.take(string(rune('a' + i))) {
			t.Fatalf("seat %d is not free", i)
		}
	}
	if s.take("late") {
		t.Error("more seats than there are")
	}
}
