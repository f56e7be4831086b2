package cli

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/lugsail/lugsail/platform"
)

// How long a stream that broke off is tried again: the control plane may be restarting.
const (
	retryEvery = 500 * time.Millisecond
	retryFor   = time.Minute
)

// event is one server-sent event.
type event struct {
	name, id, data string
}

var errStreamEnd = errors.New("enough")

// streamOpen is the name of the event that follow itself tells at the begin of each connection.
const streamOpen = "open"

// follow reads events until handle says errStreamEnd. A stream that breaks off goes on
// behind the last event that had an id, for as long as the server comes back within a minute.
func (c *client) follow(ctx context.Context, path string, handle func(event) error) error {
	last := ""
	broken := time.Time{}
	for {
		connected, err := c.read(ctx, path, &last, handle)
		if errors.Is(err, errStreamEnd) {
			return nil
		}
		if err != nil && !platform.IsKind(err, platform.Unavailable) {
			return err
		}
		if connected || broken.IsZero() {
			broken = time.Now()
		}
		if time.Since(broken) > c.patience {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(retryEvery):
		}
	}
}

// read reads one connection's events to its end, and tells whether there was one.
func (c *client) read(ctx context.Context, path string, last *string, handle func(event) error) (connected bool, err error) {
	header := http.Header{"Accept": {"text/event-stream"}}
	if *last != "" {
		header.Set("Last-Event-ID", *last)
	}
	res, err := c.send(ctx, http.MethodGet, path, nil, header)
	if err != nil {
		return false, err
	}
	defer func() { _ = res.Body.Close() }() // nothing was written
	if err := handle(event{name: streamOpen}); err != nil {
		return true, err
	}
	in := bufio.NewReader(res.Body)
	for {
		e, err := readEvent(in)
		if errors.Is(err, io.EOF) {
			return true, nil
		}
		if err != nil {
			return true, c.unreachable(err)
		}
		if e.id != "" {
			*last = e.id
		}
		if err := dispatch(e, handle); err != nil {
			return true, err
		}
	}
}

func dispatch(e event, handle func(event) error) error {
	if e.name != "error" {
		return handle(e)
	}
	var p struct {
		Status              int
		Code, Message, Hint string
	}
	if err := json.Unmarshal([]byte(e.data), &p); err != nil {
		return fmt.Errorf("reading an event: %w", err)
	}
	return &platform.Error{Kind: kindOf(p.Status), Code: p.Code, Message: p.Message, Hint: p.Hint}
}

// readEvent reads to the empty line that ends an event; comments are passed over.
func readEvent(in *bufio.Reader) (event, error) {
	var e event
	var data []string
	for {
		line, err := in.ReadString('\n')
		if err != nil {
			return event{}, err
		}
		line = strings.TrimRight(line, "\r\n")
		name, value, _ := strings.Cut(line, ":")
		value = strings.TrimPrefix(value, " ")
		switch {
		case line == "" && (e.name != "" || data != nil):
			e.data = strings.Join(data, "\n")
			return e, nil
		case name == "event":
			e.name = value
		case name == "id":
			e.id = value
		case name == "data":
			data = append(data, value)
		}
	}
}
