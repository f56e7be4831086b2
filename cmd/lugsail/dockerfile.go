package main

import (
	"github.com/lugsail/lugsail/internal/dockerfile"
)

func (c *control) newDockerfile() (*dockerfile.Builder, error) {
	own := dockerfile.Config{
		DataDir: c.cfg.DataDir, DockerHost: c.cfg.DockerHost, Instance: c.cfg.Instance, RegistryPort: c.cfg.RegistryPort, Disk: c.builder, Bases: c.images,
		Base: c.builder.BaseImage,
	}
	if c.cfg.Firewall {
		own.Fence = c.firewall
	}
	return dockerfile.New(own)
}
