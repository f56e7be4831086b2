package platform_test

import (
	"testing"
	"time"

	"github.com/lugsail/lugsail/platform"
)

func TestShares_NobodyTakesWhatIsLeftForOthers(t *testing.T) {
	var s platform.Shares
	all := platform.Share{Of: "all", Most: 3}
	ada, bob := platform.Share{Of: "ada", Most: 2}, platform.Share{Of: "bob", Most: 2}
	first, full := s.Take(ada, all)
	if full != nil {
		t.Fatal(full)
	}
	if _, full = s.Take(ada, all); full != nil {
		t.Fatal(full)
	}
	if free, full := s.Take(ada, all); free != nil || full == nil || full.Of != "ada" {
		t.Errorf("a third place of one: %+v", full)
	}
	if _, full = s.Take(bob, all); full != nil {
		t.Errorf("another one finds none: %+v", full)
	}
	if _, full := s.Take(bob, all); full == nil || full.Of != "all" {
		t.Errorf("more than there are: %+v", full)
	}
	first()
	first() // gives one place only
	if _, full = s.Take(bob, all); full != nil {
		t.Errorf("a place that was given back: %+v", full)
	}
	if _, full := s.Take(ada, all); full == nil {
		t.Error("a place was given back twice")
	}
}

func TestPace_OnlyWaitingForTheSenderCounts(t *testing.T) {
	trickle := platform.Pace{}
	for i := range 59 {
		if !trickle.Came(1, time.Second) {
			t.Fatalf("too early, after %d seconds", i)
		}
	}
	if trickle.Came(1, time.Second) {
		t.Error("a byte a second is enough")
	}
	busy := platform.Pace{} // the server took an hour for what came at once
	for range 3600 {
		if !busy.Came(100, time.Millisecond) {
			t.Fatal("the server's own time counts")
		}
	}
	thinking := platform.Pace{} // compresses for minutes, then sends everything
	for range 3 {
		if !thinking.Came(16<<10, 110*time.Second) || !thinking.Came(64<<10, time.Second) {
			t.Fatal("a pause is too slow")
		}
	}
	for i := range 30 { // a byte now and then
		if !thinking.Came(1, 40*time.Second) {
			break
		}
		if i == 29 {
			t.Error("a byte in forty seconds is enough")
		}
	}
	phone := platform.Pace{}
	for range 600 {
		if !phone.Came(2<<10, time.Second) {
			t.Fatal("two kilobytes a second are too slow")
		}
	}
}
