package store

import "sync"

// broadcast wakes everyone who waits for a key. A key costs memory only between the first
// waiter and the next wake.
type broadcast struct {
	mu    sync.Mutex
	waits map[string]chan struct{}
}

func newBroadcast() *broadcast { return &broadcast{waits: map[string]chan struct{}{}} }

// wait gives a channel that is closed at the next wake of the key. Take it before looking
// at the state that is waited for, or a change between the two is missed.
func (b *broadcast) wait(key string) <-chan struct{} {
	b.mu.Lock()
	defer b.mu.Unlock()
	ch, ok := b.waits[key]
	if !ok {
		ch = make(chan struct{})
		b.waits[key] = ch
	}
	return ch
}

func (b *broadcast) wake(keys ...string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, key := range keys {
		if ch, ok := b.waits[key]; ok {
			close(ch)
			delete(b.waits, key)
		}
	}
}

// Changed gives a channel that is closed when something of the app changes: its row, a deployment,
// a step, a release, a build, a domain. An empty appID means any app. Take the channel first, then
// read, then wait, then start over. Nothing has to be given back.
func (s *Store) Changed(appID string) <-chan struct{} { return s.waiter.wait(appID) }

// changed wakes the followers of an app, and of a deployment's log when one is named, because
// its end may be what they wait for.
func (s *Store) changed(appID, deploymentID string) {
	s.waiter.wake(appID, "")
	if deploymentID != "" {
		s.logs.waiter.wake(deploymentID)
	}
}
