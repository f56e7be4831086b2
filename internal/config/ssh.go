package config

import (
	"fmt"
	"net"
	"strconv"
)

func setSSHPort(c *Config, v string) error {
	if v == Off {
		v = "0"
	}
	n, err := strconv.Atoi(v)
	if err != nil || n < 0 || n > 65535 {
		return fmt.Errorf(`must be a number from 1 to 65535, or "off"`)
	}
	c.SSHPort = n
	return nil
}

func sshPortText(c Config) string {
	if c.SSHPort == 0 {
		return Off
	}
	return strconv.Itoa(c.SSHPort)
}

// SSHAddress is where git over SSH is served; "" means nowhere.
func (c Config) SSHAddress() string {
	if c.SSHPort == 0 {
		return ""
	}
	return net.JoinHostPort("", strconv.Itoa(c.SSHPort))
}

// Ports are those that visitors and pushers come to.
func (c Config) Ports() []int {
	ports := []int{c.HTTPPort, c.HTTPSPort}
	if c.SSHPort != 0 {
		ports = append(ports, c.SSHPort)
	}
	return ports
}
