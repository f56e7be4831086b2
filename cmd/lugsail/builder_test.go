package main

import (
	"slices"
	"testing"
)

func TestSteps_WhoComesLaterHearsWhatWasSaid(t *testing.T) {
	var s steps
	var early, late, next []string
	defer s.join(func(line string) { early = append(early, line) })()
	s.tell("one")
	leave := s.join(func(line string) { late = append(late, line) })
	s.tell("two")
	leave()
	s.tell("three")
	s.end()
	defer s.join(func(line string) { next = append(next, line) })()
	if want := []string{"one", "two", "three"}; !slices.Equal(early, want) {
		t.Errorf("who was there hears %q, want %q", early, want)
	}
	if want := []string{"one", "two"}; !slices.Equal(late, want) {
		t.Errorf("who came later hears %q, want %q", late, want)
	}
	if next != nil {
		t.Errorf("who comes after the end hears %q, want nothing", next)
	}
}
