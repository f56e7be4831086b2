package docker

import (
	"context"
	"fmt"
	"log/slog"
	"strconv"
	"time"

	"github.com/docker/docker/api/types/events"

	"github.com/lugsail/lugsail/platform"
)

// Resync says: something may have been missed, look at everything.
const Resync = "resync"

// Watch tells fn of every replica that begins or ends, from one goroutine, until
// ctx ends. Each time that it has (again) connected to the daemon it says
// "resync": what happened before was not seen, also before the first time.
func (e *Engine) Watch(ctx context.Context, fn func(platform.ReplicaChange)) error {
	pause := time.Second / 10
	for {
		connected, err := e.watchOnce(ctx, fn)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if connected {
			pause = time.Second / 10
		}
		slog.WarnContext(ctx, "engine events lost", "error", err, "again_in", pause)
		if err := sleep(ctx, pause); err != nil {
			return err
		}
		pause = min(2*pause, e.limits.retry)
	}
}

func (e *Engine) watchOnce(ctx context.Context, fn func(platform.ReplicaChange)) (connected bool, err error) {
	stream, stop, err := open(ctx, e, "watching Docker's events", e.subscribe)
	if err != nil {
		return false, err
	}
	defer stream.wait()
	defer stop()
	fn(platform.ReplicaChange{Action: Resync})
	for {
		select {
		case message := <-stream.messages:
			if change, ok := e.changeOf(message); ok {
				fn(change)
			}
		case err := <-stream.errs:
			return true, fmt.Errorf("watching Docker's events: %w", err)
		}
	}
}

// eventStream is the client's pair of channels; errs closes when its goroutine has ended.
type eventStream struct {
	messages <-chan events.Message
	errs     <-chan error
}

func (s eventStream) wait() {
	for range s.errs { // until it is closed
	}
}

// subscribe returns when the daemon has answered, so nothing after it is missed.
func (e *Engine) subscribe(ctx context.Context) (eventStream, error) {
	args := e.replicas("")
	args.Add("type", string(events.ContainerEventType))
	for _, action := range []events.Action{events.ActionStart, events.ActionDie, events.ActionOOM, events.ActionDestroy} {
		args.Add("event", string(action))
	}
	var s eventStream
	s.messages, s.errs = e.client.Events(ctx, events.ListOptions{Filters: args})
	if _, err := e.client.Ping(ctx); err != nil { // a refusal comes into errs a moment late
		return s, err
	}
	select {
	case err := <-s.errs:
		return s, err
	default:
		return s, nil
	}
}

// changeOf also keeps what the engine itself remembers up to date.
func (e *Engine) changeOf(m events.Message) (platform.ReplicaChange, bool) {
	id := m.Actor.ID
	change := platform.ReplicaChange{ReplicaID: id, AppID: m.Actor.Attributes[labelApp], Action: string(m.Action)}
	switch m.Action {
	case events.ActionOOM:
		e.kills.note(id, time.Unix(0, m.TimeNano))
	case events.ActionDie:
		e.pids.forget(id)
		change.ExitCode, _ = strconv.Atoi(m.Actor.Attributes["exitCode"])
	case events.ActionDestroy:
		e.pids.forget(id)
		e.kills.forget(id)
	case events.ActionStart:
	default:
		return change, false
	}
	return change, id != ""
}
