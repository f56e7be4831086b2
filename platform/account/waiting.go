package account

import (
	"sync"
	"time"
)

// stepLife is how long something that was begun waits to be finished.
const stepLife = 10 * time.Minute

// maxWaiting bounds the memory that strangers can make us use, to a few MB.
const maxWaiting = 5_000

// waiting holds what people have begun and not finished, by the hash of a secret that they were given. It
// is in memory: a restart lets them begin again.
type waiting[T any] struct {
	mu    sync.Mutex
	begun map[string]begun[T]
}

type begun[T any] struct {
	value T
	since time.Time
}

func newWaiting[T any]() *waiting[T] { return &waiting[T]{begun: map[string]begun[T]{}} }

// put keeps a value and gives the secret by which it is found.
func (w *waiting[T]) put(now time.Time, value T) (secret string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	oldest, since := "", now
	if len(w.begun) >= maxWaiting {
		for hash, b := range w.begun {
			if over(b.since, now) {
				delete(w.begun, hash)
			} else if !b.since.After(since) {
				oldest, since = hash, b.since
			}
		}
	}
	if len(w.begun) >= maxWaiting {
		delete(w.begun, oldest)
	}
	secret = newSessionSecret()
	w.begun[hashOf(secret)] = begun[T]{value, now}
	return secret
}

// look finds a value that still waits.
func (w *waiting[T]) look(now time.Time, secret string) (T, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	b, ok := w.begun[hashOf(secret)]
	if !ok || over(b.since, now) {
		return *new(T), false
	}
	return b.value, true
}

// take finds a value and forgets it: of many at once, one gets it.
func (w *waiting[T]) take(now time.Time, secret string) (T, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	b, ok := w.begun[hashOf(secret)]
	delete(w.begun, hashOf(secret))
	if !ok || over(b.since, now) {
		return *new(T), false
	}
	return b.value, true
}

// over also ends what seems to begin in the future: the clock went back.
func over(since, now time.Time) bool {
	age := now.Sub(since)
	return age >= stepLife || age < -stepLife
}
