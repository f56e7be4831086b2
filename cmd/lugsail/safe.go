package main

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/lugsail/lugsail/internal/config"
	"github.com/lugsail/lugsail/internal/service"
	"github.com/lugsail/lugsail/internal/store"
	"github.com/lugsail/lugsail/internal/web"
	"github.com/lugsail/lugsail/platform/app"
)

const safeTime = 30 * time.Second // then it is tried again

// serveGuarded runs the control plane and remembers how that ends. Where it cannot start, it says so
// instead of trying for ever: apps are the proxy's matter and go on.
func serveGuarded(ctx context.Context, cfg config.Config) (err error) {
	if err := store.Free(cfg.DataDir); err != nil {
		return err // somebody else's start, which says nothing of this one
	}
	release, err := claimInstance(ctx, cfg.Instance)
	if err != nil {
		return err // likewise
	}
	defer func() { err = errors.Join(err, release()) }()
	crashes, err := service.ReadCrashes(cfg.RunDir, time.Now)
	if err != nil {
		return err
	}
	given := giveBack(ctx, cfg)
	safe, err := crashes.Begin()
	if err != nil {
		slog.WarnContext(ctx, "the start is not noted", "error", err)
	}
	if safe {
		return serveSafe(ctx, cfg, crashes)
	}
	err = runServe(ctx, cfg, given, func() {
		if err := crashes.Steady(); err != nil {
			slog.WarnContext(ctx, "earlier crashes are not forgotten", "error", err)
		}
	})
	return errors.Join(err, crashes.End(err))
}

// serveSafe serves one page until it is time for another try.
func serveSafe(ctx context.Context, cfg config.Config, crashes *service.Crashes) error {
	slog.ErrorContext(ctx, "safe mode: the control plane does not start", "reason", crashes.Reason.Message, "hint", crashes.Reason.Hint, "retry", safeTime)
	told := ctx
	ctx, quit := context.WithTimeout(ctx, safeTime)
	defer quit()
	c := &control{cfg: cfg, quit: quit}
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error {
		return web.RunSafe(ctx, web.Config{Socket: cfg.ConsoleSocket(), SocketGID: proxyGroup(), Hosts: cfg.ConsoleHosts, Version: version},
			app.Addresses{Hosts: cfg.AppHosts, Consoles: cfg.ConsoleHosts(), Port: cfg.HTTPSPort}, slog.Default())
	})
	group.Go(func() error { return c.runAdminWith(ctx, c.safeHandlers) })
	group.Go(func() error { return runSafeBallast(ctx, cfg) })
	err := group.Wait()
	if told.Err() != nil {
		return errors.Join(err, crashes.Forget())
	}
	return err
}

func (c *control) safeHandlers(mux *http.ServeMux) {
	mux.HandleFunc("POST /restart", func(w http.ResponseWriter, _ *http.Request) {
		answerJSON(w, struct{}{}, nil)
		time.AfterFunc(100*time.Millisecond, c.quit) // the answer goes first
	})
}
