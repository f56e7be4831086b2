package cnb

import (
	"context"
	"fmt"
	"io"
)

const builderTurn = "builder turn" // a lock; no app has such an id

// ensureImages makes the base image and the builder, by one at a time.
func (b *Builder) ensureImages(ctx context.Context, state *prepared, progress func(string)) error {
	unlock, err := b.lock(ctx, builderTurn)
	if err != nil {
		return err
	}
	defer unlock()
	known, err := b.readState() // whoever went before may have made them
	if err != nil {
		return err
	}
	*state = known
	if err := b.ensureBase(ctx, state, progress); err != nil {
		return err
	}
	return b.ensureBuilder(ctx, state, progress)
}

// ensureThere makes the builder again when somebody has removed it from the engine.
func (b *Builder) ensureThere(ctx context.Context, state prepared, log io.Writer) (prepared, error) {
	id, err := b.has(ctx, b.builderName())
	if err != nil || id == state.BuilderID {
		return state, err
	}
	err = b.ensureImages(ctx, &state, func(line string) {
		_, _ = fmt.Fprintln(log, line) // a log that cannot be written must not stop a build
	})
	if err != nil {
		return state, err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.prepared = state
	return state, nil
}
