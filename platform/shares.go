package platform

import "sync"

// Shares count places that are taken, so that no one takes all of them. The zero value is ready.
type Shares struct {
	mu    sync.Mutex
	taken map[string]int
}

// Share is how many places may be taken under a name at the same time: those of a person, of an app,
// or of all together.
type Share struct {
	Of   string
	Most int
}

// Take takes one place of each share and gives them back by free, which may be called more than once.
// When one of them has none left it takes nothing: full is the first such share, and free is nil.
func (s *Shares) Take(shares ...Share) (free func(), full *Share) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i, share := range shares {
		if s.taken[share.Of] >= share.Most {
			return nil, &shares[i]
		}
	}
	if s.taken == nil {
		s.taken = map[string]int{}
	}
	for _, share := range shares {
		s.taken[share.Of]++
	}
	return sync.OnceFunc(func() { s.give(shares) }), nil
}

func (s *Shares) give(shares []Share) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, share := range shares {
		if s.taken[share.Of]--; s.taken[share.Of] <= 0 {
			delete(s.taken, share.Of)
		}
	}
}
