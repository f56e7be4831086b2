package main

import (
	"github.com/lugsail/lugsail/internal/cnb"
	"github.com/lugsail/lugsail/internal/config"
	"github.com/lugsail/lugsail/internal/dockerfile"
)

func newDockerfile(cfg config.Config, disk *cnb.Builder) (*dockerfile.Builder, error) {
	return dockerfile.New(dockerfile.Config{
		DataDir: cfg.DataDir, DockerHost: cfg.DockerHost, Instance: cfg.Instance, RegistryPort: cfg.RegistryPort, Disk: disk,
	})
}
