package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net/http"
	"path/filepath"
	"sync"

	"github.com/lugsail/lugsail/internal/base"
	"github.com/lugsail/lugsail/internal/cnb"
	"github.com/lugsail/lugsail/internal/config"
	"github.com/lugsail/lugsail/internal/docker"
	"github.com/lugsail/lugsail/internal/registry"
	"github.com/lugsail/lugsail/platform"
)

func newBuilder(cfg config.Config) (*registry.Registry, *cnb.Builder, error) {
	images, err := registry.New(registry.Config{
		Dir: filepath.Join(cfg.DataDir, "registry"), Port: cfg.RegistryPort, Gateway: cnb.Gateway(cfg.BuildSubnet),
	})
	if err != nil {
		return nil, nil, err
	}
	builder, err := cnb.New(cnb.Config{
		DataDir: cfg.DataDir, DockerHost: cfg.DockerHost, Instance: cfg.Instance,
		RegistryPort: cfg.RegistryPort, BuildSubnet: cfg.BuildSubnet, Registry: images, Base: base.Maker{},
	})
	return images, builder, err
}

// prepareBuilds makes what builds need: base image, builder, runtimes. The control plane does it,
// because the registry is its own; here its progress is shown.
func prepareBuilds(ctx context.Context, m machine) error {
	response, err := postAdmin(ctx, m.config, "prepare")
	if err != nil {
		return err
	}
	defer func() { _ = response.Body.Close() }() // it is read to its end
	lines := bufio.NewScanner(response.Body)
	for lines.Scan() {
		m.printf("%s\n", lines.Text())
	}
	if err := lines.Err(); err != nil {
		return platform.Errorf(platform.Unavailable, "prepare_cut", "The control plane ended while it was preparing builds.").
			WithHint("Run it again: lugsail host prepare").Because(err)
	}
	return asPlatform(response.Trailer.Get(troubleTrailer))
}

// prepareForRoot makes what builds need and tells how it goes, line by line.
func (c *control) prepareForRoot(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Trailer", troubleTrailer)
	err := c.prepare(r.Context(), func(line string) {
		_, err := w.Write([]byte(line + "\n"))
		if err = errors.Join(err, http.NewResponseController(w).Flush()); err != nil {
			return // whoever asked has gone; the work goes on
		}
	})
	w.Header().Set(troubleTrailer, fromPlatform(err))
}

// prepare is done by one at a time: at the start, and when root asks. Whoever waits hears how it goes.
func (c *control) prepare(ctx context.Context, progress func(string)) error {
	defer c.steps.join(progress)()
	select {
	case c.preparing <- struct{}{}:
		defer func() { <-c.preparing }()
	case <-ctx.Done():
		return ctx.Err()
	}
	defer c.steps.end()
	return c.builder.Prepare(ctx, c.steps.tell)
}

// steps tells all who listen what is being prepared, and those who come later what was said before.
type steps struct {
	mu        sync.Mutex
	listeners map[*func(string)]bool
	said      []string // by the preparation that runs
}

func (s *steps) join(listener func(string)) (leave func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.listeners == nil {
		s.listeners = map[*func(string)]bool{}
	}
	s.listeners[&listener] = true
	for _, line := range s.said {
		listener(line)
	}
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		delete(s.listeners, &listener)
	}
}

func (s *steps) tell(line string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.said = append(s.said, line)
	for listener := range s.listeners {
		(*listener)(line)
	}
}

func (s *steps) end() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.said = nil
}

// removeFromEngine removes this installation's containers and networks; with purge its images too.
func removeFromEngine(ctx context.Context, cfg config.Config, purge bool) error {
	engine, err := docker.New(docker.Config{Host: cfg.DockerHost, Instance: cfg.Instance, Pool: cfg.AppPool.String()})
	if err != nil {
		return err
	}
	prefix := ""
	if purge {
		prefix = fmt.Sprintf("127.0.0.1:%d/", cfg.RegistryPort)
	}
	return errors.Join(engine.Leave(ctx, prefix), engine.Close())
}
