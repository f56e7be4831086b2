package console

import (
	"context"
	"crypto/rand"
	"sync"
	"time"

	"github.com/lugsail/lugsail/platform/app"
)

// What is remembered of forms that made something.
const (
	onceLife = 10 * time.Minute
	maxOnces = 200
)

// onces remember for a while what a form has made. Sent twice, by a double click or by loading the answer anew, it
// is answered as before: the passwords on that page are shown nowhere else.
type onces struct {
	mu   sync.Mutex
	made map[string]*once // by who sent it, and the form's own mark
}

type once struct {
	at   time.Time
	done chan struct{} // closed when made and err are there
	made app.Made
	err  error
}

// formMark tells forms apart.
func formMark() string { return rand.Text() }

func (o *onces) do(ctx context.Context, who, mark string, now time.Time, create func() (app.Made, error)) (app.Made, error) {
	if mark == "" {
		return create()
	}
	key := who + " " + mark
	one, first := o.begin(key, now)
	if one == nil {
		return create()
	}
	if !first {
		select {
		case <-one.done:
			return one.made, one.err
		case <-ctx.Done():
			return app.Made{}, ctx.Err()
		}
	}
	defer close(one.done)
	if one.made, one.err = create(); one.err != nil {
		o.mu.Lock()
		delete(o.made, key) // the same form may be sent again
		o.mu.Unlock()
	}
	return one.made, one.err
}

func (o *onces) begin(key string, now time.Time) (one *once, first bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for key, old := range o.made {
		if now.Sub(old.at) > onceLife {
			delete(o.made, key)
		}
	}
	if one = o.made[key]; one != nil {
		return one, false
	}
	if len(o.made) >= maxOnces {
		return nil, true
	}
	if o.made == nil {
		o.made = map[string]*once{}
	}
	one = &once{at: now, done: make(chan struct{})}
	o.made[key] = one
	return one, true
}
