package main

import (
	"github.com/lugsail/lugsail/internal/config"
	"github.com/lugsail/lugsail/internal/gitserver"
)

// makeHostKey makes the key by which SSH clients know this server again, and closes one that
// others could read.
func makeHostKey(m machine, c config.Config) error {
	if c.SSHPort == 0 {
		return nil
	}
	_, repaired, err := gitserver.LoadHostKey(c.SSHHostKey())
	if repaired {
		m.printf("Repaired the mode of %s: others could read it.\n", c.SSHHostKey())
	}
	return err
}

// tellSSH says where git over SSH is, and how to know that it is the right server.
func tellSSH(m machine) {
	if m.config.SSHPort == 0 {
		return
	}
	key, _, err := gitserver.LoadHostKey(m.config.SSHHostKey())
	if err != nil {
		return // told by what made it
	}
	m.printf("Git by SSH   on port %d, with keys: lugsail keys add\n", m.config.SSHPort)
	m.printf("             At the first visit SSH shows this server's fingerprint: %s\n", key.Fingerprint())
}
