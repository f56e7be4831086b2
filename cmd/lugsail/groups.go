package main

import (
	"os/user"
	"strconv"

	"github.com/lugsail/lugsail/internal/service"
)

// proxyGroup is the group that the proxy runs in; 0 when this machine has no such user.
func proxyGroup() int {
	u, err := user.Lookup(service.ProxyUser)
	if err != nil {
		return 0
	}
	gid, err := strconv.Atoi(u.Gid)
	if err != nil {
		return 0
	}
	return gid
}
