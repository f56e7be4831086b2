package store

import "sync"

// broadcast wakes everyone who waits for a key. A key costs memory only while somebody waits.
type broadcast struct {
	mu    sync.Mutex
	waits map[string]*gathering
}

// gathering is those who wait for the next wake of a key.
type gathering struct {
	woken   chan struct{}
	waiters int
}

func newBroadcast() *broadcast { return &broadcast{waits: map[string]*gathering{}} }

// wait joins those who wait for the key. Join before looking at the state that is waited for,
// or a change between the two is missed; and leave when it is not waited for any more.
func (b *broadcast) wait(key string) *gathering {
	b.mu.Lock()
	defer b.mu.Unlock()
	g, ok := b.waits[key]
	if !ok {
		g = &gathering{woken: make(chan struct{})}
		b.waits[key] = g
	}
	g.waiters++
	return g
}

// leave forgets the key when nobody waits for it any more.
func (b *broadcast) leave(key string, g *gathering) {
	b.mu.Lock()
	defer b.mu.Unlock()
	g.waiters--
	if g.waiters == 0 && b.waits[key] == g {
		delete(b.waits, key)
	}
}

func (b *broadcast) wake(keys ...string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, key := range keys {
		if g, ok := b.waits[key]; ok {
			close(g.woken)
			delete(b.waits, key)
		}
	}
}

// Changed gives a channel that is closed when something of the app changes: its row, a deployment,
// a step, a release, a build, a domain. An empty appID means any app. Take the channel first, then
// read, then wait, then start over. Nothing has to be given back: there is one channel an app, and
// the app's next change drops it.
func (s *Store) Changed(appID string) <-chan struct{} { return s.waiter.wait(appID).woken }

// Version grows with each change of any app, and is another one after a restart.
func (s *Store) Version() int64 { return s.version.Load() }

// changed wakes the followers of an app, and of a deployment's log when one is named, because
// its end may be what they wait for.
func (s *Store) changed(appID, deploymentID string) {
	s.version.Add(1)
	s.waiter.wake(appID, "")
	if deploymentID != "" {
		s.logs.waiter.wake(deploymentID)
	}
}
