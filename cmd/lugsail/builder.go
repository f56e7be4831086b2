package main

import (
	"context"

	"github.com/lugsail/lugsail/internal/cnb"
	"github.com/lugsail/lugsail/internal/config"
	"github.com/lugsail/lugsail/internal/docker"
	"github.com/lugsail/lugsail/internal/registry"
)

func newBuilder(cfg config.Config) (*registry.Registry, *cnb.Builder, error) {
	return &registry.Registry{}, &cnb.Builder{}, nil
}

// prepareBuilds makes what builds need: base image, builder, runtimes.
func prepareBuilds(ctx context.Context, m machine) error {
	_, builder, err := newBuilder(m.config)
	if err != nil {
		return err
	}
	return builder.Prepare(ctx, func(line string) { m.printf("%s\n", line) })
}

// removeFromEngine removes this installation's containers and networks; with purge its images too.
func removeFromEngine(ctx context.Context, cfg config.Config, purge bool) error {
	engine, err := docker.New(docker.Config{Host: cfg.DockerHost, Instance: cfg.Instance, Pool: cfg.AppPool.String()})
	if err != nil {
		return err
	}
	replicas, err := engine.Replicas(ctx, "")
	if err != nil {
		return err
	}
	apps := map[string]bool{}
	for _, r := range replicas {
		apps[r.AppID] = true
	}
	for id := range apps {
		if err := engine.RemoveApp(ctx, id); err != nil {
			return err
		}
	}
	return nil
}
