package main

import (
	"context"
	"time"

	"github.com/lugsail/lugsail/internal/config"
	"github.com/lugsail/lugsail/platform"
)

const (
	// answerFirst is how long the control plane goes on after it was told to start anew, so that the answer goes first.
	answerFirst = 200 * time.Millisecond
	// endsWithin is how long it may take to end by itself. The proxy holds requests for 10 seconds in all.
	endsWithin = 4 * time.Second
)

// serverSettings changes this server's settings, and lets the control plane start anew with them. It loses
// nothing by that, and the proxy holds requests meanwhile.
type serverSettings struct{ c *control }

func (s serverSettings) Address() platform.ServerAddress { return s.c.cfg.Address() }

func (s serverSettings) Preview(wish platform.AddressWish) (platform.ServerAddress, error) {
	return s.c.cfg.Preview(wish)
}

func (s serverSettings) Move(_ context.Context, wish platform.AddressWish, asked string) (platform.ServerAddress, error) {
	next, err := s.c.cfg.Move(wish, asked)
	return s.take(next, err)
}

func (s serverSettings) Confirm(context.Context) error {
	_, err := s.take(s.c.cfg.Change(map[string]string{"former_domains": ""}))
	return err
}

func (s serverSettings) take(next config.Config, err error) (platform.ServerAddress, error) {
	if err != nil {
		return platform.ServerAddress{}, err
	}
	time.AfterFunc(answerFirst, s.c.quit)
	if s.c.kill != nil {
		time.AfterFunc(answerFirst+endsWithin, s.c.kill) // nothing is lost by that; whatever hangs must not keep the console away
	}
	return next.Address(), nil
}
